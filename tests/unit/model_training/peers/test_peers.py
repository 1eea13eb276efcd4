import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from model_training.models.fusion import masked_binary_cross_entropy
from model_training.peers import (
    KedConfig,
    MerlConfig,
    PeersConfig,
    load_peers_config,
    train_fixed,
    train_ked,
    train_merl,
)
from model_training.peers.config import FixedConfig
from model_training.peers.contrast import info_nce

PEERS = Path("model_training/recipes/configs/peers.yaml")
MERL = MerlConfig(learning_rate=0.01, dimension=16, hidden=16)
KED = KedConfig(learning_rate=0.01, dimension=16, feed_forward=32, heads=2)
TRAINERS = {
    "merl": lambda task: train_merl(task, MERL),
    "ked": lambda task: train_ked(task, KED),
    "fixed": lambda task: train_fixed(task, FixedConfig(learning_rate=0.01)),
}


@pytest.mark.parametrize("name", TRAINERS)
def test_a_peer_learns_and_answers_every_query_of_every_recording(name, make_task):
    task = make_task()
    scorer = TRAINERS[name](task)
    with task.log.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert float(rows[-1]["training_loss"]) < 0.9 * float(rows[0]["training_loss"])
    logits = scorer.logits(task.windows, task.canonical)
    assert logits.shape == task.targets.shape
    present, absent = (logits[task.targets == value].mean() for value in (1, 0))
    assert present > absent


@pytest.mark.parametrize("name", ["ked", "fixed"])
def test_supervised_peers_beat_the_share_of_positives(name, make_task):
    task = make_task()
    logits = TRAINERS[name](task).logits(task.windows, task.canonical).clone()
    share = torch.nanmean(task.targets, dim=0).logit().expand_as(logits)
    learned, guessed = (
        float(masked_binary_cross_entropy(answer, task.targets)) for answer in (logits, share)
    )
    assert learned < 0.9 * guessed


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
    for part in ("merl", "ked", "fixed"):
        assert getattr(config, part).model_fields_set == set(
            type(getattr(config, part)).model_fields
        )


def test_rows_of_a_fold_are_not_trained_on(make_task):
    task = make_task()
    assert not np.intersect1d(task.training_rows, task.validation_rows).size
