import json
from pathlib import Path

from model_training.recipes.config import load_config
from model_training.recipes.evaluate_wordings import ENGLISH, unseen_wordings
from model_training.recipes.model_card import INTENDED_USE, model_card
from model_training.recipes.report import RESULTS, render_results


def test_the_report_is_made_of_the_results_beside_it():
    results = json.loads(RESULTS.read_text())
    assert RESULTS.with_suffix(".md").read_text() == render_results(results)
    for row in results["seen"].values():
        assert str(row["auroc"]) in render_results(results)


def test_the_model_card_says_what_it_is_for_and_whose_data_it_stands_on():
    config = load_config(Path("model_training/recipes/configs/ptbxl_cpu.yaml"))
    card = model_card(config, ["normal-ecg"], None)
    assert card["intended_use"] == INTENDED_USE
    assert "PTB-XL" in json.dumps(card["training_data"])
    assert all(data["licence"] and data["attribution"] for data in card["training_data"])


def test_held_out_wordings_are_there_for_both_files():
    wordings = unseen_wordings()
    assert "atrial-fibrillation" in wordings
    assert "inferior-myocardial-infarction" in wordings
    assert all(len(texts) == ENGLISH + 1 for texts in wordings.values())
