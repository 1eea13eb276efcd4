"""Figures of ADRs 6 to 8: `python -m tests.benchmarks.decisions` (docs/measured/decisions.json).

Micro-batches, threads of a session, workers, int8, and a cache of ECG features. CPU time where a
decision is about work, since other programs on the machine hardly change it.
"""

import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic
from rich.console import Console

from cardioquery.demo.server import running_server
from ecg_core.bundle import ECG_ENCODER_FILE, TEXT_ENCODER_FILE
from ecg_core.preprocessing import prepare
from ecg_core.readers import ReadLimits, StatedFacts, read_recording
from ecg_core.signs import measure_signs
from service.engine.diagnosis import Question
from service.engine.inference.onnx import RuntimeOptions, load_model
from service.observability.metrics import Metrics
from service.runtime.assembly import Runtime, load_runtime
from service.settings import Settings, available_cores
from tests.benchmarks.driver import closed_loop, diagnose_request, span_s
from tests.benchmarks.figures import DOCS, machine, percentiles_ms
from tests.benchmarks.inputs import bench_queries, bench_recording
from tests.benchmarks.processes import tree_mib

OUTPUT = DOCS / "decisions.json"
CALLS = 40
QUERIES = 20
BATCHES = (1, 2, 4, 8, 16)
CLIENTS = 16
TOKENS = 12


def cpu_ms(call: Callable[[], object], calls: int = CALLS) -> float:
    """The median CPU time of a call, of all threads."""
    return _median_ms(call, calls, time.process_time)


def wall_ms(call: Callable[[], object], calls: int = CALLS) -> float:
    """The median time of a call on the clock."""
    return _median_ms(call, calls, time.perf_counter)


def _median_ms(call: Callable[[], object], calls: int, clock: Callable[[], float]) -> float:
    call()
    took = []
    for _ in range(calls):
        started = clock()
        call()
        took.append(clock() - started)
    return round(1000 * statistics.median(took), 3)


