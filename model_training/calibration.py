"""Temperature and bias on validation recordings (Platt 1999; Guo et al. 2017)."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ecg_core.calibration import Calibration


def fit_calibration(logits: NDArray[np.float64], targets: NDArray[np.float64]) -> Calibration:
    """Fit one temperature and one bias by maximum likelihood.

    Args:
        logits: Shape (recording, condition).
        targets: Shape (recording, condition): 1, 0, or NaN where nothing is said.

    Returns:
        The calibration of known conditions, and the same for unseen ones: so that both rank on
        one scale, though nothing is known of how often the unseen are present.
    """
    slope, bias, _ = _fit(logits, targets, np.zeros(logits.shape[1]))
    temperature = float(np.exp(-slope))
    return Calibration(
        temperature=temperature, bias=bias, unseen_temperature=temperature, unseen_bias=bias
    )


def fit_unseen_calibration(
    known: Calibration,
    logits: NDArray[np.float64],
    targets: NDArray[np.float64],
    similarities: NDArray[np.float64],
) -> Calibration:
    """Fit what is said of conditions that were not trained, on some that were left out.

    Args:
        known: What stays as it is for those that were trained.
        logits: Of conditions that the network was not trained on, shape (recording, condition).
        targets: The same shape: 1, 0, or NaN where nothing is said.
        similarities: Of each condition to the nearest trained one, shape (condition,).
    """
    slope, bias, similarity = _fit(logits, targets, similarities)
    return known.model_copy(
        update={
            "unseen_temperature": float(np.exp(-slope)),
            "unseen_bias": bias,
            "unseen_similarity": similarity,
        }
    )


def _fit(
    logits: NDArray[np.float64], targets: NDArray[np.float64], similarities: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Logarithm of the slope, bias, and weight of the similarity; the last is 0 if none differs."""
    said = ~np.isnan(targets)
    labels = targets[said]
    similar = np.broadcast_to(similarities, targets.shape)[said]
    inputs = logits[said]
    varies = bool(np.ptp(similarities) > 0)

    def loss(parameters: NDArray[np.float64]) -> float:
        scaled = inputs * np.exp(parameters[0]) + parameters[1]
        if varies:
            scaled += parameters[2] * similar
        return float(np.mean(np.logaddexp(0, scaled) - labels * scaled))

    found = minimize(loss, np.zeros(3 if varies else 2), method="Nelder-Mead").x
    return float(found[0]), float(found[1]), float(found[2]) if varies else 0.0
