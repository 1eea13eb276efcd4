"""A store is scored by what its run's network takes, whatever that is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ecg_core.conditions import Catalogue
from model_training.data.labelled import TEST_FOLD
from model_training.evaluation import stores
from tests.support.token_networks import (
    TextsByHash,
    make_token_bench,
    planted_recordings,
    tiny_config,
)


def test_a_network_of_tokens_is_asked_by_tokens(tmp_path, monkeypatch):
    torch.manual_seed(0)
    recordings = planted_recordings(60)
    bench = make_token_bench(tiny_config(), recordings, TextsByHash(), tmp_path)
    unlabelled = bench.concepts.composed[0]
    known = bench.put([*bench.conditions, unlabelled])
    assert torch.equal(known[:3], torch.eye(known.shape[1])[:3])
    assert torch.equal(known[3], torch.eye(known.shape[1])[bench.concepts.places[unlabelled.id]])

    other = Catalogue.load().get(unlabelled.id)
    store = replace(
        recordings,
        conditions=(*recordings.conditions, other.id),
        targets=np.concatenate([recordings.targets, recordings.targets[:, :1]], axis=1),
    )
    monkeypatch.setattr(stores, "load_stored", lambda *_: store)
    found = stores.evaluate_store(bench, Path("unused"))
    rows = recordings.rows(TEST_FOLD)
    assert found["recordings"] == found["own_labels"]["trained"]["recordings"] == len(rows)
    assert found["own_labels"]["not_trained"]["classes"] == 1
