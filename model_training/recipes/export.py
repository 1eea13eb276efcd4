"""Export to the bundle that the service loads: ONNX graphs, tokenizer, embeddings, manifest.

Every graph is compared with its torch module before the bundle replaces the one that is there.
"""

import shutil
import tempfile
from pathlib import Path

from model_training.export.bundle import write_bundle
from model_training.run.config import read_run
from model_training.run.provenance import WrongRun
from model_training.run.results import NAME, read_results, results_folder
from model_training.run.workbench import Workbench, restored_workbench

BUNDLE = Path("service/bundle")


def export(bench: Workbench, bundle: Path) -> dict[str, float]:
    """Write the bundle when all that belongs to it is there; returns the graphs' differences.

    Raises:
        WrongRun: The run was not calibrated or evaluated, or its results are of other weights.
    """
    faults = [
        f"{file.name} is missing: run `{program}`"
        for file, program in (
            (bench.calibration_file, "calibrate"),
            (results_folder(bench.run) / NAME, "evaluate"),
        )
        if not file.is_file()
    ]
    if faults:
        raise WrongRun(faults)
    read_results(bench.run)
    with tempfile.TemporaryDirectory(dir=bench.run.folder) as scratch:
        folder = Path(scratch) / "bundle"
        folder.mkdir()
        differences = write_bundle(bench, folder)
        shutil.rmtree(bundle, ignore_errors=True)
        shutil.move(folder, bundle)
    return differences


def main() -> None:
    """Export a trained, calibrated and evaluated run."""
    differences = export(restored_workbench(read_run(__doc__)), BUNDLE)
    for name, difference in differences.items():
        print(f"{name}: largest difference from torch {difference:.1e}")


if __name__ == "__main__":
    main()
