"""The classifier that tells questions to an ECG from others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_core.asking.gate import ScopeClassifier

GATE = ScopeClassifier(weights=(4.0, -4.0), bias=0.0, threshold=0.3)


def test_text_below_the_threshold_is_out_of_scope() -> None:
    assert GATE.is_in_scope(np.array([1.0, 0.0]))
    assert not GATE.is_in_scope(np.array([0.0, 1.0]))


@given(st.floats(-1, 1), st.floats(0.001, 0.5))
def test_probability_grows_along_the_weights(place: float, step: float) -> None:
    less, more = (np.array([at, 0.0]) for at in (place, place + step))
    assert GATE.probability(more) > GATE.probability(less)


def test_embedding_of_another_dimension_is_refused() -> None:
    with pytest.raises(ValueError, match="2 dimensions"):
        GATE.probability(np.zeros(3))
