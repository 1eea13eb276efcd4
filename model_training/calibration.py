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
    said = ~np.isnan(targets)
    flat, labels = logits[said], targets[said]

    def loss(parameters: NDArray[np.float64]) -> float:
        scaled = flat * np.exp(parameters[0]) + parameters[1]
        return float(np.mean(np.logaddexp(0, scaled) - labels * scaled))

    slope, bias = minimize(loss, np.zeros(2), method="Nelder-Mead").x
    temperature, shift = float(np.exp(-slope)), float(bias)
    return Calibration(
        temperature=temperature, bias=shift, unseen_temperature=temperature, unseen_bias=shift
    )
