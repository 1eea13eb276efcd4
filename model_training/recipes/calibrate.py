"""Calibration on fold 9: from logits to probabilities. Writes `calibration.json`."""

import torch

from ecg_core.calibration import Calibration
from model_training.calibration import fit_calibration
from model_training.data.ptbxl import VALIDATION_FOLD
from model_training.recipes.config import Run, read_run
from model_training.recipes.pretrain import MODEL_FILE, Workbench, open_workbench

CALIBRATION_FILE = "calibration.json"


def calibrate(bench: Workbench) -> Calibration:
    """Fit on fold 9, each condition asked by its name and description."""
    rows = bench.recordings.rows(VALIDATION_FOLD)
    windows = torch.from_numpy(bench.recordings.windows[rows])
    logits = bench.network.score(windows, bench.canonical).double().numpy()
    return fit_calibration(logits, bench.recordings.targets[rows].astype(float))


def read_calibration(run: Run) -> Calibration:
    """The calibration of a run that was calibrated."""
    return Calibration.model_validate_json((run.folder / CALIBRATION_FILE).read_text())


def main() -> None:
    """Calibrate a trained run."""
    run = read_run(__doc__)
    bench = open_workbench(run)
    bench.network.restore(run.folder / MODEL_FILE)
    calibration = calibrate(bench)
    (run.folder / CALIBRATION_FILE).write_text(calibration.model_dump_json(indent=2) + "\n")


if __name__ == "__main__":
    main()
