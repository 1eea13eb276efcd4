"""Class-wise calibration: what is right of chance counts, and few recordings set a floor."""

import numpy as np
import pytest

from ecg_core.statistics.classwise import classwise_calibration


@pytest.fixture(scope="module")
def answers():
    generator = np.random.default_rng(0)
    probabilities = generator.beta(0.5, 2.0, size=(2000, 4))
    labels = (generator.random(probabilities.shape) < probabilities).astype(float)
    labels[::9] = np.nan
    return labels, probabilities, np.full(4, 0.2)


def test_perfectly_calibrated_answers_lie_at_the_floor(answers):
    found = classwise_calibration(*answers)
    assert found.ece == pytest.approx(found.floor, abs=4 * found.floor_sd)
    assert found.brier < found.brier_prevalence


def test_answers_that_are_too_sure_lie_above_it(answers):
    labels, probabilities, prevalence = answers
    sure = np.where(probabilities > 0.3, 0.99, 0.01)
    found = classwise_calibration(labels, sure, prevalence)
    assert found.ece > found.floor + 10 * found.floor_sd
    assert found.ece > 0.1


def test_the_right_prevalence_of_each_class_is_calibrated_and_tells_nothing(answers):
    labels, probabilities, _ = answers
    found = classwise_calibration(labels, probabilities, np.nanmean(labels, axis=0))
    assert found.prevalence == pytest.approx(0, abs=1e-9)


def test_two_classes_that_are_wrong_opposite_ways_do_not_cancel():
    labels = np.tile([[1.0, 0.0], [0.0, 1.0]], (100, 1))
    labels[:, 0], labels[:, 1] = 1.0, 0.0
    found = classwise_calibration(labels, np.full((200, 2), 0.5), np.array([0.5, 0.5]))
    assert found.ece == pytest.approx(0.5)
