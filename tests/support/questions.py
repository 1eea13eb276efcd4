"""Reading queries as the shipped catalogue has them."""

import pytest

from ecg_core.conditions import Catalogue
from ecg_core.conditions.lexicon import Lexicon
from ecg_core.conditions.question import KnownCondition, Question
from ecg_core.conditions.reading import QuestionReader
from ecg_core.errors import FaultCode, InvalidQuery
from ecg_core.signs import SIGNS

CATALOGUE = Catalogue.load()
READER = QuestionReader(Lexicon(CATALOGUE, [sign.wordings for sign in SIGNS]))
AF = KnownCondition("atrial-fibrillation")
LBBB = KnownCondition("complete-left-bundle-branch-block")


def question_of(text: str) -> Question:
    """What a text asks for."""
    return READER.read(text).question


def refused(text: str) -> FaultCode:
    """Why a text is refused."""
    with pytest.raises(InvalidQuery) as caught:
        READER.read(text)
    return caught.value.faults[0].code
