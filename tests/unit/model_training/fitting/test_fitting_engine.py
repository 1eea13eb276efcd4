"""Parts of a batch, mixed precision, checkpoints, a kill, and processes side by side."""

import csv
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from model_training.fitting import FitOptions, fit
from model_training.fitting.randomness import (
    preserved_random_state,
    random_state,
    restore_random_state,
)
from tests.support.one_thread import one_thread  # noqa: F401
from tests.unit.model_training.fitting.fitting_program import RECORDINGS, TinyRun, configured

PROGRAM = Path(__file__).with_name("fitting_program.py")
REPOSITORY = Path(__file__).resolve().parents[4]
LONG_S = 300
TWO = (
    "-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1",
    "--nproc-per-node", "2",
)  # fmt: skip


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def folder(tmp_path):
    def make(name):
        (tmp_path / name).mkdir(exist_ok=True)
        return tmp_path / name

    return make


def start(*arguments, launcher=()):
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, *launcher, PROGRAM, *map(str, arguments)]
    return subprocess.Popen(command, env=environment | {"OMP_NUM_THREADS": "1"}, cwd=REPOSITORY)


def until_waiting(process, folder):
    deadline = time.monotonic() + LONG_S
    while not (folder / "waiting").exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_killed_run_goes_on_to_the_same_weights_and_log(folder):
    whole, killed = folder("whole"), folder("killed")
    expected = TinyRun().fit(whole, configured(), every=2)
    # Step 10 of 15, the last of the second epoch; the checkpoint is of step 8, within it.
    process = start(killed, "--stop-at", 10)
    until_waiting(process, killed)
    process.kill()
    assert process.wait(LONG_S) == -9
    assert not (killed / "weights-0.pt").exists()
    assert start(killed).wait(LONG_S) == 0
    assert torch.equal(torch.load(killed / "weights-0.pt"), expected)
    assert (killed / "log.csv").read_bytes() == (whole / "log.csv").read_bytes()


