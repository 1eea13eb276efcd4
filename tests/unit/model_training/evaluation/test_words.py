"""Figures of how queries are read, on answers that are known."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from ecg_core.conditions import Catalogue
from model_training.evaluation.words import (
    FRESH_KINDS,
    condition_texts,
    fresh_texts,
    held_out,
    training_texts,
)
from tests.benchmarks.words_figures import (
    AskedClass,
    coherence_violations,
    evaluate_gate,
    evaluate_numbers,
    evaluate_words,
    typos,
)

CATALOGUE = Catalogue.load()
PRESENT = np.array([True, True, False, False, False, False])
SURE = np.where(PRESENT, 0.9, 0.1)
AF = AskedClass(CATALOGUE.get("atrial-fibrillation"), np.arange(6), PRESENT)


def same_for_all(texts: Sequence[str]) -> NDArray[np.float64]:
    return np.repeat(SURE[:, None], len(texts), axis=1)


def lost_in_other_words(texts: Sequence[str]) -> NDArray[np.float64]:
    by_name = [SURE if text == AF.condition.name else 0.3 * (1 - SURE) for text in texts]
    return np.stack(by_name, axis=1)


def test_the_same_answer_in_all_words_loses_nothing() -> None:
    found = evaluate_words(same_for_all, [AF], {"atrial-fibrillation": "quivering atria"})
    ways = {"frames", "typos", "third_party", "languages", "lay", "waveform"}
    assert set(found) == ways | {"lay_fresh", "waveform_fresh", "german_fresh"}
    for figures in found.values():
        assert (figures["auroc_drop"], figures["kept"], figures["identical"]) == (0.0, 1.0, 1.0)


def test_a_reversed_answer_is_a_drop_of_a_hundred_points() -> None:
    found = evaluate_words(lost_in_other_words, [AF], {})
    assert found["lay"]["auroc_drop"] == 100.0
    assert (found["lay"]["kept"], found["lay"]["identical"]) == (0.0, 0.0)
    assert np.isnan(found["third_party"]["auroc_drop"])


def test_unanswered_texts_are_counted_and_kept_out_of_the_drop() -> None:
    def unanswered(texts: Sequence[str]) -> NDArray[np.float64]:
        return np.where([t == AF.condition.name for t in texts], same_for_all(texts), np.nan)

    found = evaluate_words(unanswered, [AF], {})["typos"]
    assert (found["unanswered"], found["kept"]) == (1.0, 0.0)
    assert np.isnan(found["auroc_drop"])


def test_numbers_that_are_read_are_ranked_rightly_and_monotone() -> None:
    values = np.array([45.0, 65.0, 110.0, 130.0, 160.0, 210.0, 430.0, np.nan])

    def right(texts: Sequence[str]) -> NDArray[np.float64]:
        limits = [float("".join(c for c in text if c.isdigit())) for text in texts]
        is_below = ["<" in t or "under" in t or "below" in t for t in texts]
        odds = (values[:, None] - limits) * np.where(is_below, -1, 1)
        return 1 / (1 + np.exp(-np.clip(odds / 20, -30, 30)))

    assert evaluate_numbers(right, lambda _: values) == {"auroc": 1.0, "monotone": 1.0}
    wrong = evaluate_numbers(lambda texts: 1 - right(texts), lambda _: values)
    assert wrong == {"auroc": 0.0, "monotone": 0.0}


def test_a_gate_that_knows_nothing_is_a_coin() -> None:
    assert evaluate_gate(lambda _: 1.0) == {"out_flagged": 0.0, "in_flagged": 0.0, "auroc": 0.5}


def test_a_narrower_condition_above_its_broader_one_is_a_violation() -> None:
    names = [condition.name for condition in CATALOGUE.conditions]

    def flat(texts: Sequence[str]) -> NDArray[np.float64]:
        return np.full((3, len(texts)), 0.4)

    def one_wrong(texts: Sequence[str]) -> NDArray[np.float64]:
        answers = flat(texts)
        answers[1, names.index("atrial fibrillation")] = 0.9
        return answers

    assert coherence_violations(flat, CATALOGUE) == 0
    assert coherence_violations(one_wrong, CATALOGUE) == 1


@pytest.mark.parametrize("condition_id", list(condition_texts()))
def test_every_benchmark_condition_has_three_texts_of_each_kind(condition_id: str) -> None:
    assert CATALOGUE.has(condition_id)
    for texts in condition_texts()[condition_id].values():
        assert len(set(texts)) == 3
        assert len(held_out(texts)) == 2


def test_what_training_may_use_is_never_measured() -> None:
    measured = {
        text
        for kinds in condition_texts().values()
        for texts in kinds.values()
        for text in held_out(texts)
    }
    assert not measured & set(training_texts())


def test_typing_mistakes_are_always_the_same_and_one_each() -> None:
    name = "atrial fibrillation"
    assert list(typos(name)) == list(typos(name))
    assert all(text != name and abs(len(text) - len(name)) <= 1 for text in typos(name))


def test_fresh_texts_are_of_the_same_classes_and_no_other_list_has_them() -> None:
    assert fresh_texts().keys() == condition_texts().keys()
    fresh = {text for said in fresh_texts().values() for texts in said.values() for text in texts}
    assert len(fresh) == len(FRESH_KINDS) * len(condition_texts())
    others = {
        text for said in condition_texts().values() for texts in said.values() for text in texts
    }
    assert not fresh & (others | set(training_texts()))
