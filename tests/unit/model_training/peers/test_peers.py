import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ecg_core.signs import Sign
from ecg_core.statistics.ranking import auroc
from model_training.models.fusion import masked_binary_cross_entropy
from model_training.peers import (
    GivenSigns,
    KedConfig,
    MerlConfig,
    PeersConfig,
    PeerSignsConfig,
    load_peers_config,
    train_fixed,
    train_ked,
    train_merl,
)
from model_training.peers.config import FixedConfig
from model_training.peers.contrast import info_nce
from tests.support.one_thread import one_thread  # noqa: F401

pytestmark = pytest.mark.usefixtures("one_thread")

PEERS = Path("model_training/recipes/configs/peers.yaml")
MERL = MerlConfig(learning_rate=0.01, dimension=16, hidden=16)
KED = KedConfig(learning_rate=0.01, dimension=16, feed_forward=32, heads=2)
TRAINERS = {
    "merl": lambda task: train_merl(task, MERL),
    "ked": lambda task: train_ked(task, KED),
    "fixed": lambda task: train_fixed(task, FixedConfig(learning_rate=0.01)),
}


# Of the second epoch, on one thread. Other processors differ in the last digits of a sum, and each
# epoch multiplies that: after twelve MERL's loss is between 3.8 and 4.2.
BEGUN = {"merl": 4.888, "ked": 0.8605, "fixed": 0.6219}
BEGUN_TOLERANCE = 0.002
# Of the last epoch, and of the answers after it.
GOLDEN = {"ked": (0.7132, 0.4896), "fixed": (0.1231, 0.1123)}
TOLERANCE = 0.02


@pytest.mark.parametrize("name", TRAINERS)
def test_a_peer_learns_what_it_always_did_and_answers_every_query(name, make_task):
    task = make_task()
    scorer = TRAINERS[name](task)
    with task.log.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    logits = scorer.logits(task.windows, task.canonical)
    assert logits.shape == task.targets.shape
    answered = float(masked_binary_cross_entropy(logits, task.targets))
    learned = float(rows[-1]["training_loss"])
    assert float(rows[1]["training_loss"]) == pytest.approx(BEGUN[name], rel=BEGUN_TOLERANCE)
    assert learned < float(rows[0]["training_loss"])
    if name in GOLDEN:
        assert (learned, answered) == pytest.approx(GOLDEN[name], rel=TOLERANCE)
    present, absent = (logits[task.targets == value].mean() for value in (1, 0))
    assert present > absent


def test_in_ked_an_answer_depends_on_what_else_is_asked_and_in_merl_it_does_not(make_task):
    task = make_task()
    queries = torch.from_numpy(task.embedder.free_texts(["a", "b", "c"]))
    ked, merl = TRAINERS["ked"](task), TRAINERS["merl"](make_task())
    for network, dependent in ((ked, True), (merl, False)):
        together = network.logits(task.windows, queries)[:, 0]
        alone = network.logits(task.windows, queries[:1])[:, 0]
        assert torch.allclose(together, alone, atol=1e-4) is not dependent


def test_no_answer_depends_on_the_other_recordings(make_task):
    for name, train in TRAINERS.items():
        task = make_task()
        scorer = train(task)
        together = scorer.logits(task.windows[:5], task.canonical)
        alone = torch.cat([scorer.logits(task.windows[[n]], task.canonical) for n in range(5)])
        torch.testing.assert_close(together, alone, atol=1e-4, rtol=0, msg=name)


def test_fixed_labels_answer_with_the_condition_whose_text_is_nearest(make_task):
    task = make_task()
    fixed = TRAINERS["fixed"](task)
    near = torch.nn.functional.normalize(task.canonical[[2]] + 0.1 * task.canonical[[0]], dim=1)
    assert fixed.nearest(near).tolist() == [2]
    known = fixed.logits(task.windows, task.canonical)
    torch.testing.assert_close(fixed.logits(task.windows, near)[:, 0], known[:, 2])


def test_contrast_pulls_what_matches_and_does_not_push_the_same_text():
    vectors = torch.eye(3)
    same = torch.eye(3, dtype=torch.bool)
    matched = info_nce(vectors, vectors, same, temperature=0.1)
    crossed = info_nce(vectors, vectors[[1, 2, 0]], same, temperature=0.1)
    assert matched < 0.01 < crossed
    twice = vectors[[0, 0, 2]].requires_grad_()
    text = torch.tensor([5, 5, 7])
    info_nce(twice, vectors[[0, 0, 2]], text[:, None] == text, temperature=0.1).backward()
    assert twice.grad is not None
    assert twice.grad[0, 0].abs() < 1e-3


def test_the_shipped_peers_are_configured_in_full():
    config = load_peers_config(PEERS)
    assert config.model_dump().keys() == PeersConfig().model_dump().keys()
    for part in ("merl", "ked", "fixed", "signs"):
        assert getattr(config, part).model_fields_set == set(
            type(getattr(config, part)).model_fields
        )


def test_rows_of_a_fold_are_not_trained_on(make_task):
    task = make_task()
    assert not np.intersect1d(task.training_rows, task.validation_rows).size


SIGNS = tuple(Sign((name, f"{name} otherwise"), lambda _: 0.0) for name in ("one", "other"))


@pytest.fixture
def make_task_with_signs(make_task):
    """Of the conditions the first shows in the signs alone: its wave is taken away."""

    def make():
        task = make_task()
        recordings = task.recordings
        wave = np.sin(np.arange(recordings.windows.shape[2]) / 3.0)
        windows = recordings.windows - recordings.targets[:, :1, None] * wave.astype(np.float32)
        measured = np.random.default_rng(1).normal(size=(len(windows), 2)) * 3
        measured[:, 0] = np.where(recordings.targets[:, 0] == 1, 3.0, -3.0)
        measured[::5] = np.nan
        signs = torch.from_numpy(measured.astype(np.float32))
        by_window = {window.tobytes(): row for window, row in zip(windows, signs, strict=True)}
        given = GivenSigns(
            SIGNS,
            signs,
            lambda those: torch.stack([by_window[each.tobytes()] for each in those]).numpy(),
            PeerSignsConfig(width=4, hidden=8, dropout=0.0),
        )
        return replace(task, recordings=replace(recordings, windows=windows), given=given)

    return make


@pytest.mark.parametrize("name", TRAINERS)
def test_a_peer_that_is_given_the_signs_reads_them_and_answers_by_them(name, make_task_with_signs):
    task = make_task_with_signs()
    scorer = TRAINERS[name](task)
    told = task.given.measured[:, 0].isfinite()
    windows, present = task.windows[told], task.targets[told, 0]
    queries = task.canonical[[0, len(task.conditions)]]  # the condition, and its sign
    areas = auroc(np.stack([present, present], axis=1), scorer.logits(windows, queries).numpy())
    assert (areas > 0.7).all()
    without = auroc(
        present.numpy()[:, None],
        TRAINERS[name](replace(task, given=None)).logits(windows, queries[:1]).numpy(),
    )
    assert without[0] < areas[0] - 0.1
