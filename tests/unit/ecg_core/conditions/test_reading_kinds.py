"""What is asked in other forms than a name: read as the plainer text, refused, or noted."""

import tomllib
from contextlib import suppress
from importlib import resources

import pytest

from ecg_core.conditions.question import (
    Comparator,
    Measured,
    Not,
    NotAnswerable,
    Sign,
    any_of,
    leaves,
)
from ecg_core.errors import FaultCode, InvalidQuery
from tests.support.questions import READER, question_of, refused

SAYINGS = tomllib.loads(
    resources.files("ecg_core.conditions").joinpath("language", "sayings.toml").read_text("utf-8")
)["saying"]


def notes_of(text: str) -> list[str]:
    return [note.detail for note in READER.read(text).notes]


def test_each_saying_is_read_as_what_it_means() -> None:
    for saying in SAYINGS:
        meant = question_of(saying["means"])
        for text in saying["texts"]:
            question = question_of(text)
            is_denied = saying.get("is_denied", False)
            assert (question == meant) is not is_denied, text
            if is_denied:
                assert isinstance(question, Not), text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        # Shorthand
        ("AF w/o LBBB", "AF without LBBB"),
        ("sinus rhythm w/ PVCs", "sinus rhythm with PVCs"),
        ("SR u. LSB", "SR und LSB"),
        ("inkompl. RSB", "incomplete RBBB"),
        ("RSB inkomplett", "incomplete RBBB"),
        ("unvollständiger RSB", "incomplete RBBB"),
        ("inc RBBB", "incomplete RBBB"),
        ("STE V1-V3", "ST elevation in V1 to V3"),
        ("TWI in III and aVF", "inverted T waves in III and aVF"),
        ("ST-Hebungen in II, III, aVF", "ST elevation in II, III and aVF"),
        ("pas d'HVG", "pas de HVG"),
        ("BAV II", "second-degree AV block"),
        # Words that two parts share
        ("left or right bundle branch block", "LBBB or RBBB"),
        (
            "left and right atrial enlargement",
            "left atrial enlargement and right atrial enlargement",
        ),
        ("ST-Hebung oder -Senkung", "ST elevation or ST depression"),
        ("AV-Block I oder II", "first-degree AV block or second-degree AV block"),
        ("Mobitz I or II", "Mobitz I or Mobitz II"),
        ("ST elevation in II or III", "ST elevation in II or ST elevation in III"),
        # Denials of several
        ("neither LBBB nor RBBB", "no LBBB and no RBBB"),
        ("weder LSB noch RSB", "no LBBB and no RBBB"),
        ("kein LSB, kein RSB", "no LBBB and no RBBB"),
        ("no signs of LVH or RVH", "no LVH or RVH"),
        ("no ST elevation or depression", "no ST depression or ST elevation"),
        # A limit before or without its quantity's usual words
        ("480 ms < QTc", "QTc > 480 ms"),
        ("60 < HR < 100", "HR > 60 and HR < 100"),
        ("60 > HR or HR > 100", "HR < 60 or HR > 100"),
        ("QTc 500+", "QTc of 500 or more"),
        ("QTc > .48", "QTc > 480 ms"),
        ("QRS ≥ 0.12", "QRS ≥ 120 ms"),
        ("HF größer 100", "HF größer als 100"),
        ("ST elevation ≥ 2 mm V1-V3", "ST elevation ≥ 2 mm in V1, V2 and V3"),
        ("R in V5 or V6 > 26 mm", "R in V5 > 26 mm or R in V6 > 26 mm"),
        ("inferior mi", "inferior MI"),
        ("es ist Vorhofflimmern", "Vorhofflimmern"),
        ("I45.10", "RBBB"),
        ("I48", "atrial fibrillation or flutter"),
    ],
)
def test_it_is_read_as_the_plainer_text(text: str, plain: str) -> None:
    assert question_of(text) == question_of(plain)


def test_without_reaches_what_or_joins() -> None:
    question = question_of("sinus rhythm without PVCs or PACs")
    denied = [part for part in getattr(question, "parts", ()) if isinstance(part, Not)]
    assert [part.part for part in denied] == [question_of("PVCs or PACs")]


def test_outside_a_range_is_beyond_either_end() -> None:
    low = Measured("heart_rate", Comparator.BELOW, 60, "/min")
    high = Measured("heart_rate", Comparator.ABOVE, 100, "/min")
    assert question_of("heart rate outside 60 to 100") == any_of([low, high])


def test_a_range_may_end_at_zero() -> None:
    low = Measured("qrs_axis", Comparator.BELOW, -30, "degrees")
    high = Measured("qrs_axis", Comparator.ABOVE, 0, "degrees")
    assert question_of("axis outside -30 to 0") == any_of([low, high])


