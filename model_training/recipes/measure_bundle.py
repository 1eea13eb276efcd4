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

from ecg_core.bundle import CONDITION_EMBEDDINGS_FILE, ECG_ENCODER_FILE, FUSION_FILE
from ecg_core.preprocessing import prepare
from ecg_core.quality import check_recording
from ecg_core.readers import UploadedFile, read_recording
from ecg_core.signs import measure_signs
from model_training.recipes.calibrate import read_calibration
from model_training.recipes.config import Run, read_run
from model_training.recipes.export import write_bundle
from model_training.recipes.workbench import Workbench, restored_workbench

_FILE = "bundle.json"
_WARMING, _CALLS, _QUERIES = 10, 100, 20


def measure_bundle(bench: Workbench) -> dict[str, float]:
    """Megabytes (10^6 bytes) of all files; median milliseconds on one core.

    The time is from a recording's files to calibrated probabilities of 20 conditions of the
    catalogue, whose embeddings the bundle holds.
    """
    with tempfile.TemporaryDirectory(dir=bench.run.folder) as scratch:
        folder = Path(scratch)
        write_bundle(bench, folder)
        bytes_in_all = sum(file.stat().st_size for file in folder.iterdir())
        latency_ms = _latency_ms(_diagnosis(bench, folder))
    return {
        "megabytes": round(bytes_in_all / 1e6, 2),
        "latency_ms_20_queries": round(latency_ms, 2),
        "calls": _CALLS,
    }


def _diagnosis(bench: Workbench, folder: Path) -> Callable[[], object]:
    encoder, fusion = (_session(folder / name) for name in (ECG_ENCODER_FILE, FUSION_FILE))
    queries = np.load(folder / CONDITION_EMBEDDINGS_FILE)[:_QUERIES]
    calibration, spec = read_calibration(bench), bench.run.config.preprocessing
    known = np.ones(len(queries), dtype=bool)
    has_signs = bench.network.measured is not None
    header = next(iter(sorted((bench.run.shared / "ptb-xl").glob("records*/*/*.hea"))))
    pair = (header, header.with_suffix(".dat"))
    files = [UploadedFile(path.name, path.read_bytes()) for path in pair]

    def diagnose() -> object:
        report = check_recording(read_recording(files), allow_missing_leads=True)
        windows = prepare(report.recording, spec).windows
        feeds = {"windows": windows}
        if has_signs:
            feeds["signs"] = measure_signs(windows, spec)
        (features,) = encoder.run(None, feeds)
        (logits,) = fusion.run(None, {"features": features, "query_embeddings": queries})
        return calibration.probabilities(logits.mean(axis=0), known)

    return diagnose


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
