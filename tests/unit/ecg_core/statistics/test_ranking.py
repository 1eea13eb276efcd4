import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from ecg_core.statistics.ranking import (
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


def true_auprc(share, distance):
    generator = np.random.default_rng(1)
    labels = generator.random((200_000, 1)) < share
    return float(auprc(labels, generator.normal(size=labels.shape) + distance * labels)[0])


# Expected positives of 480 recordings, and how far apart the scores of the two kinds lie.
RARE = {
    "one class of five": ([5], [1.5]),
    "one class of twenty": ([20], [1.5]),
    "six classes": ([5, 8, 10, 12, 15, 20], [1.0, 2.0, 1.5, 1.8, 2.5, 1.0]),
}


@pytest.mark.parametrize("name", RARE)
def test_the_auprc_interval_covers_what_is_true_of_rare_classes(name):
    generator = np.random.default_rng(0)
    shares = np.array(RARE[name][0]) / 480
    distances = np.array(RARE[name][1])
    truth = 100 * np.mean([true_auprc(*pair) for pair in zip(shares, distances, strict=True)])
    covered = []
    while len(covered) < 200:
        labels = generator.random((480, len(shares))) < shares
        if not labels.any(axis=0).all():
            continue
        scores = generator.normal(size=labels.shape) + distances * labels
        low, high = macro_result(labels, scores, resamples=60).auprc_ci95
        covered.append(low <= truth <= high)
    assert np.mean(covered) >= 0.9


def test_a_perfect_class_of_few_has_an_interval_that_holds_the_figure():
    labels = np.zeros((100, 1), dtype=bool)
    labels[:5] = True
    result = macro_result(labels, labels.astype(float), resamples=50)
    assert result.auprc == result.auprc_ci95[1] == 100
    assert 25 < result.auprc_ci95[0] < 60  # 5 of 5 draws: 48 by Clopper and Pearson
