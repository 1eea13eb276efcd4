"""AUROC and AUPRC with bootstrap confidence intervals, calibration and abstention.

No threshold is ever picked. Labels are boolean, or floats where NaN says that nothing is known of
a recording and a class: that pair counts nowhere.
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

Labels = NDArray[np.bool_] | NDArray[np.floating]
Scores = NDArray[np.float64]

_NEAR = 1e-4  # to 0 or 1: log odds stay finite
_NOTHING_TO_SCORE = "no class has both a positive and a negative recording"


@dataclass(frozen=True, slots=True)
class MacroResult:
    """Macro averages over the classes that have a positive and a negative recording.

    Attributes:
        auroc, auprc: In percent.
        ci95: Bootstrap 95 % confidence interval of the AUROC, over recordings.
        auprc_ci95: Of the AUPRC, on the scale of its log odds; see `auprc_interval`.
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
        return {name: rounded(value) for name, value in asdict(self).items()}


def auroc(labels: Labels, scores: NDArray[np.floating]) -> Scores:
    """Area under the ROC curve of each class (Mann-Whitney U; ties count half).

    Args:
        labels: Shape (recording, class).
        scores: Shape (recording, class).

    Returns:
        Shape (class,), within [0, 1]; NaN where a class has only one kind of label.
    """
    areas: Scores = weighted_areas(labels, scores, np.ones((1, len(labels))))[0][0]
    return areas


def auprc(labels: Labels, scores: NDArray[np.floating]) -> Scores:
    """Average precision of each class (ties are one threshold); the same shapes as `auroc`."""
    areas: Scores = weighted_areas(labels, scores, np.ones((1, len(labels))))[1][0]
    return areas


def weighted_areas(
    labels: Labels, scores: NDArray[np.floating], weights: NDArray[np.floating]
) -> tuple[Scores, Scores]:
    """AUROC and average precision in every resample at once; scores are sorted only once.

    Args:
        labels: Shape (recording, class).
        scores: Shape (recording, class).
        weights: How often a resample holds a recording, shape (resample, recording).

    Returns:
        Both of shape (resample, class); NaN where a resample has only one kind of label.
    """
    truth = np.asarray(labels, dtype=np.float64)
    by_recording = np.ascontiguousarray(weights.T)  # whole rows are moved below: much faster
    columns = [
        _class_areas(truth[said, column] == 1, scores[said, column], by_recording[said])
        for column, said in enumerate(~np.isnan(truth.T))
    ]
    rocs, prcs = zip(*columns, strict=True)
    return np.stack(rocs, axis=1), np.stack(prcs, axis=1)


def _class_areas(
    labels: NDArray[np.bool_], scores: NDArray[np.floating], weights: NDArray[np.floating]
) -> tuple[Scores, Scores]:
    nothing = np.full(weights.shape[1], np.nan)
    if labels.all() or not labels.any():
        return nothing, nothing
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.inf))  # one threshold for all ties
    # At each threshold the positives, and all recordings, that score this or higher.
    above = np.add.reduceat(weights[order] * labels[order, np.newaxis], starts).cumsum(axis=0)
    every = np.add.reduceat(weights[order], starts).cumsum(axis=0)
    positives, false = np.diff(above, axis=0, prepend=0), every - above
    p, n = above[-1], false[-1]
    mixed = (p > 0) & (n > 0)
    half_tied = (false + np.concatenate([np.zeros_like(false[:1]), false[:-1]])) / 2
    won = (positives * (n - half_tied)).sum(axis=0)
    precise = (positives * above / np.maximum(every, 1)).sum(axis=0)
    rocs = np.divide(won, p * n, out=nothing.copy(), where=mixed)
    prcs = np.divide(precise, p, out=nothing.copy(), where=mixed)
    return rocs, prcs


def bootstrap_weights(recordings: int, resamples: int, seed: int) -> NDArray[np.float64]:
    """How often each resample draws each recording, shape (resample, recording)."""
    random = np.random.default_rng(seed)
    equal = np.full(recordings, 1 / recordings)
    return random.multinomial(recordings, equal, size=resamples).astype(np.float64)


def mean_over_classes(areas: Scores) -> Scores:
    """Mean of each row without its NaN; NaN where there is nothing else."""
    counts = (~np.isnan(areas)).sum(axis=-1)
    sums = np.nansum(areas, axis=-1)
    means: Scores = np.divide(sums, counts, out=np.full(np.shape(sums), np.nan), where=counts > 0)
    return means


