"""The verdict on real recordings, and its constants, which a recipe reproduces."""

import json
from pathlib import Path

import pytest

from ecg_core.quality.verdict import INTERCEPT, WEIGHTS
from tests.support.paths import REPOSITORY


def test_constants_are_those_of_the_published_figures() -> None:
    figures = json.loads((REPOSITORY / "docs/measured/results/quality.json").read_text())
    assert figures["fitted"] == {"intercept": INTERCEPT, "weights": dict(WEIGHTS)}
    for half in ("second_half_by_a_model_of_the_first", "first_half_by_a_model_of_the_second"):
        assert figures[half]["accuracy"]["share"] >= 0.92


@pytest.mark.shared
def test_recipe_reproduces_constants_and_held_out_figures(shared: Path) -> None:
    recipe = pytest.importorskip(
        "model_training.recipes.evaluate_quality", reason="needs the training extra"
    )
    judged = recipe.read_judged(shared / "data/signal-quality-cinc2011")
    assert len(judged) == 160
    constants = {"intercept": INTERCEPT, "weights": dict(WEIGHTS)}
    assert recipe.published(recipe.fit(judged)) == constants
    for fitting, held_out in ((judged[::2], judged[1::2]), (judged[1::2], judged[::2])):
        accuracy = recipe.judge(held_out, recipe.fit(fitting))["accuracy"]
        assert accuracy["share"] >= 0.92
