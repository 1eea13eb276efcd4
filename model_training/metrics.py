"""AUROC and AUPRC with bootstrap confidence intervals; no threshold is ever picked."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Labels = NDArray[np.bool_]
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MacroResult:
    """Macro averages over the classes that have a positive and a negative recording.

    Attributes:
        auroc, auprc: In percent.
        ci95: Bootstrap 95 % confidence interval of the AUROC, over recordings.
        auprc_ci95: The same for the AUPRC.
        n: Recordings evaluated.
        classes: Classes averaged.
        prevalence: Mean share of positives, in percent: the AUPRC of a coin.
    """

    auroc: float
    ci95: tuple[float, float]
    auprc: float
    auprc_ci95: tuple[float, float]
    n: int
    classes: int
    prevalence: float

    def rounded(self) -> dict[str, object]:
        """As plain data with two decimals."""
        return {name: _rounded(value) for name, value in asdict(self).items()}


def auroc(labels: Labels, scores: Scores) -> Scores:
    """Area under the ROC curve of each class (Mann-Whitney U; ties count half).

    Args:
        labels: Shape (recording, class).
        scores: Shape (recording, class).

    Returns:
        Shape (class,), within [0, 1]; NaN where a class has only one kind of label.
    """
    positives = labels.sum(axis=0)
    negatives = len(labels) - positives
    ranks = rankdata(scores, axis=0)
    u = (ranks * labels).sum(axis=0) - positives * (positives + 1) / 2
    pairs = (positives * negatives).astype(np.float64)
    areas: Scores = np.divide(u, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    return areas


def auprc(labels: Labels, scores: Scores) -> Scores:
    """Average precision of each class; the same shapes as `auroc`."""
    order = np.argsort(-scores, axis=0, kind="stable")
    sorted_labels = np.take_along_axis(labels, order, axis=0)
    ranks = np.arange(1, len(labels) + 1)[:, np.newaxis]
    precision = sorted_labels.cumsum(axis=0) / ranks
    positives = sorted_labels.sum(axis=0)
    total = (precision * sorted_labels).sum(axis=0)
    mixed = (positives > 0) & (positives < len(labels))
    areas: Scores = np.divide(total, positives, out=np.full(len(mixed), np.nan), where=mixed)
    return areas


def macro_result(
    labels: Labels, scores: Scores, *, resamples: int = 1000, seed: int = 0
) -> MacroResult:
    """Macro AUROC and AUPRC with percentile bootstrap intervals over recordings.

    In a resample the classes without a positive recording are left out of that resample's mean.

    Raises:
        ValueError: No class has both a positive and a negative recording.
    """
    rocs, prcs = auroc(labels, scores), auprc(labels, scores)
    used = ~np.isnan(rocs)
    if not used.any():
        raise ValueError("no class has both a positive and a negative recording")
    labels, scores = labels[:, used], scores[:, used]
    random = np.random.default_rng(seed)
    draws = [random.integers(0, len(labels), len(labels)) for _ in range(resamples)]
    roc_means = [np.nanmean(auroc(labels[rows], scores[rows])) for rows in draws]
    prc_means = [np.nanmean(auprc(labels[rows], scores[rows])) for rows in draws]
    return MacroResult(
        auroc=100 * float(rocs[used].mean()),
        ci95=_interval(roc_means),
        auprc=100 * float(prcs[used].mean()),
        auprc_ci95=_interval(prc_means),
        n=len(labels),
        classes=int(used.sum()),
        prevalence=100 * float(labels.mean()),
    )


def expected_calibration_error(labels: Labels, probabilities: Scores, bins: int = 15) -> float:
    """ECE over all (recording, class) pairs in bins of equal width (Guo et al. 2017)."""
    flat_labels, flat = labels.ravel(), probabilities.ravel()
    index = np.minimum((flat * bins).astype(int), bins - 1)
    counts = np.bincount(index, minlength=bins)
    confidence = np.bincount(index, weights=flat, minlength=bins)
    frequency = np.bincount(index, weights=flat_labels, minlength=bins)
    return float(np.abs(confidence - frequency).sum() / counts.sum())


def _interval(means: list[np.floating]) -> tuple[float, float]:
    low, high = np.percentile(np.array(means) * 100, (2.5, 97.5))
    return float(low), float(high)


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 2)
    if isinstance(value, tuple):
        return [round(float(item), 2) for item in value]
    return value