@pytest.mark.parametrize(
    ("text", "comparator"),
    [
        ("left axis of more than -30 degrees", Comparator.BELOW),
        ("left axis of at least -30 degrees", Comparator.AT_MOST),
    ],
)
def test_a_left_axis_of_more_than_a_limit_lies_beyond_it(text: str, comparator: Comparator) -> None:
    assert question_of(text) == Measured("qrs_axis", comparator, -30, "degrees")


def test_a_limit_of_one_feature_leaves_another_of_the_same_leads() -> None:
    asked = set(leaves(question_of("ST elevation and depression > 1 mm in V2")))
    assert Measured("st_elevation", Comparator.ABOVE, 0.1, "mV", "V2") in asked
    assert Sign("ST depression in lead V2") in asked


@pytest.mark.parametrize("mark", ["!", '"', "?", ".", "()", ":", "-"])
@pytest.mark.parametrize("joint", ["or", "and", "without", ","])
def test_a_part_of_marks_alone_breaks_nothing(mark: str, joint: str) -> None:
    for text in (f"AF {joint} {mark} {joint} LBBB", f"{mark} {joint} AF", f"AF {joint} {mark}"):
        with suppress(InvalidQuery):
            READER.read(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        # Joined in more than one way
        ("AF and (LBBB or RBBB)", FaultCode.QUERY_NOT_UNDERSTOOD),
        ("(sinus rhythm or AF) and LBBB", FaultCode.QUERY_NOT_UNDERSTOOD),
        ("sinus rhythm with either LBBB or RBBB", FaultCode.QUERY_NOT_UNDERSTOOD),
        ("AF or atrial flutter, with LBBB", FaultCode.QUERY_NOT_UNDERSTOOD),
        ("sinus rhythm without LBBB and RBBB", FaultCode.QUERY_NOT_UNDERSTOOD),
        ("sinus rhythm without LBBB, RBBB", FaultCode.QUERY_NOT_UNDERSTOOD),
        ("at least two of AF, LBBB, LVH", FaultCode.QUERY_NOT_UNDERSTOOD),
        ("ST elevation or depression in V2", FaultCode.QUERY_NOT_UNDERSTOOD),
        ("ST elevation or depression > 1 mm in V2", FaultCode.QUERY_NOT_UNDERSTOOD),
        # One after the other, or set against each other
        ("AF then sinus rhythm", FaultCode.QUERY_CONTRADICTORY),
        ("sinus rhythm followed by AF", FaultCode.QUERY_CONTRADICTORY),
        ("AF → SR", FaultCode.SEVERAL_CONDITIONS),
        ("LBBB < RBBB", FaultCode.QUERY_NOT_UNDERSTOOD),
        ("ST elevation III > II", FaultCode.QUERY_NOT_UNDERSTOOD),
        # Denied twice, or only in part
        ("no se puede descartar infarto", FaultCode.QUERY_NEGATION_UNCLEAR),
        ("ne peut être exclu: infarctus", FaultCode.QUERY_NEGATION_UNCLEAR),
        ("does not meet criteria for LVH", FaultCode.QUERY_NEGATION_UNCLEAR),
        ("HR ≠ 70", FaultCode.QUERY_NEGATION_UNCLEAR),
    ],
)
def test_it_is_refused(text: str, code: FaultCode) -> None:
    assert refused(text) is code


@pytest.mark.parametrize(
    "text",
    [
        "QTc prolonged by 60 ms",
        "delta QTc > 60",
        "QT > 50% of RR",
        "RR interval variation over 120 ms",
        "flutter waves at 300 per minute",
        "I48.0",
        "Z99.9",
        "480",
        "480 <",
    ],
)
def test_it_has_no_answer(text: str) -> None:
    assert isinstance(question_of(text), NotAnswerable)


@pytest.mark.parametrize(
    "text",
    [
        # One letter or prefix is another wave or its opposite.
        "inverted P waves in V4",
        "low R waves",
        "biphasic P waves",
        "pathological P waves",
        "normal intervals",
        "rS in V1",
        "BIRIHX",
        "QRS complex normal",
    ],
)
def test_it_is_no_slip_in_something_else(text: str) -> None:
    with suppress(InvalidQuery):
        assert not any(note.startswith("read as") for note in notes_of(text))


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("s/p inferior MI", "how old it is"),
        ("Z.n. STEMI", "how old it is"),
        ("PVCs in V1", "in which leads it is"),
        ("two PVCs", "a part of the description"),
        ("RBBB-like pattern", "a part of the description"),
        ("AF N", "a part of the description"),
        ("more than one PVC", "a comparison"),
        ("AV block at least second degree", "a comparison"),
        ("ST elevation in III more than II", "a comparison"),
        ("ST elevation in any inferior lead", "in how many of the leads"),
        ("flat P waves", "the text, which counts by its embedding alone"),
    ],
)
def test_what_is_not_read_is_noted(text: str, note: str) -> None:
    assert any(note in each for each in notes_of(text))