def test_two_processes_learn_what_one_learns_in_two_parts(folder):
    single, side_by_side = folder("single"), folder("side-by-side")
    TinyRun().fit(single, configured(accumulation=2))
    assert start(side_by_side, launcher=TWO).wait(LONG_S) == 0
    first, second = (torch.load(side_by_side / f"weights-{rank}.pt") for rank in (0, 1))
    assert torch.equal(first, second)
    # Validation losses are among them; each process scored a half.
    np.testing.assert_allclose(losses(side_by_side), losses(single), atol=2e-5)
    scored = [int((side_by_side / f"scored-{rank}").read_text()) for rank in (0, 1)]
    assert scored == [RECORDINGS // 2] * 2


def test_processes_go_on_where_only_the_first_has_the_checkpoint(folder):
    single, shared_out = folder("single"), folder("apart")
    TinyRun().fit(single, configured(accumulation=2))
    process = start(shared_out, "--apart", "--stop-at", 10, launcher=TWO)
    until_waiting(process, shared_out)
    process.terminate()
    assert process.wait(LONG_S) != 0
    kept = [path.parent.name for path in shared_out.rglob("checkpoint.pt")]
    assert kept == ["rank-0"]
    assert start(shared_out, "--apart", launcher=TWO).wait(LONG_S) == 0
    first, second = (torch.load(shared_out / f"weights-{rank}.pt") for rank in (0, 1))
    assert torch.equal(first, second)
    np.testing.assert_allclose(losses(shared_out / "rank-0"), losses(single), atol=2e-5)


def test_the_rows_that_come_next_are_told_beforehand(folder):
    expected, asked = [], []

    def loss_of(module, batch):
        asked.append(batch.tolist())
        return module(batch[:, None].float()).square().mean()

    options = FitOptions(expect=lambda rows: expected.append(rows.tolist()))
    config = configured(epochs=2, batch_size=4, accumulation=2)
    rows, log = np.arange(9), folder("told") / "log.csv"
    fit(nn.Linear(1, 1), config, rows, loss_of, lambda _: 0.0, log, options)
    # Two steps of two parts in each of two epochs; an epoch's first part is not known before.
    assert expected == [*asked[1:4], *asked[5:8]]


def losses(folder):
    with (folder / "log.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [[float(row[f"{kind}_loss"]) for kind in ("training", "validation")] for row in rows]


@pytest.mark.parametrize("parts", [2, 3, 8])
def test_a_batch_in_parts_teaches_what_it_teaches_whole(folder, parts):
    # Nothing is drawn but the order. One epoch: later orders differ, since each step draws seeds
    # for its parts. Losses, not weights: Adam moves those that change nothing by rounding alone.
    config = configured(epochs=1, batch_size=9)
    TinyRun(draws=False).fit(folder("whole"), config)
    divided = config.model_copy(update={"accumulation": parts})
    TinyRun(draws=False).fit(folder("parts"), divided)
    np.testing.assert_allclose(losses(folder("parts")), losses(folder("whole")), atol=3e-5)


def test_parts_weigh_as_many_labels_as_they_have(folder):
    weighed, unweighed = TinyRun(draws=False), TinyRun(draws=False)
    unweighed.terms = len
    config = configured(epochs=1, accumulation=3)
    weighed.fit(folder("weighed"), config)
    unweighed.fit(folder("unweighed"), config)
    difference = np.subtract(losses(folder("weighed")), losses(folder("unweighed")))
    assert np.abs(difference).max() > 1e-3


def test_checkpoints_change_nothing_and_a_finished_one_gives_the_result_at_once(folder):
    expected = TinyRun().fit(folder("without"), configured())
    kept = folder("with")
    assert torch.equal(TinyRun().fit(kept, configured(), every=3), expected)
    drawn = torch.rand(3)
    again = TinyRun()
    assert torch.equal(again.fit(kept, configured(), every=3), expected)
    assert again.steps == 0
    assert torch.equal(torch.rand(3), drawn)  # what comes after draws the same, too


def test_a_checkpoint_of_another_run_is_refused(folder):
    kept = folder("kept")
    TinyRun().fit(kept, configured(), every=3)
    with pytest.raises(ValueError, match="another configuration"):
        TinyRun().fit(kept, configured(learning_rate=0.02), every=3)


def test_tensorboard_gets_every_step_and_epoch(folder):
    kept = folder("kept")
    TinyRun().fit(kept, configured(), every=5)
    content = b"".join(path.read_bytes() for path in (kept / "tensorboard").iterdir())
    assert content.count(b"gradient_norm") == content.count(b"learning_rate") == 15
    assert content.count(b"epoch/validation_loss") == 3


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_learns_almost_the_same(folder, precision):
    exact, mixed = folder("exact"), folder("mixed")
    TinyRun(draws=False).fit(exact, configured())
    run = TinyRun(draws=False)
    run.fit(mixed, configured(precision=precision))
    assert all(parameter.dtype == torch.float32 for parameter in run.network.parameters())
    assert losses(mixed) != losses(exact)
    np.testing.assert_allclose(losses(mixed), losses(exact), atol=0.02)


def test_too_few_recordings_for_a_batch_or_its_parts_are_refused(folder):
    for changes in ({"batch_size": 45}, {"batch_size": 2, "accumulation": 3}):
        with pytest.raises(ValueError, match="a whole batch"):
            TinyRun().fit(folder(str(len(changes))), configured(**changes))


def test_a_part_without_labels_is_left_out(tmp_path):
    module = nn.Linear(1, 1)
    seen = []

    def loss_of(module, batch):
        seen.append(int(batch[0]))
        return module(batch[:, None].float()).square().mean()

    options = FitOptions(weight_of=lambda rows: float(rows[0] > 0))
    config = configured(epochs=1, batch_size=2, accumulation=2)
    fit(module, config, np.arange(2), loss_of, lambda _: 0.0, tmp_path / "log.csv", options)
    assert seen == [1]


def test_what_is_drawn_apart_leaves_the_generators_alone():
    state = random_state()
    expected = torch.rand(2), np.random.random()
    restore_random_state(state)
    with preserved_random_state(seed=5):
        torch.rand(7), np.random.random()
    assert torch.equal(torch.rand(2), expected[0])
    assert np.random.random() == expected[1]
