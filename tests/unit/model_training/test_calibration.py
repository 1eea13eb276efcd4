import numpy as np
import pytest

from model_training.calibration import fit_calibration


def test_temperature_and_bias_are_found_again():
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (4000, 10))
    labels = random.random((4000, 10)) < 1 / (1 + np.exp(-(logits / 2.0 - 0.7)))
    calibration = fit_calibration(logits, labels.astype(float))
    assert calibration.temperature == pytest.approx(2.0, abs=0.1)
    assert calibration.bias == pytest.approx(-0.7, abs=0.1)


def test_what_is_not_said_is_not_fitted():
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (4000, 2))
    targets = (random.random((4000, 2)) < 1 / (1 + np.exp(-logits))).astype(float)
    targets[:, 1] = np.nan
    logits[:, 1] = 50.0
    assert fit_calibration(logits, targets).temperature == pytest.approx(1.0, abs=0.1)
