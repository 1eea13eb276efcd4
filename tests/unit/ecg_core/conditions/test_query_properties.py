"""What holds for every query and for every wording of the catalogue."""

from collections.abc import Iterator
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_core.conditions import Catalogue, Condition, Query, understand_query
from ecg_core.errors import InvalidQuery

CATALOGUE = Catalogue.load()
MARK = "Qxzvw"

WORDS = (
    "no not kein ohne without rule out possible ? AF LBBB Infarkt , and or non - ' t n't v.a. "
    "absent excluded ausgeschlossen wave ST T in the ein ° 1"
)
PHRASES = st.lists(st.sampled_from(WORDS.split()), max_size=12).map(" ".join)


def understood(text: str) -> Query | None:
    try:
        return understand_query(text, CATALOGUE)
    except InvalidQuery:
        return None


def details_of_refusal(text: str) -> list[str]:
    try:
        understand_query(text, CATALOGUE)
    except InvalidQuery as error:
        return [str(error), *(fault.detail for fault in error.faults)]
    return []


def each_wording() -> Iterator[tuple[Condition, str]]:
    for condition in CATALOGUE.conditions:
        for wording in condition.wordings:
            yield condition, wording


def some_wordings() -> Iterator[tuple[Condition, str]]:
    """Every seventh wording, for forms that are less likely to go wrong."""
    return islice(each_wording(), 0, None, 7)


@given(st.one_of(st.text(), PHRASES, st.binary().map(lambda raw: raw.decode("latin-1"))))
@settings(max_examples=150, deadline=None)
def test_any_text_is_understood_or_refused(text: str) -> None:
    query = understood(text)
    if query is not None:
        assert query.term.strip()
        assert query.text == query.text.strip()
        assert len(query.term) <= len(query.text)


@given(st.one_of(st.text(max_size=60), PHRASES))
@settings(max_examples=100, deadline=None)
def test_no_refusal_repeats_the_text(text: str) -> None:
    for detail in details_of_refusal(f"{MARK} {text} {MARK}"):
        assert MARK.casefold() not in detail.casefold()


def test_every_wording_is_found_and_understood_as_positive() -> None:
    for condition, wording in each_wording():
        assert CATALOGUE.find(wording) is condition
        query = understand_query(wording, CATALOGUE)
        assert query.condition is condition
        assert not query.negated


def test_negation_of_every_wording_is_read() -> None:
    for condition, wording in each_wording():
        query = understand_query(f"no {wording}", CATALOGUE)
        assert query.negated, wording
        assert query.condition is condition, wording


@pytest.mark.parametrize("form", ["kein {}", "{} ausgeschlossen", "absence of {}", "{} absent"])
def test_plain_negation_of_any_wording_is_read(form: str) -> None:
    for condition, wording in some_wordings():
        query = understand_query(form.format(wording), CATALOGUE)
        assert query.negated, wording
        assert query.condition is condition, wording


@pytest.mark.parametrize(
    "form",
    ["doesn't show {}", "neither {} nor asystole", "no {}, hyperkalaemia", "{} not excluded"],
)
def test_unclear_negation_of_any_wording_is_refused(form: str) -> None:
    for _, wording in some_wordings():
        assert understood(form.format(wording)) is None, wording


@pytest.mark.parametrize("form", ["rule out {}", "{}?", "Verdacht auf {}"])
def test_doubt_about_any_wording_asks_for_it(form: str) -> None:
    for condition, wording in some_wordings():
        query = understand_query(form.format(wording), CATALOGUE)
        assert query.condition is condition, wording
        assert not query.negated
