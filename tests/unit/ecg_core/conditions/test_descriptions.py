"""Descriptions and honest sentences: which signs are read in them, and which are not."""

import contextlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_core.conditions import Condition
from ecg_core.conditions.question import (
    AllOf,
    Comparator,
    Described,
    KnownCondition,
    Measured,
    Not,
    NotAnswerable,
    Sign,
    leaves,
)
from ecg_core.conditions.regions import named_leads
from ecg_core.errors import InvalidQuery
from ecg_core.leads import LEADS
from ecg_core.signs import SIGNS
from tests.support.questions import CATALOGUE, READER, question_of


@pytest.mark.parametrize(
    "text",
    [
        "normal rhythm, only too fast",
        "P waves of normal shape",
        "one of the two fibres of the left bundle is interrupted",
        "P wave with two humps, wide QRS",
    ],
)
def test_word_of_any_sentence_names_nothing_in_it(text: str) -> None:
    asked = set(leaves(question_of(text)))
    assert not asked & {KnownCondition("normal-ecg"), KnownCondition("inverted-t-waves")}


@pytest.mark.parametrize(
    ("text", "said", "unsaid"),
    [
        ("qR in I, QRS below 120 ms", None, Sign("QRS duration of 120 ms or more")),
        (
            "deep S waves in V1 and tall R waves in V5",
            Sign("S in V1 plus R in V5 or V6 above 3.5 mV"),
            Sign("deep S waves in V5 and V6"),
        ),
        (
            "early wide QRS complex without a P wave",
            Sign("an early wide QRS complex"),
            Sign("P wave of at least 120 ms"),
        ),
        (
            "wide QRS with deep S wave in V1 and no q in V6",
            Sign("QS or rS complex in V1"),
            Sign("S wave in I and V6"),
        ),
        (
            "monophasic R in V6, T waves opposite to the QRS",
            Sign("ST segments and T waves opposite to the QRS complex"),
            None,
        ),
        ("prolonged PQ time, wide QRS", Sign("PR interval above 200 ms"), None),
    ],
)
def test_signs_of_a_description(text: str, said: Sign | None, unsaid: Sign | None) -> None:
    question = question_of(text)
    asked = set(leaves(question))
    assert said is None or said in asked
    assert unsaid not in asked


@pytest.mark.parametrize(
    "text",
    [
        "R in V5 + R in V6 above 3 mV",
        "S in V2 + R in V5 > 35 mm",
        "S in V1 and R in V3 together over 3 mV",
        "deep S in V2, R in I and S in III combined above 2.5 mV",
    ],
)
def test_a_limit_of_a_sum_is_no_limit_of_one_wave(text: str) -> None:
    assert not any(isinstance(leaf, Measured) for leaf in leaves(question_of(text)))


@pytest.mark.parametrize(
    ("text", "quantity"),
    [
        ("S in V1 plus R in V5 above 3.5 mV", "sokolow_lyon"),
        ("sum of S in V1 and R in V5 over 35 mm", "sokolow_lyon"),
        ("SV1 + RV6 > 3.5 mV", "sokolow_lyon"),
        ("S wave of V1 and R wave of V5 together more than 35 mm", "sokolow_lyon"),
        ("R-Zacke in V5/V6 plus S-Zacke in V1 über 3,5 mV", "sokolow_lyon"),
        ("R in aVL plus S in V3 above 35 mm", "cornell_voltage"),
        ("SV3 + RaVL > 3.5 mV", "cornell_voltage"),
    ],
)
def test_a_sum_that_is_measured_is_read_however_it_is_written(text: str, quantity: str) -> None:
    assert question_of(text) == Measured(quantity, Comparator.ABOVE, 3.5, "mV")


def test_a_sign_is_not_read_of_leads_that_it_is_not_seen_in() -> None:
    for sign in (sign for sign in SIGNS if not set(",(") & set(sign.name)):
        its_own = named_leads(sign.name)
        for lead in (lead for lead in LEADS if its_own and lead not in its_own):
            moved = sign.name
            for own in its_own:
                moved = re.sub(rf"\b{own}\b", lead, moved)
            with contextlib.suppress(InvalidQuery):
                read = {leaf for leaf in leaves(question_of(moved)) if isinstance(leaf, Sign)}
                of_others = {leaf.name for leaf in read if lead not in named_leads(leaf.name)}
                assert not {name for name in of_others if named_leads(name)}, moved


