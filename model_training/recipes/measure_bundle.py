"""Size and speed of the bundle that a trained run gives. Writes `bundle.json` of the run.

The bundle is exported to a folder that is thrown away, so that the report can state its size and
speed before `export` puts it in the service's place.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ecg_core.bundle import CONDITION_EMBEDDINGS_FILE, ECG_ENCODER_FILE, FUSION_FILE
from ecg_core.conditions import Catalogue
from ecg_core.preprocessing import prepare
from ecg_core.quality import check_recording
from ecg_core.readers import UploadedFile, read_recording
from model_training.evaluation.calibration import read_calibration
from model_training.export.bundle import write_bundle
from model_training.export.networks import encoder_inputs, input_names
from model_training.models.token_network import TokenNetwork
from model_training.run.config import Run, read_run
from model_training.run.workbench import Workbench, restored_workbench

_FILE = "bundle.json"
_WARMING, _CALLS, _QUERIES = 10, 100, 20


def measure_bundle(bench: Workbench) -> dict[str, float]:
    """Megabytes (10^6 bytes) of all files; median milliseconds on one core.

    The time is from a recording's files to calibrated probabilities of 20 conditions of the
    catalogue, whose embeddings the bundle holds.
    """
    with tempfile.TemporaryDirectory(dir=bench.run.folder) as scratch:
        folder = Path(scratch)
        write_bundle(bench, folder, with_base_rates=False)
        bytes_in_all = sum(file.stat().st_size for file in folder.iterdir())
        latency_ms = _latency_ms(_diagnosis(bench, folder))
    return {
        "megabytes": round(bytes_in_all / 1e6, 2),
        "latency_ms_20_queries": round(latency_ms, 2),
        "calls": _CALLS,
    }


def _diagnosis(bench: Workbench, folder: Path) -> Callable[[], object]:
    encoder, fusion = (_session(folder / name) for name in (ECG_ENCODER_FILE, FUSION_FILE))
    queries = _asked(bench, folder)
    calibration, spec = read_calibration(bench), bench.run.config.preprocessing
    known = np.ones(len(queries), dtype=bool)
    inputs = input_names(bench.network)
    files = _first_recording(bench)

    def diagnose() -> object:
        report = check_recording(read_recording(files), allow_missing_leads=True)
        windows = prepare(report.recording, spec).windows
        (features,) = encoder.run(None, encoder_inputs(bench.network, windows))
        (logits,) = fusion.run(None, dict(zip(inputs, (features, queries), strict=True)))
        return calibration.probabilities(logits.mean(axis=0), known)

    return diagnose


def _asked(bench: Workbench, folder: Path) -> NDArray[np.float32]:
    """What is put to the fusion for the catalogue's first conditions, at hand beforehand."""
    if isinstance(bench.network, TokenNetwork):
        return bench.queries.conditions(Catalogue.load().conditions[:_QUERIES])
    embeddings: NDArray[np.float32] = np.load(folder / CONDITION_EMBEDDINGS_FILE)[:_QUERIES]
    return embeddings


def _first_recording(bench: Workbench) -> list[UploadedFile]:
    """The first window of the run as a WFDB record of 16-bit samples, such as people send.

    Made of the window, for a store has no files: what it holds does not change how long it takes.
    """
    spec = bench.run.config.preprocessing
    window_mv = bench.first_windows(1)[0].numpy() * spec.millivolts_per_unit
    samples = np.clip(np.rint(1000 * window_mv), -32767, 32767).astype("<i2")
    lines = [f"first {len(spec.leads)} {spec.sampling_rate_hz:g} {samples.shape[1]}"]
    lines += [f"first.dat 16 1000(0)/mV 16 0 0 0 0 {lead}" for lead in spec.leads]
    return [
        UploadedFile("first.hea", ("\n".join(lines) + "\n").encode()),
        UploadedFile("first.dat", samples.T.tobytes()),
    ]


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _latency_ms(call: Callable[[], object]) -> float:
    for _ in range(_WARMING):
        call()
    times = []
    for _ in range(_CALLS):
        started = perf_counter()
        call()
        times.append(1000 * (perf_counter() - started))
    return median(times)


def read_bundle_figures(run: Run) -> dict[str, object]:
    """What was measured; empty if nothing was."""
    file = run.folder / _FILE
    return {"bundle": json.loads(file.read_text())} if file.exists() else {}


def main() -> None:
    """Measure a trained and calibrated run."""
    bench = restored_workbench(read_run(__doc__))
    (bench.run.folder / _FILE).write_text(json.dumps(measure_bundle(bench), indent=2) + "\n")


if __name__ == "__main__":
    main()
