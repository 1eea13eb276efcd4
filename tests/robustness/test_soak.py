"""The soak itself, for some seconds: `make soak` makes it long."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.soak import Sample, flatness
from tests.support.paths import REPOSITORY


@pytest.mark.parametrize("options", [(), ("--workers", "2"), ("--redis",)])
def test_some_seconds_of_everything_at_once(tmp_path: Path, options: tuple[str, ...]) -> None:
    output = tmp_path / "soak.json"
    command = ["-m", "tests.benchmarks.soak", "--minutes", "0.2", "--output", str(output), *options]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *command],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(output.read_text())
    assert figures["wrong"] == []
    assert figures["requests"]["good"] > 0
    assert figures["is_flat"] is None


@pytest.mark.parametrize(("mb_each_sample", "is_flat"), [(0.0, True), (0.01, True), (0.1, False)])
def test_a_slope_is_told_from_noise(mb_each_sample: float, is_flat: bool) -> None:
    samples = [Sample(2.0 * n, 400.0 + mb_each_sample * n + (n % 7), 20, 15) for n in range(601)]
    assert flatness(samples)["is_flat"] is is_flat


@pytest.mark.parametrize("grows", ["files", "threads"])
def test_files_and_threads_that_are_left_behind_are_noticed(grows: str) -> None:
    still = [Sample(2.0 * n, 400.0, 20 + n % 5, 15 + n % 3) for n in range(601)]
    leaking = [each._replace(**{grows: 20 + n // 50}) for n, each in enumerate(still)]
    assert flatness(still)["is_flat"] is True
    assert flatness(leaking)["is_flat"] is False


def test_a_short_run_says_nothing_about_a_slope() -> None:
    samples = [Sample(2.0 * n, 400.0 + 5 * n, 20, 15) for n in range(7)]
    assert flatness(samples)["is_flat"] is None
    assert flatness(samples)["rss_mb"]["growth"] > 0


@pytest.mark.parametrize(("name", "least_minutes"), [("soak", 20), ("soak-redis", 10)])
def test_what_is_written_down_was_long_flat_and_without_a_wrong_answer(
    name: str, least_minutes: int
) -> None:
    figures = json.loads((REPOSITORY / f"docs/measured/{name}.json").read_text())
    assert figures["minutes"] >= least_minutes
    assert figures["is_flat"] is True
    assert figures["wrong"] == []
    assert min(figures["requests"][kind] for kind in ("good", "cancelled", "slow")) > 100


def test_under_a_limit_of_memory_the_largest_uploads_got_through_and_nothing_was_killed() -> None:
    figures = json.loads((REPOSITORY / "docs/measured/soak-memory.json").read_text())
    assert figures["minutes"] >= 10
    assert figures["memory"] == {"limit_mib": 1024, "kills": 0}
    assert figures["requests"]["largest (200)"] > 10
    assert figures["is_flat"] is True
    assert figures["wrong"] == []


def test_memory_is_compared_while_none_of_the_largest_uploads_is_there() -> None:
    samples = [
        Sample(2.0 * n, 400.0 if n % 10 else 800.0 + n, 20, 15, at_rest=bool(n % 10))
        for n in range(601)
    ]
    found = flatness(samples)
    assert found["is_flat"] is True
    assert found["rss_mb"]["highest"] == 1400.0
    assert found["rss_mb"]["growth"] == 0.0