@pytest.mark.parametrize(
    "text",
    [
        "PVCs in V1",
        "ST segment 1 mm below the baseline in V4 to V6",
        "notched QRS in V2 and V3",
    ],
)
def test_leads_that_are_not_read_are_noted(text: str) -> None:
    notes = READER.read(text).notes
    assert "not read: in which leads it is" in [note.detail for note in notes]


def test_an_axis_beyond_a_negative_limit_lies_farther_from_zero() -> None:
    question = question_of("QRS axis beyond -45 degrees")
    assert isinstance(question, Measured)
    assert (question.comparator, question.value) == (Comparator.BELOW, -45)
    question = question_of("QRS axis beyond 90 degrees")
    assert isinstance(question, Measured)
    assert (question.comparator, question.value) == (Comparator.ABOVE, 90)


def test_numbers_and_places_that_were_read_are_not_left() -> None:
    question = question_of("regular rhythm at 120 bpm with inverted T waves in the inferior leads")
    assert isinstance(question, Described)
    assert question.unread == ""


@pytest.mark.parametrize(
    "text",
    [
        "the upper chambers quiver instead of beating",
        "the heart beats chaotically without order",
        "changes of the curve without a clear meaning",
        "part of the left branch no longer conducts",
        "no conduction to the right ventricle",
        "the heart muscle lacks oxygen",
        "the lower chambers fire too early",
        "the heart muscle looks too thick",
        "spike height of the heart curve",
    ],
)
def test_honest_sentence_goes_to_the_text_encoder(text: str) -> None:
    question = question_of(text)
    assert isinstance(question, Described)
    assert not question.parts


@pytest.mark.parametrize(
    "text",
    [
        "the left wire of the heart is not blocked",
        "no conduction delay of the heart",
        "the heart beats without trouble",
        "instead of the heart rhythm",
        "the atria are no longer trembling",
    ],
)
def test_what_may_deny_a_finding_is_never_asked_for(text: str) -> None:
    with contextlib.suppress(InvalidQuery):
        assert isinstance(question_of(text), Not | NotAnswerable)


DENIALS = (
    "no reason for {}",
    "no reason to think of {}",
    "no clear pattern of {}",
    "without any specific meaning for {}",
    "without significance of {}",
    "no particular place of {}",
    "no definite territory of {}",
    "proves nothing of {}",
    "it says nothing of {}",
    "neither left nor right {}",
    "neither right nor left {}",
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(DENIALS), st.sampled_from(CATALOGUE.conditions))
def test_what_is_denied_in_passing_is_never_asked_for(denial: str, condition: Condition) -> None:
    with contextlib.suppress(InvalidQuery):
        question = question_of(denial.format(condition.name))
        parts = [p.part for p in question.parts] if isinstance(question, Described) else [question]
        if isinstance(question, AllOf):  # neither one nor the other
            parts = list(question.parts)
        assert parts
        assert all(isinstance(part, Not | NotAnswerable) for part in parts)


@pytest.mark.parametrize(
    "text",
    [
        "neither left nor right bundle branch block",
        "neither left nor right ventricular hypertrophy",
        "neither right nor left axis deviation",
    ],
)
def test_a_denial_of_both_sides_denies_both(text: str) -> None:
    question = question_of(text)
    assert isinstance(question, AllOf)
    sides = {part.part.id for part in question.parts if isinstance(part, Not)}
    assert len(sides) == 2
    assert {side.partition("left")[1] or side.partition("right")[1] for side in sides} == {
        "left",
        "right",
    }


@pytest.mark.parametrize("text", ["no artery disease", "without artery disease"])
def test_no_artery_disease_is_a_denial(text: str) -> None:
    assert isinstance(question_of(text), Not)
