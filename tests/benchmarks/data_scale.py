"""How listing a release and reading a store grow: `python -m tests.benchmarks.data_scale`, as JSON.

A MIMIC-IV-ECG of so many recordings whose files are empty is listed (rows, reports, whether files
are there), and a store of so many rows whose windows are a hole in a file is opened: neither needs
the samples. Each runs in a process of its own, so that its memory is its own.
"""

import argparse
import csv
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ecg_core.preprocessing import PreprocessingSpec
from model_training.data.releases.registry import RELEASES
from model_training.data.store import RecordingStore
from model_training.data.store.assembly import INDEX_COLUMNS
from model_training.data.store.layout import INDEX, WINDOWS
from tests.support.recordings import PEAK_KB
from tests.support.releases import finish_store

REPORT = ("Sinus rhythm", "Possible left atrial abnormality", "Borderline ECG")
BATCH, BATCHES = 64, 20


def write_release(root: Path, count: int) -> None:
    """Tables of so many recordings, a thousand empty pairs of files a folder."""
    with (
        (root / "record_list.csv").open("w", newline="") as records,
        (root / "machine_measurements.csv").open("w", newline="") as measurements,
    ):
        listed, measured = csv.writer(records), csv.writer(measurements)
        listed.writerow(["subject_id", "study_id", "file_name", "ecg_time", "path"])
        columns = [f"report_{number}" for number in range(18)]
        measured.writerow(["subject_id", "study_id", "cart_id", *columns])
        for number in range(count):
            folder, study = f"files/p{number // 1000:04d}", 40_000_000 + number
            if number % 1000 == 0:
                (root / folder).mkdir(parents=True)
            for suffix in (".hea", ".dat"):
                (root / folder / f"{study}{suffix}").touch()
            subject = 10_000_000 + number // 5
            listed.writerow([subject, study, study, "2180-01-01 00:00:00", f"{folder}/{study}"])
            measured.writerow([subject, study, 6000, *REPORT, *[""] * 15])


def write_store(folder: Path, count: int) -> None:
    """A finished store whose windows are zeros that take no room on the disk."""
    spec = PreprocessingSpec()
    with (folder / INDEX).open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(INDEX_COLUMNS)
        for number in range(count):
            study, subject = 40_000_000 + number, 10_000_000 + number // 5
            report = ". ".join(REPORT)
            writer.writerow([study, "mimic-iv-ecg", subject, 1 + subject % 10, 0, "", report])
    shape = (count, len(spec.leads), spec.window_samples)
    np.lib.format.open_memmap(folder / WINDOWS, mode="w+", dtype="<f2", shape=shape)
    finish_store(folder, spec, count, sample_type="float16")


def list_release(root: Path) -> dict[str, float]:
    """Seconds, and recordings without a fault."""
    started = time.perf_counter()
    listing = RELEASES["mimic-iv-ecg"].listing(root).without_faults(frozenset())
    return {"recordings": len(listing.recordings), "seconds": time.perf_counter() - started}


def open_store(folder: Path) -> dict[str, float]:
    """Seconds to open, and milliseconds to take a batch of rows at random."""
    started = time.perf_counter()
    store = RecordingStore.open(folder)
    opened_s = time.perf_counter() - started
    generator = np.random.default_rng(0)
    started = time.perf_counter()
    for _ in range(BATCHES):
        store.windows[generator.choice(len(store.ids), BATCH, replace=False)].astype(np.float32)
    batch_ms = 1000 * (time.perf_counter() - started) / BATCHES
    return {"recordings": len(store.ids), "seconds": opened_s, "batch_of_64_ms": batch_ms}


PARTS = {"list": list_release, "open": open_store}


def alone(part: str, folder: Path) -> dict[str, float]:
    """What one part measures in a process of its own, with its peak of memory."""
    program = (
        f"{PEAK_KB}\nimport json, sys\nfrom pathlib import Path\n"
        "from tests.benchmarks.data_scale import PARTS\n"
        "measured = PARTS[sys.argv[1]](Path(sys.argv[2]))\n"
        "print(json.dumps(measured | {'peak_mb': peak_kb() / 1024}))"
    )
    output = subprocess.run(
        [sys.executable, "-c", program, part, str(folder)], capture_output=True, check=True
    ).stdout
    measured: dict[str, float] = json.loads(output)
    return {name: round(value, 1) for name, value in measured.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How listing and reading grow.")
    parser.add_argument("--recordings", type=int, default=100_000)
    count = parser.parse_args().recordings
    results = {}
    for part, write in {"list": write_release, "open": write_store}.items():
        with TemporaryDirectory() as folder:
            write(Path(folder), count)
            results[part] = alone(part, Path(folder))
    sys.stdout.write(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
