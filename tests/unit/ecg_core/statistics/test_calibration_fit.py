import numpy as np
import pytest

from ecg_core.statistics.calibration_fit import Answers, fit_calibration, fit_unseen_calibration


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


def test_what_was_left_out_has_a_calibration_of_its_own():
    random = np.random.default_rng(0)
    similarities = np.linspace(0, 1, 8)
    logits = random.normal(0, 3, (4000, 8))
    chance = 1 / (1 + np.exp(-(logits / 2.0 - 1.0 + 1.5 * similarities)))
    labels = (random.random(chance.shape) < chance).astype(float)
    labels[:100] = np.nan
    known = fit_calibration(random.normal(0, 1, (50, 2)), np.tile([0.0, 1.0], (50, 1)))
    fitted = fit_unseen_calibration(known, [Answers(logits, labels, similarities)])
    assert (fitted.temperature, fitted.bias) == (known.temperature, known.bias)
    assert fitted.unseen_temperature == pytest.approx(2.0, abs=0.1)
    assert fitted.unseen_bias == pytest.approx(-1.0, abs=0.15)
    assert fitted.unseen_similarity == pytest.approx(1.5, abs=0.2)


def test_every_way_of_asking_weighs_the_same_however_many_answers_it_has():
    random = np.random.default_rng(0)

    def answers(count, bias, similarity):
        logits = random.normal(0, 3, (count, 4))
        labels = random.random((count, 4)) < 1 / (1 + np.exp(-(logits + bias)))
        return Answers(logits, labels.astype(float), np.full(4, similarity))

    known = fit_calibration(random.normal(0, 1, (50, 2)), np.tile([0.0, 1.0], (50, 1)))
    fitted = fit_unseen_calibration(known, [answers(400, -2.0, 0.2), answers(8000, 0.0, 0.9)])
    assert fitted.unseen_bias + 0.2 * fitted.unseen_similarity == pytest.approx(-2.0, abs=0.3)
    assert fitted.unseen_bias + 0.9 * fitted.unseen_similarity == pytest.approx(0.0, abs=0.3)
