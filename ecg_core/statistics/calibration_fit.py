"""Temperature and bias on validation recordings (Platt 1999; Guo et al. 2017)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ecg_core.calibration import Calibration


@dataclass(frozen=True, eq=False, slots=True)
class Answers:
    """What was answered to some queries, and what is true.

    Attributes:
        logits: Shape (recording, query).
        targets: The same shape: 1, 0, or NaN where nothing is said.
        similarities: Of each query to the nearest trained condition, shape (query,).
    """

    logits: NDArray[np.floating]
    targets: NDArray[np.floating]
    similarities: NDArray[np.floating]

    @property
    def labelled(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Logits, labels and similarities where something is said, each of shape (pair,)."""
        labelled = ~np.isnan(self.targets)
        similar = np.broadcast_to(self.similarities, labelled.shape)
        logits, labels, similarities = (
            part[labelled].astype(np.float64) for part in (self.logits, self.targets, similar)
        )
        return logits, labels, similarities


def fit_calibration(logits: NDArray[np.float64], targets: NDArray[np.float64]) -> Calibration:
    """Fit one temperature and one bias by maximum likelihood.

    Args:
        logits: Shape (recording, condition).
        targets: Shape (recording, condition): 1, 0, or NaN where nothing is said.

    Returns:
        The calibration of known conditions, and the same for unseen ones: so that both rank on
        one scale, though nothing is known of how often the unseen are present.
    """
    slope, bias = _fit([Answers(logits, targets, np.zeros(logits.shape[1]))], 2)
    temperature = float(np.exp(-slope))
    return Calibration(
        temperature=temperature,
        bias=float(bias),
        unseen_temperature=temperature,
        unseen_bias=float(bias),
    )


def fit_unseen_calibration(known: Calibration, answers: Sequence[Answers]) -> Calibration:
    """Fit what is said of conditions that were not trained, on some that were left out.

    Args:
        known: What stays as it is for those that were trained.
        answers: Of each way in which something unknown is asked; all weigh the same.
    """
    slope, bias, similarity = _fit(answers, 3)
    return known.model_copy(
        update={
            "unseen_temperature": float(np.exp(-slope)),
            "unseen_bias": float(bias),
            "unseen_similarity": float(similarity),
        }
    )


def _fit(answers: Sequence[Answers], parameters: int) -> NDArray[np.float64]:
    """Logarithm of the slope, bias, and, if there is a third, the weight of the similarity."""
    parts = [part.labelled for part in answers]

    def loss(fitted: NDArray[np.float64]) -> float:
        weight = fitted[2] if parameters > 2 else 0.0
        losses = []
        for logits, labels, similarities in parts:
            scaled = logits * np.exp(fitted[0]) + fitted[1] + weight * similarities
            losses.append(np.mean(np.logaddexp(0, scaled) - labels * scaled))
        return float(np.mean(losses))

    found: NDArray[np.float64] = minimize(loss, np.zeros(parameters), method="Nelder-Mead").x
    return found
