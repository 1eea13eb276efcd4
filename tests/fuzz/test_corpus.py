"""Every kept input again: seeds, and what fuzzing has found since."""

import os
import subprocess
import sys
from pathlib import Path
from time import process_time

import pytest

from tests.fuzz.run import CORPUS, MAX_INPUT_BYTES, TARGET_NAMES
from tests.fuzz.targets import TARGETS
from tests.support.paths import REPOSITORY

MAX_INPUT_S = 2.0
FILES = sorted(path for path in CORPUS.glob("*/*") if path.is_file())


def test_every_target_is_fuzzed_and_has_a_corpus() -> None:
    assert set(TARGET_NAMES) == set(TARGETS) == {path.parent.name for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_kept_input_breaks_no_promise(path: Path) -> None:
    started = process_time()
    TARGETS[path.parent.name](path.read_bytes())
    assert process_time() - started < MAX_INPUT_S


def test_corpus_is_small() -> None:
    assert all(path.stat().st_size <= MAX_INPUT_BYTES for path in FILES)
    assert sum(path.stat().st_size for path in FILES) < 1_000_000


@pytest.mark.parametrize("name", ["csv_table", "multipart_body"])
def test_a_fuzzer_runs_and_finds_nothing_at_once(name: str) -> None:
    command = [sys.executable, "-m", "tests.fuzz.run", "--inputs", "300", name]
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing found" in done.stdout
