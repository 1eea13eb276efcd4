"""The benchmark's harness, run small: CardioQuery and one peer that needs no environment."""

import pytest

from tests.benchmarks.bench import Plan, measure
from tests.benchmarks.figures import write_figures
from tests.benchmarks.report import tables
from tests.benchmarks.side_by_side import US

pytestmark = pytest.mark.torch


def test_a_small_run_has_every_figure_and_leaves_no_failure(tmp_path) -> None:  # type: ignore[no-untyped-def]
    plan = Plan(
        peers=("plain",),
        clients=(1, 2),
        rounds=1,
        seconds=0.5,
        queries=((1, 2), (20, 2)),
        lengths=((2.5, 2), (60, 2)),
        texts=2,
        overload_s=0.5,
        round_s=0.5,
    )
    figures = {key: value for part in measure(plan) for key, value in part.items()}
    for clients in ("1", "2"):
        for name in (US, "plain"):
            assert "failed" not in figures["clients"][clients][name]
    assert figures["load"]["overload"]["other"] == 0
    assert set(figures["lengths_s"]) == {"2.5", "60"}
    written = write_figures("small", figures, tmp_path / "figures.json")
    assert "10 s" not in tables(written)
    assert "| 2 | plain |" in tables(written)
