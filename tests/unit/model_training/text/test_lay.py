"""Lay wordings are made for training, and never measure it."""

import pytest

from ecg_core.conditions import Catalogue
from model_training.evaluation.words import measured_texts
from model_training.text.lay import MOST_OF_ONE, lay_wordings

CATALOGUE = Catalogue.load()


@pytest.mark.parametrize("condition_id", lay_wordings())
def test_a_known_condition_is_said_in_few_different_ways(condition_id: str) -> None:
    assert CATALOGUE.has(condition_id)
    texts = lay_wordings()[condition_id]
    assert 0 < len(set(texts)) == len(texts) <= MOST_OF_ONE
    assert not any(set("{}") & set(text) for text in texts)


def test_no_two_conditions_are_said_alike() -> None:
    texts = [text for said in lay_wordings().values() for text in said]
    assert len(set(texts)) == len(texts)


def test_none_measures_how_queries_are_read() -> None:
    made = {text.casefold() for said in lay_wordings().values() for text in said}
    assert not made & {text.casefold() for text in measured_texts()}


def test_none_is_a_name_of_another_condition() -> None:
    for condition_id, texts in lay_wordings().items():
        for text in texts:
            named = CATALOGUE.find(text)
            assert named is None or named.id == condition_id, text
