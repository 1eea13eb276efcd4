"""Lists of kinds of one finding."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_core.conditions.question import AnyOf, KnownCondition, Question
from ecg_core.errors import FaultCode, InvalidQuery
from tests.support.questions import AF, CATALOGUE, LBBB, READER, question_of, refused

ANY_OF_LIST = "not read: whether all of the list are meant; any of them is asked for"


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("AF, paroxysmal AF, permanent AF", AF),
        ("atrial flutter, atrial flutter with 2:1 block", KnownCondition("atrial-flutter")),
        ("LBBB, left bundle branch block (LBBB)", LBBB),
        (
            "premature complex(es), premature ventricular contraction(s)",
            KnownCondition("premature-complexes"),
        ),
        (
            "AV block, second-degree AV block, third-degree AV block",
            KnownCondition("av-block"),
        ),
        (
            "left bundle branch block, right bundle branch block, bifascicular block",
            AnyOf(
                (
                    KnownCondition("bifascicular-block"),
                    LBBB,
                    KnownCondition("complete-right-bundle-branch-block"),
                )
            ),
        ),
        (
            "sinus rhythm, sinus bradycardia, sinus tachycardia",
            AnyOf(
                (
                    KnownCondition("sinus-bradycardia"),
                    KnownCondition("sinus-rhythm"),
                    KnownCondition("sinus-tachycardia"),
                )
            ),
        ),
    ],
)
def test_list_of_kinds_asks_for_any_of_them(text: str, question: Question) -> None:
    reading = READER.read(text)
    assert reading.question == question
    if not isinstance(question, KnownCondition) or CATALOGUE.find(text) is None:
        assert any(note.detail == ANY_OF_LIST for note in reading.notes)


@pytest.mark.parametrize(
    "text", ["LAFB, RBBB, first-degree AV block", "AF, LVH, RBBB, old inferior infarction"]
)
def test_findings_that_may_all_be_meant_are_no_list_of_kinds(text: str) -> None:
    assert refused(text) is FaultCode.SEVERAL_CONDITIONS


@settings(max_examples=100, deadline=None)
@given(st.permutations(["AF", "paroxysmal AF", "permanent AF", "chronic atrial fibrillation"]))
def test_order_of_a_list_of_kinds_changes_nothing(names: list[str]) -> None:
    assert question_of(", ".join(names)) == AF


def _kinds() -> list[tuple[str, str]]:
    return [
        (condition.name, broader.name)
        for condition in CATALOGUE.conditions
        for broader in CATALOGUE.ancestors(condition.id)
        if not set(",;./|()") & {*condition.name, *broader.name}
    ]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(_kinds()))
def test_a_condition_and_a_kind_of_it_ask_for_the_condition(pair: tuple[str, str]) -> None:
    kind, broader = pair
    condition = CATALOGUE.find(broader)
    assert condition is not None
    for text in (f"{kind}, {broader}", f"{broader}; {kind}"):
        if CATALOGUE.find(text) is not None:
            continue  # "torsade de pointes, tachycardia" is a name by itself
        # Some names are measurements, which are no kinds of anything.
        with contextlib.suppress(InvalidQuery):
            question = question_of(text)
            if isinstance(question, KnownCondition | AnyOf):
                assert question == KnownCondition(condition.id)
