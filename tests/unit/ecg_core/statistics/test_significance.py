import numpy as np
import pytest
from scipy.stats import norm

from ecg_core.statistics.significance import delong, paired_bootstrap


@pytest.fixture
def random():
    return np.random.default_rng(5)


def noisy(labels, random, noise):
    return labels + noise * random.normal(size=labels.shape)


def test_a_clear_lead_is_significant_and_its_interval_holds_it(random):
    labels = random.random((400, 6)) < 0.2
    ours, other = noisy(labels, random, 0.7), noisy(labels, random, 2.0)
    found = paired_bootstrap(labels, ours, other)
    assert found.ci95[0] < found.points < found.ci95[1]
    assert found.ci95[0] > 0
    assert found.p_value == pytest.approx(2 / 1001)
    against = paired_bootstrap(labels, other, ours)
    assert against.points == pytest.approx(-found.points)
    assert against.p_value == found.p_value


def test_chance_alone_is_seldom_significant(random):
    labels = random.random((150, 3)) < 0.3
    p_values = [
        paired_bootstrap(
            labels, noisy(labels, random, 2), noisy(labels, random, 2), resamples=200
        ).p_value
        for _ in range(40)
    ]
    assert sum(p < 0.05 for p in p_values) <= 8
    same = noisy(labels, random, 2)
    assert paired_bootstrap(labels, same, same, resamples=50).p_value == 1


def test_what_is_not_said_does_not_count_in_the_difference(random):
    labels = (random.random((100, 2)) < 0.3).astype(float)
    ours, other = noisy(labels, random, 1), noisy(labels, random, 1)
    labels[50:, 1] = np.nan
    first = paired_bootstrap(labels, ours, other, resamples=50)
    ours[50:, 1] = 99
    assert paired_bootstrap(labels, ours, other, resamples=50) == first


def test_delong_is_that_of_the_definition(random):
    labels = random.random(60) < 0.4
    scores = np.stack([noisy(labels, random, 1), noisy(labels, random, 2)]).round(1)
    wins = np.sign(scores[:, labels][:, :, None] - scores[:, ~labels][:, None, :]) / 2 + 0.5
    by_positive, by_negative = wins.mean(axis=2), wins.mean(axis=1)
    cov = np.cov(by_positive) / labels.sum() + np.cov(by_negative) / (~labels).sum()
    z = np.diff(wins.mean(axis=(1, 2)))[0] / np.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1])
    assert delong(labels, *scores) == pytest.approx(2 * norm.sf(abs(z)))


def test_delong_of_a_method_with_itself_and_with_chance(random):
    labels = random.random(300) < 0.3
    good = noisy(labels, random, 0.5)
    assert delong(labels, good, good) == 1
    assert delong(labels, good, random.normal(size=300)) < 1e-6


def test_delong_cannot_tell_from_one_positive(random):
    labels = np.arange(20) == 3
    assert np.isnan(delong(labels, random.normal(size=20), random.normal(size=20)))
