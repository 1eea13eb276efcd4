import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from model_training.metrics import (
    auprc,
    auroc,
    bootstrap_weights,
    expected_calibration_error,
    macro_result,
    reliability_bins,
    risk_coverage,
    weighted_areas,
)


@pytest.fixture
def random():
    return np.random.default_rng(3)


def test_auroc_is_that_of_scikit_learn_also_with_ties(random):
    labels = random.random((200, 4)) < (0.5, 0.1, 0.9, 0.02)
    scores = random.normal(size=(200, 4)).round(1)
    expected = [roc_auc_score(labels[:, n], scores[:, n]) for n in range(4)]
    np.testing.assert_allclose(auroc(labels, scores), expected)


def test_auprc_is_that_of_scikit_learn_also_with_ties(random):
    labels = random.random((200, 3)) < (0.5, 0.1, 0.9)
    scores = random.normal(size=(200, 3)).round(1)
    expected = [average_precision_score(labels[:, n], scores[:, n]) for n in range(3)]
    np.testing.assert_allclose(auprc(labels, scores), expected)


def test_areas_of_a_resample_are_those_of_its_recordings(random):
    labels = random.random((80, 4)) < (0.5, 0.1, 0.9, 0.02)
    scores = random.normal(size=(80, 4)).round(1)
    weights = bootstrap_weights(80, resamples=20, seed=1)
    assert (weights.sum(axis=1) == 80).all()
    rocs, prcs = weighted_areas(labels, scores, weights)
    for row, weight in enumerate(weights.astype(int)):
        drawn = np.repeat(np.arange(80), weight)
        np.testing.assert_allclose(rocs[row], auroc(labels[drawn], scores[drawn]))
        np.testing.assert_allclose(prcs[row], auprc(labels[drawn], scores[drawn]))


def test_what_is_not_said_counts_nowhere(random):
    labels = (random.random((100, 2)) < 0.3).astype(float)
    scores = random.normal(size=(100, 2))
    labels[::3, 1] = np.nan
    said = ~np.isnan(labels[:, 1])
    assert auroc(labels, scores)[1] == pytest.approx(
        roc_auc_score(labels[said, 1], scores[said, 1])
    )
    assert auprc(labels, scores)[1] == pytest.approx(
        average_precision_score(labels[said, 1], scores[said, 1])
    )


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


def test_bins_hold_every_answer_once(random):
    probabilities = random.random((50, 4)) ** 3
    labels = random.random((50, 4)) < probabilities
    bins = reliability_bins(labels, probabilities, bins=10)
    assert sum(one.count for one in bins) == 200
    mean = sum(one.confidence * one.count for one in bins) / 200
    assert mean == pytest.approx(probabilities.mean())
    assert sum(one.frequency * one.count for one in bins) == pytest.approx(labels.sum())


def test_who_keeps_the_surest_answers_only_errs_less():
    probabilities = np.array([0.01, 0.9, 0.4, 0.6])
    labels = np.array([False, True, True, True])
    risks = risk_coverage(labels, probabilities, np.array([0.25, 0.5, 1.0]))
    assert risks.tolist() == [0, 0, 0.25]
