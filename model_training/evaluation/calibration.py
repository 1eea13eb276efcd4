"""Calibration on fold 9: from logits to probabilities."""

from ecg_core.calibration import Calibration
from ecg_core.statistics.calibration_fit import fit_calibration
from model_training.data.labelled import VALIDATION_FOLD
from model_training.run.workbench import Workbench


def calibrate(bench: Workbench) -> Calibration:
    """Fit on fold 9, each condition asked by its name and description."""
    logits = bench.network.score(bench.stored_windows(VALIDATION_FOLD), bench.asked)
    targets = bench.recordings.targets[bench.recordings.rows(VALIDATION_FOLD)]
    return fit_calibration(logits.double().numpy(), targets.astype(float))


def read_calibration(bench: Workbench) -> Calibration:
    """The calibration of a run that was calibrated.

    Raises:
        FileNotFoundError: It was not.
    """
    return Calibration.model_validate_json(bench.calibration_file.read_text())
