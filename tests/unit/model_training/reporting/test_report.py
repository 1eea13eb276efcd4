import json
from pathlib import Path

import numpy as np
import pytest

from model_training.data.labelled import LabelledRecordings
from model_training.data.releases.attributions import ATTRIBUTIONS
from model_training.data.releases.registry import RELEASES
from model_training.evaluation.wordings import ENGLISH, unseen_wordings
from model_training.reporting.model_card import INTENDED_USE, model_card
from model_training.reporting.report import PUBLISHED, render_results
from model_training.run.config import load_config


def test_the_report_is_made_of_the_results_beside_it():
    results = json.loads((PUBLISHED / "results.json").read_text())
    assert (PUBLISHED / "results.md").read_text() == render_results(results)
    for row in results["seen"].values():
        assert str(row["auroc"]) in render_results(results)


@pytest.mark.parametrize("release", RELEASES)
def test_the_model_card_says_what_it_is_for_and_whose_data_it_stands_on(release):
    config = load_config(Path("model_training/recipes/configs/ptbxl_tokens.yaml"))
    recordings = LabelledRecordings(
        ecg_ids=np.arange(2),
        folds=np.array([1, 9]),
        windows=np.zeros((2, 12, 10), dtype=np.float32),
        conditions=("normal-ecg",),
        targets=np.ones((2, 1), dtype=np.float32),
        benchmark={},
        left_out={},
        release=release,
    )
    card = model_card(config, recordings, None)
    assert card["intended_use"] == INTENDED_USE
    assert ATTRIBUTIONS[release].title in json.dumps(card["training_data"])
    assert "2 of its recordings" in json.dumps(card["training_data"])
    assert all(data["licence"] and data["attribution"] for data in card["training_data"])


def test_held_out_wordings_are_there_for_both_files():
    wordings = unseen_wordings()
    assert "atrial-fibrillation" in wordings
    assert "inferior-myocardial-infarction" in wordings
    assert all(len(texts) == ENGLISH + 1 for texts in wordings.values())
