import numpy as np
import pytest
from pydantic import ValidationError

from ecg_core.calibration import Calibration

LOGITS = np.array([-3.0, 0.0, 2.0], dtype=np.float32)
KNOWN = np.array([True, True, True])


def test_identity_calibration_is_the_sigmoid():
    expected = 1 / (1 + np.exp(-LOGITS))
    np.testing.assert_allclose(Calibration().probabilities(LOGITS, KNOWN), expected, rtol=1e-6)


def test_each_probability_depends_on_its_own_logit_only():
    calibration = Calibration(temperature=1.7, bias=-0.3, unseen_temperature=2.0, unseen_bias=-1.0)
    known = np.array([True, False, True])
    together = calibration.probabilities(LOGITS, known)
    alone = [calibration.probabilities(LOGITS[[n]], known[[n]])[0] for n in range(3)]
    np.testing.assert_array_equal(together, alone)


def test_similarity_moves_only_what_was_not_trained():
    calibration = Calibration(unseen_bias=-1.0, unseen_similarity=2.0)
    known = np.array([True, False, False])
    moved = calibration.probabilities(LOGITS, known, np.array([0.5, 0.5, 0.1]))
    np.testing.assert_allclose(moved, 1 / (1 + np.exp([3.0, 0.0, -1.2])), rtol=1e-6)


def test_extreme_logits_stay_within_zero_and_one():
    extreme = np.array([-1e4, 1e4], dtype=np.float32)
    np.testing.assert_array_equal(Calibration().probabilities(extreme, KNOWN[:2]), [0.0, 1.0])


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_temperature_that_makes_no_sense_is_refused(temperature):
    with pytest.raises(ValidationError):
        Calibration(temperature=temperature)
