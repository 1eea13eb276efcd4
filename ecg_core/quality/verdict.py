"""Would a reader of ECGs accept this recording? A logistic model on four measures.

Its constants are made by `python -m model_training.recipes.evaluate_quality`; a test compares them.
"""

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ecg_core.quality.measures import LeadMeasures

FEATURES = ("largest range", "largest drift", "largest step", "least peakedness")
# log10 of each feature; the logit of "not acceptable" is their weighted sum.
INTERCEPT = 1.555
WEIGHTS = MappingProxyType(dict(zip(FEATURES, (1.506, 0.806, 1.130, -4.838), strict=True)))
_SMALLEST_MV = 1e-3


def verdict_features(measures: LeadMeasures) -> NDArray[np.float64]:
    """The model's features, shape (window, feature): the worst lead's, whichever lead it is."""
    worst = (
        measures.range_mv.max(axis=1) + _SMALLEST_MV,
        measures.drift_mv.max(axis=1) + _SMALLEST_MV,
        measures.step_mv.max(axis=1) + _SMALLEST_MV,
        measures.peakedness.min(axis=1) + 1.0,
    )
    features: NDArray[np.float64] = np.log10(np.stack(worst, axis=1))
    return features


def unacceptable_windows(measures: LeadMeasures) -> NDArray[np.bool_]:
    """Which windows a reader would probably reject, shape (window,)."""
    logits = verdict_features(measures) @ np.array(list(WEIGHTS.values())) + INTERCEPT
    return np.asarray(logits > 0.0)


def is_acceptable(measures: LeadMeasures) -> bool:
    """Whether at least half of the windows are acceptable; scores are averaged over them."""
    return bool(unacceptable_windows(measures).mean() <= 0.5)
