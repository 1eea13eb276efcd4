"""The pure parts of the benchmark: percentiles, ratios, what overload counts, and the tables."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.driver import BROKEN, Sample
from tests.benchmarks.figures import between_marks, percentiles_ms, write_figures
from tests.benchmarks.inputs import bench_queries
from tests.benchmarks.overload import overload_figures
from tests.benchmarks.report import tables
from tests.benchmarks.side_by_side import US, Turn, figures_of, ratios


def samples(*took_ms: float, status: int = 200) -> tuple[Sample, ...]:
    return tuple(Sample(0.0, took / 1000, status) for took in took_ms)


def test_percentiles_of_a_hundred_and_one() -> None:
    found = percentiles_ms([number / 1000 for number in range(101)])
    assert found == {"p50_ms": 50.0, "p95_ms": 95.0, "p99_ms": 99.0}


def test_percentiles_of_one_are_that_one() -> None:
    assert percentiles_ms([0.5]) == {"p50_ms": 500.0, "p95_ms": 500.0, "p99_ms": 500.0}


def test_rates_count_good_answers_over_the_time_of_all_turns() -> None:
    turns = (Turn(samples(100, 1000), cpu_s=0.03), Turn(samples(1000, 500), cpu_s=0.01))
    found = figures_of(turns)
    assert found["rps"] == 2.0
    assert found["cpu_ms"] == 10.0
    assert "failed" not in found


def test_failures_are_told_and_do_not_count_as_throughput() -> None:
    turn = Turn(samples(1000) + samples(10, 20, status=503), cpu_s=0.0)
    found = figures_of([turn])
    assert (found["rps"], found["calls"], found["failed"]) == (1.0, 1, {"503": 2})


def test_a_peer_that_only_fails_has_no_figures() -> None:
    with pytest.raises(RuntimeError, match="500"):
        figures_of([Turn(samples(1, status=500), cpu_s=0.0)])


def test_ratios_are_ours_over_theirs() -> None:
    found = ratios(
        {
            US: {"rps": 80.0, "p99_ms": 30.0, "cpu_ms": 25.0},
            "plain": {"rps": 40.0, "p99_ms": 60.0, "cpu_ms": 40.0},
            "limit": {"rps": 100.0, "cpu_ms": 20.0},
        }
    )
    assert found == {
        "of_limit": 0.8,
        "of_limit_by_cpu": 0.8,
        "plain": {"rps": 2.0, "p99": 0.5},
    }


def test_overload_tells_late_refused_and_other_apart() -> None:
    found = overload_figures(
        samples(100, 31_000)
        + samples(10, 20, 200, status=503)
        + samples(5, status=429)
        + samples(1, status=500)
        + samples(1, status=BROKEN)
    )
    assert found["accepted_late"] == 1
    assert found["other"] == 2
    assert found["refused"]["within_100_ms"] == 0.75
    assert found["refused"]["max_ms"] == 200.0
    assert found["statuses"] == {"0": 1, "200": 2, "429": 1, "500": 1, "503": 3}


def test_queries_are_as_many_as_asked_and_all_different() -> None:
    for count in (1, 20, 106, 10_000):
        assert len(set(bench_queries(count))) == count


def test_a_program_replaces_its_own_keys_and_no_others(tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    write_figures("first", {"limit": {"rps": 1, "old": 2}, "other": 3}, output)
    written = write_figures("second", {"limit": {"rps": 4}}, output)
    assert written == json.loads(output.read_text())
    assert (written["limit"], written["other"]) == ({"rps": 4}, 3)
    assert written["made_by"]["limit"]["command"] == "second"
    assert written["made_by"]["other"]["command"] == "first"


def test_only_what_stands_between_the_marks_changes() -> None:
    page = "before\n<!-- measured -->\nold\n<!-- end -->\nafter\n"
    assert between_marks(page, r"new \1") == page.replace("old", r"new \1")


def test_the_page_holds_what_was_measured(documented: dict[str, Any], page: str) -> None:
    assert between_marks(page, tables(documented)) == page


def test_the_figures_have_the_keys_that_others_read(documented: dict[str, Any]) -> None:
    assert documented["limit"]["rps"] > 0
    for clients in ("1", "8", "64"):
        for name in (US, "litserve", "bentoml", "mlserver", "plain"):
            its = documented["clients"][clients][name]
            assert {"rps", "p50_ms", "p95_ms", "p99_ms"} <= its.keys()
    for count in ("1", "20", "106", "1000", "10000"):
        assert documented["queries"][count]["p50_ms"] > 0
    assert documented["memory_mb"] > 0
    assert documented["ready_s"] > 0
