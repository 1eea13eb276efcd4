"""Five ways to ask for what was left out: no text leads to the catalogue's entry."""

from dataclasses import replace

import numpy as np
import pytest

from ecg_core.asking.composing import Leaf
from ecg_core.calibration import Calibration
from ecg_core.conditions import Catalogue
from ecg_core.conditions.question import Described, KnownCondition, leaves
from ecg_core.preprocessing import PreprocessingSpec, prepare
from model_training.evaluation.five_ways import WAYS, FiveWays, OnDemand
from model_training.evaluation.groups import Group
from model_training.evaluation.left_out import Asked, InWords, leave_out_file, seeded
from model_training.evaluation.unseen_ways import evaluate_ways, over_seeds
from model_training.evaluation.words import condition_texts
from model_training.run.config import Run
from model_training.run.methods import SignRules
from tests.support.recordings import make_recording
from tests.support.token_networks import tiny_config

AF, LBBB = "atrial-fibrillation", "complete-left-bundle-branch-block"
TRAINED = ("normal-ecg", "sinus-tachycardia")
PROMPT = "Atrial Fibrillation, Paroxysmal Atrial Fibrillation"
PLAIN = Calibration(temperature=1.0, bias=0.0, unseen_temperature=1.0, unseen_bias=0.0)


@pytest.fixture(scope="module")
def five():
    return FiveWays(TRAINED, frozenset({AF, "paroxysmal-atrial-fibrillation"}), {AF: PROMPT})


@pytest.mark.parametrize("text", ["atrial fibrillation", "Vorhofflimmern", "AFIB", PROMPT])
def test_what_is_left_out_is_a_text_and_nothing_more(five, text):
    question = five.read(text)
    assert all(isinstance(leaf, Described) for leaf in leaves(question))


def test_what_was_trained_and_what_is_measured_is_read(five):
    assert five.read("sinus tachycardia") == KnownCondition("sinus-tachycardia")
    described = five.read("irregularly irregular R-R intervals, no P waves, narrow QRS complexes")
    assert isinstance(described, Described)
    assert described.parts


def test_every_way_asks_and_no_waveform_text_was_trained_on(five):
    catalogue = Catalogue.load()
    askings = five.askings([catalogue.get(AF), catalogue.get(LBBB)])
    assert tuple(askings) == WAYS
    assert {each.condition for each in askings["by_signs"]} == {0, 1}
    assert [each.text for each in askings["by_third_party"]] == [PROMPT]
    first = condition_texts()[AF]["waveform"][0]
    texts = [each.text for each in askings["by_waveform"] if each.condition == 0]
    assert len(texts) == 2
    assert first not in texts
    assert five.needs(askings) == sorted(set(five.needs(askings)), key=repr)


def test_an_answer_follows_the_signs_and_the_measurements_that_the_text_names(five):
    spec = PreprocessingSpec()
    windows = np.concatenate(
        [prepare(make_recording(heart_rate_bpm=rate), spec).windows for rate in (60.0, 110.0)]
    )
    measured = [OnDemand(window, spec) for window in windows]
    asked = five.askings([Catalogue.load().get(AF)])
    rate = replace(asked["by_name"][0], question=five.read("heart rate above 105"))
    questions = [*asked["by_signs"], *asked["by_name"], rate]
    needed = five.needs({"all": questions})
    rows = five.rows(needed, SignRules(lambda _: np.empty(0)))
    assert rows.shape[0] == len(needed)
    logits = np.zeros((2, len(needed)), np.float32)
    place = needed.index(Leaf(sign=Catalogue.load().get(AF).signs[0]))
    logits[1, place] = 2.0
    odds = five.answers(questions, needed, logits, PLAIN, measured)
    assert odds[1, 0] > odds[0, 0]
    assert odds[1, 1] == odds[0, 1]  # by name nothing was read
    assert odds[1, 2] > 0 > odds[0, 2]


def answers(scores, labels, parts):
    """Of one condition, each way asked by two texts; the second of them has gaps."""
    n = len(labels)
    both = np.stack([scores, scores], axis=1).astype(np.float32)
    gaps = both.copy()
    gaps[1::50, 1] = np.nan
    said = InWords(both, gaps, np.zeros(2, np.intp))
    column = scores[:, None].astype(np.float32)
    return Asked(
        np.arange(n).astype(str), parts, (AF,), column, column, labels[:, None],
        ("normal-ecg",), np.zeros(1, np.float32), np.zeros(1, np.float32),
        dict.fromkeys(WAYS, said),
    )  # fmt: skip


def test_ours_stands_beside_the_rules_and_the_best_peer_with_signs(tmp_path):
    random = np.random.default_rng(0)
    labels = (random.random(400) < 0.2).astype(np.float32)
    parts = np.where(np.arange(400) % 2 == 0, "fold 9", "fold 10")
    run = Run(tiny_config(), tmp_path, tmp_path / "run")
    groups = (Group("a", (AF,), ()), Group("b", (LBBB,), ()))
    better = {"ours": 3.0, "rules": 1.0, "ked": 2.0, "ked_signs": 1.5, "merl_signs": 0.0}
    for method, by in better.items():
        for group in groups:
            file = leave_out_file(run, group.name, method)
            file.parent.mkdir(parents=True, exist_ok=True)
            answers(random.normal(size=400) + by * labels, labels, parts).save(file)
    found = evaluate_ways(run, ["fold 10"], groups)
    assert tuple(found) == WAYS
    row = found["by_waveform"]
    assert (row["conditions"], row["texts"], row["n"]) == (2, 4, 200)
    assert 0 < row["unanswered"] < 0.05
    assert row["best_peer"]["method"] == "ked"
    assert row["best_peer_with_signs"]["method"] == "ked_signs"
    assert row["rules"]["ours_ahead"]["points"] == pytest.approx(
        row["auroc"] - row["rules"]["auroc"], abs=0.02
    )
    assert row["rules"]["ours_ahead"]["p_value"] < 0.05
    assert over_seeds(run, ["fold 10"], groups) == {}
    _, second = seeded(run, 2)
    assert second.config.seed == run.config.seed + 1
    for group in groups:
        file = leave_out_file(second, group.name, "ours")
        file.parent.mkdir(parents=True)
        answers(random.normal(size=400) + 3 * labels, labels, parts).save(file)
    told = over_seeds(run, ["fold 10"], groups)["by_signs"]
    assert told.keys() == {"ours"}  # the others have one seed
    assert told["ours"]["seeds"] == 2
    again = evaluate_ways(second, ["fold 10"], groups)["by_signs"]["auroc"]
    assert told["ours"]["mean"] == pytest.approx((row["auroc"] + again) / 2, abs=0.02)
    assert evaluate_ways(run, ["fold 10"], (*groups, Group("c", (AF,), ()))) == {}
