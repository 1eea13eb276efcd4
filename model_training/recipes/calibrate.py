"""Calibration on fold 9: from logits to probabilities. Writes `calibration.json`."""

from ecg_core.calibration import Calibration
from model_training.calibration import fit_calibration
from model_training.data.ptbxl import VALIDATION_FOLD
from model_training.recipes.config import read_run
from model_training.recipes.workbench import Workbench, restored_workbench


def calibrate(bench: Workbench) -> Calibration:
    """Fit on fold 9, each condition asked by its name and description."""
    logits = bench.network.score(bench.stored_windows(VALIDATION_FOLD), bench.canonical)
    targets = bench.recordings.targets[bench.recordings.rows(VALIDATION_FOLD)]
    return fit_calibration(logits.double().numpy(), targets.astype(float))


def read_calibration(bench: Workbench) -> Calibration:
    """The calibration of a run that was calibrated.

    Raises:
        FileNotFoundError: It was not.
    """
    return Calibration.model_validate_json(bench.calibration_file.read_text())


def main() -> None:
    """Calibrate a trained run."""
    bench = restored_workbench(read_run(__doc__))
    bench.calibration_file.write_text(calibrate(bench).model_dump_json(indent=2) + "\n")


if __name__ == "__main__":
    main()
