"""Quantities of an ECG in words: what each is, how it is called, and whether a text speaks of one.

The names are data (`language/quantities.toml`), in several languages. What a text asks of a
quantity is read by `comparisons`.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ecg_core.conditions.phrases import Phrases
from ecg_core.conditions.question import Comparator
from ecg_core.conditions.terms import fold_characters
from ecg_core.conditions.wave_sums import with_named_sums


class Quantity(BaseModel):
    """Something that is measured.

    Attributes:
        id: Its name on the wire.
        unit: Its own unit.
        names: How it is said, folded.
        per_lead: Whether it is measured in one lead.
        units: How the units of its numbers are said, and what one of each is in its own unit; ""
            stands for a number without a unit.
        low, high: What can be asked for; beyond, the number is no such measurement.
        more_exact_than: The quantity that is meant where its name stands alone: QTc after
            Fridericia is no QTc after Bazett.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    unit: str
    names: Annotated[tuple[str, ...], Field(min_length=1)]
    per_lead: bool = False
    units: Mapping[str, float]
    low: float
    high: float
    more_exact_than: str | None = None


class QuantityLanguage(BaseModel):
    """The words in which measurements are asked for; the file says what each group is for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    not_measured: tuple[str, ...]
    ends_of_comparisons: frozenset[str]
    number_words: frozenset[str]
    question_words: frozenset[str]
    changing: frozenset[str]
    ectopic: frozenset[str]
    atrial: frozenset[str]
    outside: frozenset[str]
    quantity: tuple[Quantity, ...]
    comparators: Mapping[Comparator, tuple[str, ...]]
    comparators_after: Mapping[Comparator, tuple[str, ...]]
    ranges: tuple[str, ...]
    range_words: frozenset[str]
    fillers: frozenset[str]


NUMBER = re.compile(r"\d{1,9}(?:[.,]\d{1,6})?")
COMPARING = frozenset("<>≤≥")
_TOKEN = re.compile(rf"{NUMBER.pattern}|>=|<=|[<>=≥≤~≈%°/]|[^\W\d_]+\d{{0,2}}|[-–—−+]")
_OR_MORE = re.compile(r"(?<=\d)\+(?=\s|$)")  # "120+"
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-–](?=[^\W\d_])")  # "QT-Zeit", "R-R interval"
_GLUED_UNIT = re.compile(r"(?<=\d)(?=[a-zµμ])")
# What "or equal to" makes of a comparator.
_REACHED = MappingProxyType(
    {Comparator.ABOVE: Comparator.AT_LEAST, Comparator.BELOW: Comparator.AT_MOST}
)


@cache
def language() -> QuantityLanguage:
    """The words in which measurements are asked for, as `language/quantities.toml` has them."""
    file = resources.files(__package__).joinpath("language", "quantities.toml")
    return QuantityLanguage.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))


@cache
def quantities() -> Mapping[str, Quantity]:
    """All quantities by id."""
    return MappingProxyType({quantity.id: quantity for quantity in language().quantity})


@cache
def quantity_names() -> Phrases[Quantity | str]:
    """Quantities by their names; those that are not measured by their names alone."""
    pairs = [(words_of(name), q) for q in language().quantity for name in q.names]
    return Phrases.of([*pairs, *((words_of(name), name) for name in language().not_measured)])


@cache
def unit_names() -> Phrases[str]:
    """The units of all quantities, each meaning itself."""
    units = {unit for quantity in language().quantity for unit in quantity.units}
    return Phrases.of((unit.split(), unit) for unit in units)


@cache
def comparators_before() -> Phrases[Comparator]:
    """What compares and stands before its number: "more than", "at most", ">"."""
    said = language().comparators
    pairs = [(words_of(phrase), c) for c, phrases in said.items() for phrase in phrases]
    for beyond, reached in _REACHED.items():
        for phrase in (p for p in said[beyond] if p.endswith(" than")):
            forms = (f"{phrase} or equal to", f"{phrase} or equal", f"equal to or {phrase}")
            pairs += [(words_of(form), reached) for form in forms]
    return Phrases.of(pairs)


def words_of(text: str) -> list[str]:
    """The words, numbers and marks of a text, folded: sums by their names, units by themselves."""
    folded = _OR_MORE.sub(" or more", _HYPHEN.sub(" ", fold_characters(text)))
    return _TOKEN.findall(_GLUED_UNIT.sub(" ", with_named_sums(folded)))


def holds_number_of_quantity(text: str) -> bool:
    """Whether a quantity and a number, in figures or words, stand in the text, read or not."""
    words = words_of(text)
    has_number = any(NUMBER.fullmatch(word) or is_number_word(word) for word in words)
    return has_number and _holds_name(words)


def asks_for_value(text: str) -> bool:
    """Whether a text names a quantity and nothing else, or asks how large one is."""
    words = words_of(text)
    while words and words[0] in language().question_words:
        words = words[1:]
    found = quantity_names().at(words, 0)
    return found is not None and found[1] == len(words)


def holds_limit(text: str) -> bool:
    """Whether a limit stands in the text: a number that a comparison or a unit makes one.

    Or a quantity that is compared with another: "R larger than S in V1".
    """
    words = words_of(text)
    # "Over" and "under" alone are places as well.
    is_compared = any(
        comparators_before().at(words, place) is not None
        and (word in COMPARING or following in language().ends_of_comparisons)
        for place, (word, following) in enumerate(pairwise(words))
    )
    return (is_compared and _holds_name(words)) or _holds_limiting_number(words)


def compares(text: str, said: str) -> bool:
    """Whether a text compares by words that are not among what was read of it.

    Args:
        text: Such as "AV block of at least second degree".
        said: All that was read, in words.
    """
    words, read = words_of(text), f" {' '.join(words_of(said))} "
    for start in range(len(words)):
        found = comparators_before().at(words, start)
        # One word may be of any sentence: "over", "under".
        if found is None or found[0] is Comparator.ABOUT or found[1] == start + 1:
            continue
        if f" {' '.join(words[start : found[1]])} " not in read:
            return True
    return False


def is_number_word(word: str) -> bool:
    """Whether a folded word is a number that is written out."""
    return word in language().number_words


def is_unit(word: str) -> bool:
    """Whether a folded word, in the singular or not, is a unit of some quantity or a word of it."""
    return word in _unit_words() or f"{word}s" in _unit_words()


@cache
def _unit_words() -> frozenset[str]:
    return frozenset(word for unit in unit_names().by_words for word in unit)


def _holds_name(words: Sequence[str]) -> bool:
    return any(quantity_names().at(words, place) is not None for place in range(len(words)))


def _holds_limiting_number(words: Sequence[str]) -> bool:
    return any(
        NUMBER.fullmatch(word)
        and (comparators_before().before(words, place) or unit_names().at(words, place + 1))
        for place, word in enumerate(words)
    )
