"""The verdict on real recordings, and its constants, which a recipe reproduces."""

import json
from pathlib import Path

import pytest

from ecg_core.quality.verdict import INTERCEPT, WEIGHTS

REPOSITORY = Path(__file__).resolve().parents[3]


def test_constants_are_those_of_the_published_figures() -> None:
    figures = json.loads((REPOSITORY / "docs/results/quality.json").read_text())
    assert figures["fitted"]["intercept"] == INTERCEPT
    assert figures["fitted"]["weights"] == dict(WEIGHTS)
    assert figures["held_out_half"]["accuracy"]["share"] >= 0.90


@pytest.mark.shared
def test_recipe_reproduces_constants_and_held_out_figures(shared: Path) -> None:
    recipe = pytest.importorskip(
        "model_training.recipes.evaluate_quality", reason="needs the training extra"
    )
    fitting, held_out = recipe.read_halves(shared / "data/signal-quality-cinc2011")
    assert (len(fitting), len(held_out)) == (80, 80)
    fitted = recipe.fit(fitting)
    assert (fitted["intercept"], fitted["weights"]) == (INTERCEPT, dict(WEIGHTS))
    assert recipe.judge(held_out)["accuracy"]["share"] >= 0.90