def prepared_windows(runtime: Runtime) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The windows of the recording that all load programs send."""
    recording = read_recording(bench_recording(), StatedFacts(), ReadLimits())
    return prepare(recording, runtime.engine.preprocessing).windows


def micro_batching(runtime: Runtime) -> dict[str, Any]:
    """CPU of the encoder for each recording of a batch, beside that of a whole diagnosis."""
    windows, engine = prepared_windows(runtime), runtime.engine
    asked = (bench_recording(), Question(tuple(bench_queries(QUERIES))))
    signs = measure_signs(windows, engine.preprocessing)
    batches = {
        size: (np.repeat(windows, size, axis=0), np.repeat(signs, size, axis=0)) for size in BATCHES
    }
    encoding = {
        str(size): round(
            cpu_ms(partial(engine.ecg_encoder.encode, *batch)) / size / len(windows), 3
        )
        for size, batch in batches.items()
    }
    whole = cpu_ms(lambda: engine.diagnose(*asked))
    saved = encoding["1"] - min(encoding.values())
    return {
        "encode_cpu_ms_each_by_batch": encoding,
        "diagnosis_cpu_ms": whole,
        "best_saving_of_diagnosis": round(saved / whole, 3),
    }


def threads_per_session(runtime: Runtime) -> dict[str, Any]:
    """One diagnosis with so many threads inside an inference: how long, and how much CPU."""
    asked = (bench_recording(), Question(tuple(bench_queries(QUERIES))))
    found = {}
    for threads in (1, 2):
        model = load_model(runtime.bundle, RuntimeOptions(intra_op_threads=threads))
        engine = replace(runtime.engine, ecg_encoder=model.ecg_encoder, fusion=model.fusion)
        found[str(threads)] = {
            "diagnosis_ms": wall_ms(lambda each=engine: each.diagnose(*asked)),
            "cpu_ms": cpu_ms(lambda each=engine: each.diagnose(*asked)),
        }
    return found


def workers_per_core(seconds: float) -> dict[str, Any]:
    """The service at saturation, with so many workers and diagnoses at once in each."""
    cores = available_cores()
    found = {}
    for workers, at_once in ((1, cores), (cores, 1), (cores, 2), (2 * cores, 1)):
        options = {
            "CARDIOQUERY_WORKERS": str(workers),
            "CARDIOQUERY_MAX_CONCURRENT_DIAGNOSES": str(at_once),
        }
        with running_server(180.0, options) as (url, process):
            request = diagnose_request(url, bench_recording(), bench_queries(QUERIES))
            closed_loop(url, request, CLIENTS, seconds)
            samples = closed_loop(url, request, CLIENTS, seconds)
            memory = tree_mib(process.pid)
        took = [sample.took_s for sample in samples if sample.status == 200]
        found[f"{workers} x {at_once}"] = {
            "rps": round(len(took) / span_s(samples), 1), **percentiles_ms(took),
            "memory_mb": memory,
        }  # fmt: skip
    return found


def int8(runtime: Runtime, folder: Path) -> dict[str, Any]:
    """Graphs with their weights and arithmetic in int8, against those of the bundle."""
    windows = prepared_windows(runtime)
    random = np.random.default_rng(0)
    ids = random.integers(1000, 20_000, (1, TOKENS))
    texts = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    recording = {"windows": windows}
    if runtime.bundle.manifest.ecg_encoder.signs:
        recording["signs"] = measure_signs(windows, runtime.engine.preprocessing)
    encoder = _pair(runtime.bundle.path(ECG_ENCODER_FILE), folder, recording)
    text = _pair(runtime.bundle.path(TEXT_ENCODER_FILE), folder, texts)
    cosine = float((text["outputs"][0] * text["outputs"][1]).sum())
    embeddings = runtime.engine.answerer.embeddings.get(runtime.engine.resolver.resolve(()))
    logits = [
        runtime.engine.answerer.fusion.logits(each, embeddings) for each in encoder["outputs"]
    ]
    return {
        "ecg_encoder": {
            **encoder["cpu_ms"],
            "largest_logit_difference": round(float(np.abs(logits[0] - logits[1]).max()), 4),
        },
        "text_encoder": {**text["cpu_ms"], "cosine_of_embeddings": round(cosine, 5)},
    }


def _pair(path: Path, folder: Path, inputs: dict[str, Any]) -> dict[str, Any]:
    """A graph as it ships, with weights unpacked at loading, and with int8 arithmetic."""
    quantised = folder / path.name
    unpacked = {"session.disable_quant_qdq": "1"}
    quantize_dynamic(path, quantised, weight_type=QuantType.QInt8)
    sessions = {
        "as_shipped": _session(path, {}),
        "unpacked_at_loading": _session(path, unpacked),
        "int8": _session(quantised, {}),
    }
    run = {
        name: lambda session=session: session.run(None, inputs)[0]
        for name, session in sessions.items()
    }
    return {
        "cpu_ms": {f"{name}_cpu_ms": cpu_ms(call) for name, call in run.items()},
        "outputs": [run["as_shipped"](), run["int8"]()],
    }


def _session(path: Path, entries: dict[str, str]) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    for key, value in entries.items():
        options.add_session_config_entry(key, value)
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def feature_cache(runtime: Runtime) -> dict[str, Any]:
    """What a cache of ECG features by the upload's hash would save where the upload is the same."""
    files = bench_recording()
    asked = (files, Question(tuple(bench_queries(QUERIES))))
    found = [runtime.engine.diagnose(*asked).durations_s for _ in range(CALLS)]
    stages = {
        stage: round(1000 * statistics.median(each[stage] for each in found), 3)
        for stage in found[0]
    }
    windows = prepared_windows(runtime)
    signs = measure_signs(windows, runtime.engine.preprocessing)
    features = runtime.engine.ecg_encoder.encode(windows, signs)
    spared = sum(stages[name] for name in ("parse", "quality", "preprocess", "measure", "encode"))
    return {
        "stages_ms": stages,
        "hash_cpu_ms": cpu_ms(lambda: [hashlib.sha256(f.content).digest() for f in files]),
        "spared_by_a_hit": round(spared / stages["total"], 3),
        "features_kb": round(features.nbytes / 1000, 1),
    }


def measure(seconds: float) -> dict[str, Any]:
    """All of them."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(store_path=Path(folder, "bench.sqlite3"), intra_op_threads=1)
        with closing(load_runtime(settings, Metrics())) as runtime:
            return {
                "made_by": {"command": "python -m tests.benchmarks.decisions"} | machine(),
                "micro_batching": micro_batching(runtime),
                "threads_per_session": threads_per_session(runtime),
                "int8": int8(runtime, Path(folder)),
                "feature_cache": feature_cache(runtime),
                "workers_by_diagnoses_at_once": workers_per_core(seconds),
            }


def main() -> None:
    """Measure, print, write down."""
    figures = measure(seconds=5.0)
    OUTPUT.write_text(json.dumps(figures, indent=2) + "\n")
    Console().print_json(data=figures)


if __name__ == "__main__":
    main()