def macro_result(
    labels: Labels, scores: NDArray[np.floating], *, resamples: int = 1000, seed: int = 0
) -> MacroResult:
    """Macro AUROC with a percentile bootstrap interval over recordings, and macro AUPRC.

    In a resample the classes without a positive recording are left out of that resample's mean.

    Raises:
        ValueError: No class has both a positive and a negative recording.
    """
    used = ~np.isnan(auroc(labels, scores))
    if not used.any():
        raise ValueError(_NOTHING_TO_SCORE)
    labels, scores = labels[:, used], scores[:, used]
    weights = bootstrap_weights(len(labels), resamples, seed)
    rocs, prcs = (mean_over_classes(area) for area in weighted_areas(labels, scores, weights))
    precise, positives = auprc(labels, scores), np.nansum(np.asarray(labels) == 1, axis=0)
    return MacroResult(
        auroc=100 * float(auroc(labels, scores).mean()),
        ci95=percent_interval(rocs),
        auprc=100 * float(precise.mean()),
        auprc_ci95=auprc_interval(precise, positives, prcs),
        n=len(labels),
        classes=int(used.sum()),
        prevalence=100 * float(np.nanmean(np.asarray(labels, dtype=np.float64))),
    )


def auprc_interval(
    areas: Scores, positives: NDArray[np.integer], resampled: Scores
) -> tuple[float, float]:
    """95 % interval of a mean of average precisions, in percent.

    A resample holds some positive twice, which are then found together: with few of them its
    average precision is too high, and percentiles of resamples miss the true one. So only the
    spread is taken from them, on the scale of log odds, and it is no less than that of as many
    draws as there are positives (Boyd et al. 2013).

    Args:
        areas: Of each class, within [0, 1].
        positives: How many each class has.
        resampled: Means over classes, one a resample; NaN where there was none.
    """
    shrunk = (areas * positives + 0.5) / (positives + 1)  # a perfect class of five is not certain
    middle, mean = float(shrunk.mean()), float(areas.mean())
    drawn = np.sqrt((shrunk * (1 - shrunk) / positives).sum()) / len(areas)
    spread = float(drawn) / (middle * (1 - middle))
    known = resampled[~np.isnan(resampled)]
    if len(known) > 1:
        spread = max(spread, float(logit(known.clip(_NEAR, 1 - _NEAR)).std()))
    centre = logit(mean if 0 < mean < 1 else middle)
    low, high = expit(centre + 1.96 * spread * np.array([-1.0, 1.0]))
    return 100 * min(float(low), mean), 100 * max(float(high), mean)


def percent_interval(values: Scores) -> tuple[float, float]:
    """The middle 95 % of values in [0, 1], in percent."""
    low, high = np.nanpercentile(values * 100, (2.5, 97.5))
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Answers of about the same probability.

    Attributes:
        confidence: Mean probability.
        frequency: Share that was positive.
        count: Answers.
    """

    confidence: float
    frequency: float
    count: int


def reliability_bins(
    labels: NDArray[np.bool_], probabilities: Scores, bins: int = 15
) -> list[ReliabilityBin]:
    """All (recording, class) pairs in bins of equal width; empty bins are left out."""
    flat_labels, flat = labels.ravel(), probabilities.ravel()
    index = np.minimum((flat * bins).astype(int), bins - 1)
    counts = np.bincount(index, minlength=bins)
    confidence = np.bincount(index, weights=flat, minlength=bins)
    frequency = np.bincount(index, weights=flat_labels, minlength=bins)
    return [
        ReliabilityBin(float(c / n), float(f / n), int(n))
        for c, f, n in zip(confidence, frequency, counts, strict=True)
        if n
    ]


def expected_calibration_error(
    labels: NDArray[np.bool_], probabilities: Scores, bins: int = 15
) -> float:
    """ECE over all (recording, class) pairs in bins of equal width (Guo et al. 2017)."""
    found = reliability_bins(labels, probabilities, bins)
    total = sum(one.count for one in found)
    return sum(abs(one.confidence - one.frequency) * one.count for one in found) / total


def risk_coverage(
    labels: NDArray[np.bool_], probabilities: Scores, coverages: Scores
) -> NDArray[np.float64]:
    """Abstention: the error among the surest answers (El-Yaniv and Wiener 2010).

    An answer is as sure as its probability is far from one half, and wrong if it lies on the other
    side of one half than the label.

    Args:
        labels: Of any shape.
        probabilities: The same shape.
        coverages: Shares of answers kept, within (0, 1].

    Returns:
        The error rate at each coverage.
    """
    flat = probabilities.ravel()
    order = np.argsort(-np.abs(flat - 0.5), kind="stable")
    wrong = ((flat > 0.5) != labels.ravel())[order]
    kept = np.maximum(1, np.rint(coverages * len(flat)).astype(int))
    risks: NDArray[np.float64] = wrong.cumsum()[kept - 1] / kept
    return risks


def rounded(value: object, digits: int = 2) -> object:
    """Floats and sequences of floats with so many decimals; everything else as it is."""
    if isinstance(value, float):
        return round(value, digits)
    if isinstance(value, tuple):
        return [round(float(item), digits) for item in value]
    return value
