"""The soak itself, for some seconds: `make soak` makes it long."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.load.soak import Sample, flatness


@pytest.mark.parametrize("workers", [1, 2])
def test_some_seconds_of_everything_at_once(tmp_path: Path, workers: int) -> None:
    output = tmp_path / "soak.json"
    options = ("--minutes", "0.2", "--workers", workers, "--output", output)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.load.soak", *map(str, options)],
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


@pytest.mark.parametrize(("mb_each_sample", "is_flat"), [(0.0, True), (0.01, True), (1.0, False)])
def test_a_slope_is_told_from_noise(mb_each_sample: float, is_flat: bool) -> None:
    samples = [Sample(2.0 * n, 400.0 + mb_each_sample * n + (n % 7), 20, 15) for n in range(100)]
    assert flatness(samples)["is_flat"] is is_flat
