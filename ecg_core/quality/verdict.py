"""Would a reader of ECGs accept this recording? A logistic model on three measures.

Its constants are made by `python -m model_training.recipes.evaluate_quality`; a test compares them.
"""

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ecg_core.quality.measures import LeadMeasures

FEATURES = ("least repeating", "largest drift", "least agreement")
# The logit of "not acceptable" is the weighted sum of the features.
INTERCEPT = -0.543
WEIGHTS = MappingProxyType(dict(zip(FEATURES, (-0.624, 1.384, -3.338), strict=True)))
_SMALLEST_MV = 1e-3


def verdict_features(measures: LeadMeasures) -> NDArray[np.float64]:
    """The model's features, shape (window, feature): the worst lead's, whichever lead it is."""
    worst = (
        measures.repeats.min(axis=1),
        np.log10(measures.drift_mv.max(axis=1) + _SMALLEST_MV),
        measures.agreement.min(axis=1),
    )
    features: NDArray[np.float64] = np.stack(worst, axis=1)
    return features


def unacceptable_windows(measures: LeadMeasures) -> NDArray[np.bool_]:
    """Which windows a reader would probably reject, shape (window,)."""
    logits = verdict_features(measures) @ np.array(list(WEIGHTS.values())) + INTERCEPT
    return np.asarray(logits > 0.0)


def is_acceptable(measures: LeadMeasures) -> bool:
    """Whether at least half of the windows are acceptable; scores are averaged over them."""
    return bool(unacceptable_windows(measures).mean() <= 0.5)
