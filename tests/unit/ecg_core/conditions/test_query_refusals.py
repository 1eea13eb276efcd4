"""Queries that cannot be asked: every fault at once, and never a word of the query."""

from contextlib import suppress
from time import process_time

import pytest

from ecg_core.conditions import Catalogue, understand_query
from ecg_core.errors import Fault, FaultCode, InvalidQuery

CATALOGUE = Catalogue.load()


def faults_of(text: str, max_characters: int = 300) -> tuple[Fault, ...]:
    with pytest.raises(InvalidQuery) as caught:
        understand_query(text, CATALOGUE, max_characters=max_characters)
    return caught.value.faults


def codes_of(text: str, max_characters: int = 300) -> list[FaultCode]:
    return [fault.code for fault in faults_of(text, max_characters)]


@pytest.mark.parametrize("text", ["", " ", "\t\n ", "\u00a0\u2003"])
def test_empty_query_is_refused(text: str) -> None:
    assert codes_of(text) == [FaultCode.EMPTY_QUERY]


def test_long_query_is_refused_with_the_limit() -> None:
    (fault,) = faults_of("a" * 301)
    assert fault.code is FaultCode.QUERY_TOO_LONG
    assert "300" in fault.detail
    assert codes_of("atrial flutter", max_characters=13) == [FaultCode.QUERY_TOO_LONG]


def test_query_of_just_the_limit_is_read() -> None:
    text = "x" * 300
    assert understand_query(f"  {text}  ", CATALOGUE).term == text


@pytest.mark.parametrize(
    "hidden",
    [
        *("\x00", "\x07", "\t", "\n", "\r", "\x7f", "\x85", "\u2028", "\u2029"),
        *("\u200b", "\u200d", "\u200e", "\u202e", "\u2066", "\u2060", "\ufeff", "\u00ad"),
        *("\u034f", "\u3164", "\u2800", "\ufe0f", "\U000e0041", "\ue000", "\ud800"),
    ],
)
def test_control_or_invisible_character_is_refused(hidden: str) -> None:
    assert FaultCode.QUERY_CONTROL_CHARACTERS in codes_of(f"atrial{hidden} flutter")


@pytest.mark.parametrize(
    "text",
    [
        "Hyperkaliämie",
        "AV-Block I°",
        "ST–T change",
        "wide QRS — 160 ms",
        "ST elevation ≥ 0.1 mV in V1…V3",
        "δ wave",
        "50 µV",
        "Aschoff’s rule",
        "café coronary",
    ],
)
def test_ordinary_signs_and_letters_are_read(text: str) -> None:
    assert understand_query(text, CATALOGUE).text == text


@pytest.mark.parametrize("text", ["possible", "suspected?", "evidence of", "Verdacht auf"])
def test_doubt_about_nothing_is_not_understood(text: str) -> None:
    assert codes_of(text) == [FaultCode.QUERY_NOT_UNDERSTOOD]


@pytest.mark.parametrize("text", ["?", "...", "°", "+ / %", "🙂", "«»"])
def test_query_without_letters_or_digits_is_not_understood(text: str) -> None:
    assert codes_of(text) == [FaultCode.QUERY_NOT_UNDERSTOOD]


@pytest.mark.parametrize("text", ["房颤", "мерцательная аритмия", "رجفان أذيني", "nо AF", "ɴᴏ AF"])
def test_query_in_a_script_that_is_not_read_is_not_understood(text: str) -> None:
    assert codes_of(text) == [FaultCode.QUERY_NOT_UNDERSTOOD]


def test_every_fault_is_named_at_once() -> None:
    assert codes_of("\x00" * 301) == [
        FaultCode.QUERY_TOO_LONG,
        FaultCode.QUERY_CONTROL_CHARACTERS,
    ]
    assert codes_of("\u200b?") == [
        FaultCode.QUERY_CONTROL_CHARACTERS,
        FaultCode.QUERY_NOT_UNDERSTOOD,
    ]


@pytest.mark.parametrize("term", ["LAH", "lah", "SA", "Mobitz", "artifact", "Hinterwandinfarkt"])
def test_ambiguous_term_is_asked_back_with_its_meanings(term: str) -> None:
    (fault,) = faults_of(term)
    assert fault.code is FaultCode.QUERY_AMBIGUOUS
    for condition in CATALOGUE.ambiguous(term):
        assert condition.name in fault.detail


@pytest.mark.parametrize(
    "text",
    [
        "Mueller atrial flutter\x00",
        "no Mueller, born 1950",
        "Mueller " * 50,
        "Мueller",
    ],
)
def test_refusal_never_repeats_the_query(text: str) -> None:
    for fault in faults_of(text):
        assert "ueller" not in fault.detail
        assert "1950" not in fault.detail


@pytest.mark.parametrize(
    "text",
    ["a" * 1_000_000, "\u0300\u0316" * 500_000, "no " * 350_000, "?" * 1_000_000],
    ids=["letters", "combining marks", "negations", "question marks"],
)
def test_huge_query_is_refused_soon(text: str) -> None:
    started = process_time()
    assert FaultCode.QUERY_TOO_LONG in codes_of(text)
    assert process_time() - started < 1.0


@pytest.mark.parametrize(
    "text",
    [
        *("no " + "x " * 149, "? " * 149 + "x", "the " * 75, "possible " * 33, "no " * 100),
        *("the " * 72 + "absent", "absent" + " present" * 35, "a,b " * 75, "no " + "ST " * 98),
    ],
)
def test_worst_query_within_the_limit_is_answered_soon(text: str) -> None:
    started = process_time()
    with suppress(InvalidQuery):
        understand_query(text, CATALOGUE)
    assert process_time() - started < 1.0


@pytest.mark.parametrize(("marks", "is_refused"), [(4, False), (31, True), (250, True)])
def test_marks_stacked_beyond_any_language_are_refused(marks: int, is_refused: bool) -> None:
    text = "AF" + ("\u0323\u0301" * marks)[:marks] + " x"
    if is_refused:
        with pytest.raises(InvalidQuery):
            understand_query(text, Catalogue.load())
    else:
        assert understand_query(text, Catalogue.load()).condition is None
