"""Whether one method is better than another on the same recordings."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from ecg_core.statistics.ranking import (
    Labels,
    auroc,
    bootstrap_weights,
    mean_over_classes,
    percent_interval,
    rounded,
    weighted_areas,
)


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean AUROC of one method minus that of another.

    Attributes:
        points: In percentage points.
        ci95: Paired bootstrap interval over recordings.
        p_value: Two-sided: twice the share of resamples on the other side of zero, at least
            2 / (resamples + 1).
    """

    points: float
    ci95: tuple[float, float]
    p_value: float

    def rounded(self) -> dict[str, object]:
        """As plain data; the p value with four decimals."""
        plain = {name: rounded(value) for name, value in asdict(self).items()}
        return {**plain, "p_value": round(self.p_value, 4)}


def paired_bootstrap(
    labels: Labels,
    ours: NDArray[np.floating],
    other: NDArray[np.floating],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Difference:
    """Compare two methods in the same resamples of recordings.

    Args:
        labels: Shape (recording, class); NaN where nothing is known.
        ours: Shape (recording, class).
        other: Shape (recording, class).
        resamples: How many.
        seed: Of the resamples.
    """
    weights = bootstrap_weights(len(labels), resamples, seed)
    means = [mean_over_classes(weighted_areas(labels, s, weights)[0]) for s in (ours, other)]
    differences = means[0] - means[1]
    differences = differences[~np.isnan(differences)]
    tail = min((differences <= 0).sum(), (differences >= 0).sum())
    points = mean_over_classes(auroc(labels, ours)) - mean_over_classes(auroc(labels, other))
    return Difference(
        points=100 * float(points),
        ci95=percent_interval(differences),
        p_value=min(1.0, float(2 * (tail + 1) / (len(differences) + 1))),
    )


def delong(
    labels: NDArray[np.bool_], ours: NDArray[np.floating], other: NDArray[np.floating]
) -> float:
    """Two-sided p value for the difference of two AUROCs of one class.

    DeLong et al. 1988 in the fast form of Sun and Xu 2014.

    Args:
        labels: Shape (recording,), of both kinds.
        ours: Shape (recording,).
        other: Shape (recording,).

    Returns:
        The p value; NaN where a kind has one recording only.
    """
    scores = np.stack([ours, other]).astype(np.float64)
    positive, negative = scores[:, labels], scores[:, ~labels]
    m, n = positive.shape[1], negative.shape[1]
    together = rankdata(np.concatenate([positive, negative], axis=1), axis=1)
    # For each positive the share of negatives below it, and for each negative the other way.
    beaten = (together[:, :m] - rankdata(positive, axis=1)) / n
    losing = 1 - (together[:, m:] - rankdata(negative, axis=1)) / m
    covariance = _covariance(beaten) / m + _covariance(losing) / n
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    difference = float(beaten[0].mean() - beaten[1].mean())
    if variance <= 0:
        return 1.0 if difference == 0 else 0.0
    return float(2 * norm.sf(abs(difference) / np.sqrt(variance)))


def _covariance(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    # One recording of a kind tells nothing of how such recordings vary.
    return np.cov(rows) if rows.shape[1] > 1 else np.full((2, 2), np.nan)
