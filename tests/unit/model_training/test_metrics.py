import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from model_training.metrics import auprc, auroc, expected_calibration_error, macro_result


@pytest.fixture
def random():
    return np.random.default_rng(3)


def test_auroc_is_that_of_scikit_learn_also_with_ties(random):
    labels = random.random((200, 4)) < (0.5, 0.1, 0.9, 0.02)
    scores = random.normal(size=(200, 4)).round(1)
    expected = [roc_auc_score(labels[:, n], scores[:, n]) for n in range(4)]
    np.testing.assert_allclose(auroc(labels, scores), expected)


def test_auprc_is_that_of_scikit_learn(random):
    labels = random.random((200, 3)) < (0.5, 0.1, 0.9)
    scores = random.normal(size=(200, 3))
    expected = [average_precision_score(labels[:, n], scores[:, n]) for n in range(3)]
    np.testing.assert_allclose(auprc(labels, scores), expected)


def test_class_with_one_kind_of_label_is_left_out_of_the_mean(random):
    labels = np.zeros((50, 3), dtype=bool)
    labels[:25, 0] = True
    labels[:, 2] = True
    scores = random.normal(size=(50, 3))
    scores[:25, 0] += 10
    result = macro_result(labels, scores, resamples=20)
    assert (result.classes, result.n, result.auroc) == (1, 50, 100.0)


def test_interval_holds_the_figure_and_is_the_same_every_time(random):
    labels = random.random((300, 5)) < 0.2
    scores = random.normal(size=(300, 5)) + labels
    first, second = (macro_result(labels, scores, resamples=200) for _ in range(2))
    assert first == second
    assert first.ci95[0] < first.auroc < first.ci95[1]


def test_nothing_to_score_is_said():
    with pytest.raises(ValueError, match="no class"):
        macro_result(np.zeros((4, 2), dtype=bool), np.zeros((4, 2)))


def test_calibration_error_of_honest_and_of_boastful_probabilities(random):
    probabilities = random.random(20_000)
    labels = random.random(20_000) < probabilities
    assert expected_calibration_error(labels, probabilities) < 0.02
    boastful = np.where(probabilities > 0.5, 0.99, 0.01)
    assert expected_calibration_error(labels, boastful) > 0.2
