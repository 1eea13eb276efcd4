"""Other hospitals: what only tells sources apart is worth nothing within one."""

import numpy as np
import pytest

from model_training.evaluation.external import by_source


def test_a_score_that_tells_sources_apart_is_chance_within_each():
    generator = np.random.default_rng(0)
    sources = ["a"] * 300 + ["b"] * 300 + ["c"] * 10
    rare = np.array([0.1] * 300 + [0.9] * 300 + [0.0] * 10)
    targets = (generator.random(610) < rare).astype(np.float32)[:, None]
    of_source = rare[:, None] + 0.01 * generator.normal(size=(610, 1))
    found = by_source(targets, of_source, sources)
    assert found["auroc"] == pytest.approx(50, abs=10)
    assert (found["classes"], found["conditions"]) == (2, 1)  # source c has no positive
    right = by_source(targets, targets + of_source, sources)
    assert right["auroc"] == pytest.approx(100, abs=0.5)
    assert by_source(targets[:5] * 0, of_source[:5], sources[:5]) == {}
