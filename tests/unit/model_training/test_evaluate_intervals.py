"""Intervals against manual delineation, on the recordings that measuring was not developed on."""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ecg_core.preprocessing import PreprocessingSpec, prepare
from ecg_core.signs.measurements import measure
from ecg_core.signs.quantities import Quantity

pytestmark = [pytest.mark.shared, pytest.mark.torch]

SPEC = PreprocessingSpec()
# Mean and standard deviation of what is measured minus what is marked.
LARGEST = {"rate": (2, 2), "p": (10, 15), "pr": (10, 12), "qrs": (10, 9), "qt": (25, 18)}


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    recipe: ModuleType = pytest.importorskip(
        "model_training.recipes.evaluate_intervals", reason="needs the training extra"
    )
    return recipe


@pytest.fixture(scope="module")
def held_out(recipe: ModuleType, shared: Path) -> list[Any]:
    recordings = recipe.read_delineated(shared / "data" / "delineation-ludb")
    return [one for one in recordings if one.number > 30]


def test_held_out_intervals_are_as_readers_marked_them(
    recipe: ModuleType, held_out: Sequence[Any]
) -> None:
    figures = recipe.differences(held_out, lambda one: recipe.measured(one, SPEC))
    for name, (mean, deviation) in LARGEST.items():
        assert abs(figures[name]["mean"]) <= mean
        assert figures[name]["sd"] <= deviation
        assert figures[name]["n"] >= 0.9 * figures[name]["marked"]


def test_marked_p_waves_are_measured(recipe: ModuleType, held_out: Sequence[Any]) -> None:
    counted = recipe.no_p_waves(held_out, SPEC)
    assert counted["marked"] > 20
    assert counted["marked_but_none_measured"] <= 0.1 * counted["marked"]


def test_uncertainty_is_that_of_the_differences(held_out: Sequence[Any]) -> None:
    """Standard deviations: two of three intervals lie within one, 19 of 20 within two."""
    ratios = []
    for one in held_out:
        values = measure(prepare(one.recording, SPEC), SPEC).values
        for name, quantity in (("qrs", Quantity.QRS_DURATION), ("qt", Quantity.QT_INTERVAL)):
            found = values[quantity]
            assert found.value is not None
            assert found.uncertainty is not None
            ratios.append(abs(found.value - one.marked[name]) / found.uncertainty)
    assert np.mean(np.array(ratios) < 1) >= 0.6
    assert np.mean(np.array(ratios) < 2) >= 0.9
