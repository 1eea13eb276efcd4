"""Killed anywhere, a store is not there; the next run makes the same one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from model_training.data.store import RecordingStore, StoreError, build_store
from model_training.recipes.prepare import main
from tests.support import releases as build
from tests.support.releases import request_of

REPOSITORY = Path(__file__).resolve().parents[4]


# Each is a place at which the process kills itself, after so many calls.
KILLS = """
import os, signal, sys
from pathlib import Path
from ecg_core import files
from ecg_core.preprocessing import PreprocessingSpec
from model_training.data.store import StoreRequest, build_store
from model_training.data.store import assembly, build, shards

def deadly(module, name, calls):
    inner, left = getattr(module, name), [calls]
    def outer(*arguments, **named):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return inner(*arguments, **named)
    setattr(module, name, outer)

if __name__ == "__main__":
    modules = {"assembly": assembly, "build": build, "files": files, "shards": shards}
    source, store, module, name, calls = sys.argv[1:]
    deadly(modules[module], name, int(calls))
    build_store(StoreRequest("ptb-xl-100", Path(source), Path(store), PreprocessingSpec(),
                             "float32", shard_recordings=2))
"""


@pytest.mark.parametrize(
    ("module", "name", "calls"),
    [
        ("shards", "prepare", 3),
        ("shards", "whole_file", 5),  # a shard's samples are there, its record is not
        ("files", "publish", 4),  # written, but not under its name
        ("assembly", "_write_all", 2),
        ("assembly", "publish", 0),  # all is there but windows.npy and the manifest
        ("assembly", "whole_file", 2),  # only the manifest is lacking
    ],
)
def test_a_kill_at_any_place_leaves_no_store_and_the_next_run_the_same_one(
    ptb_xl, tmp_path, module, name, calls
):
    script = tmp_path / "kill.py"
    script.write_text(KILLS)
    killed = subprocess.run(
        [sys.executable, script, ptb_xl, tmp_path / "s", module, name, str(calls)],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(StoreError):
        RecordingStore.open(tmp_path / "s")
    build_store(request_of(ptb_xl, tmp_path / "s"))
    build_store(request_of(ptb_xl, tmp_path / "whole"))
    RecordingStore.open(tmp_path / "s").verify()
    for file in ("windows.npy", "index.csv", "manifest.json"):
        assert (tmp_path / "s" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert not (tmp_path / "s/unfinished").exists()


# Each worker prepares three recordings, says so, and waits for ever.
STUCK = """
import os, signal, sys
from model_training.data.store import shards
from model_training.recipes.prepare import main

inner, left = shards.prepare, [3]
def prepare(*arguments):
    left[0] -= 1
    if left[0] < 0:
        os.write(1, b"stuck")
        signal.pause()
    return inner(*arguments)
shards.prepare = prepare

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""


def test_the_recipe_killed_from_outside_leaves_no_process_and_is_resumed(tmp_path):
    source, store = build.write_ptb_xl(tmp_path / "r", count=12), tmp_path / "s"
    arguments = ["--release", "ptb-xl-100", "--source", str(source), "--store", str(store)]
    arguments += ["--shard-recordings", "1", "--workers"]
    script = tmp_path / "stuck.py"
    script.write_text(STUCK)
    running = subprocess.Popen(
        [sys.executable, script, *arguments, "2"],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert running.stdout is not None
    with running.stdout as output:  # the workers' as well: it ends when all of them are gone
        told = b""
        while told.count(b"stuck") < 2:
            piece = output.read1()
            assert piece, "it ended by itself"
            told += piece
        running.kill()
        output.read()
    running.wait()
    assert len([*(store / "unfinished").glob("*.json")]) == 6
    with pytest.raises(StoreError):
        RecordingStore.open(store)
    assert main([*arguments, "1"]) == 0
    opened = RecordingStore.open(store)
    assert opened.manifest.recordings == 12
    opened.verify()


def test_a_worker_that_dies_ends_the_run_with_a_word(tmp_path):
    source, store = build.write_ptb_xl(tmp_path / "r", count=12), tmp_path / "s"
    script = tmp_path / "dying.py"
    script.write_text(STUCK.replace("signal.pause()", "os.kill(os.getpid(), signal.SIGKILL)"))
    arguments = ["--release", "ptb-xl-100", "--source", str(source), "--store", str(store)]
    ended = subprocess.run(
        [sys.executable, script, *arguments, "--shard-recordings", "1", "--workers", "2"],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 2
    assert b"a worker died" in ended.stderr
    assert [*(store / "unfinished").glob("*.json")]
