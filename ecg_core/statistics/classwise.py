"""Calibration class by class: the pooled figure is small where most classes are rare."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_core.statistics.ranking import Scores, expected_calibration_error

_BINS = 10
_SIMULATIONS = 50


@dataclass(frozen=True, slots=True)
class ClasswiseCalibration:
    """Mean over classes of each one's expected calibration error.

    Attributes:
        ece: Of the answers.
        floor: What perfectly calibrated answers of this sharpness would have, on so few recordings:
            labels drawn from the answers themselves; mean over simulations.
        floor_sd: Its standard deviation.
        prevalence: Of answers that know nothing but how often each class is there.
        brier: Mean squared error of the answers.
        brier_prevalence: The same of answers that know the prevalence alone.
    """

    ece: float
    floor: float
    floor_sd: float
    prevalence: float
    brier: float
    brier_prevalence: float


def classwise_calibration(
    labels: NDArray[np.floating], probabilities: Scores, prevalence: Scores, seed: int = 0
) -> ClasswiseCalibration:
    """Calibration of each class by itself, ten bins of equal width.

    Args:
        labels: Shape (recording, class): 1, 0, NaN where nothing is said.
        probabilities: The same shape.
        prevalence: Of each class in other recordings, shape (class,).
        seed: Of the simulated labels.
    """
    generator = np.random.default_rng(seed)
    said = ~np.isnan(labels)
    constant = np.broadcast_to(prevalence, labels.shape)
    floors = [
        _mean_error(np.where(said, generator.random(labels.shape) < probabilities, np.nan),
                    probabilities)
        for _ in range(_SIMULATIONS)
    ]  # fmt: skip
    return ClasswiseCalibration(
        ece=_mean_error(labels, probabilities),
        floor=float(np.mean(floors)),
        floor_sd=float(np.std(floors)),
        prevalence=_mean_error(labels, constant),
        brier=float(np.square(probabilities - labels)[said].mean()),
        brier_prevalence=float(np.square(constant - labels)[said].mean()),
    )


def _mean_error(labels: NDArray[np.floating], probabilities: Scores) -> float:
    said = ~np.isnan(labels)
    errors = [
        expected_calibration_error(labels[rows, number] == 1, probabilities[rows, number], _BINS)
        for number, rows in enumerate(said.T)
        if rows.any()
    ]
    return float(np.mean(errors))
