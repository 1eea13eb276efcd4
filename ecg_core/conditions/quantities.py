"""Quantities of an ECG in words: names in several languages, comparators, numbers and units.

The names are data (`language/quantities.toml`). A text is read word by word from the left, so the
time grows with its length only.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from importlib import resources
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ecg_core.conditions.phrases import Phrases
from ecg_core.conditions.question import Comparator, Measured, Question, all_of, any_of
from ecg_core.conditions.regions import named_leads
from ecg_core.conditions.terms import fold_characters
from ecg_core.leads import LEADS


class Quantity(BaseModel):
    """Something that is measured.

    Attributes:
        id: Its name on the wire.
        unit: Its own unit.
        names: How it is said, folded.
        per_lead: Whether it is measured in one lead.
        bare_units: Units that a bare number may have, and what one of them is in its own unit.
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


class _Words(BaseModel):
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
    range_words: tuple[str, ...]
    fillers: tuple[str, ...]


_TOKEN = re.compile(r"\d{1,9}(?:[.,]\d{1,6})?|>=|<=|[<>=≥≤~≈%°/]|[^\W\d_]+\d{0,2}|[-–—−+]")
_NUMBER = re.compile(r"\d{1,9}(?:[.,]\d{1,6})?")
COMPARING = frozenset("<>≤≥")
_DASHES = frozenset("-–—−")
_SIGNS = _DASHES | {"+"}
# "HR ≠ 70" asks for no 70, nor "60 ms longer than baseline" for 60.
_UNREADABLE = re.compile(r"≠|!=|<>|%|\b(?:than|from|over|vs\.?) (?:the )?baseline\b")
_TURNED = MappingProxyType({"<": ">", ">": "<", "≤": "≥", "≥": "≤", "<=": ">=", ">=": "<="})
_LONGEST_LIMIT = 3  # words: a number and its unit
_CHOICES = frozenset({"or", "oder", "ou", "o", "of", "/"})
_MOST_SECONDS = 3.0
_OR_MORE = re.compile(r"(?<=\d)\+(?=\s|$)")
_HALF_TURN_DEGREES = 180
_REACHED = MappingProxyType(
    {Comparator.ABOVE: Comparator.AT_LEAST, Comparator.BELOW: Comparator.AT_MOST}
)
_OPEN = (None, Comparator.ABOUT)
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-–](?=[^\W\d_])")  # "QT-Zeit", "R-R interval"
_GLUED_UNIT = re.compile(r"(?<=\d)(?=[a-zµμ])")
_LEADS = MappingProxyType({lead.lower(): lead for lead in LEADS})
_IN = r"(?: (?:wave|zacke))?(?: (?:in|of))?(?: lead)? ?"
_BOTH = " (?:together|combined|zusammen)"
_WITH = r" ?(?P<joined>\+|plus|and|und) ?(?:the )?"


def _sum_of(one: str, other: str) -> re.Pattern[str]:
    """A sum of two waves, in either order, as it is written out."""
    orders = (f"{one}{_WITH}{other}", f"{other}{_WITH.replace('joined', 'joined_so')}{one}")
    said = "|".join(orders)
    return re.compile(
        rf"\b(?P<sum>(?:sum|summe) (?:of|aus|von) )?(?:the )?(?:{said})\b(?P<both>{_BOTH})?"
    )


_SUMS = (
    ("sokolow lyon", _sum_of(f"s{_IN}v1", f"r{_IN}v[56](?:(?: or | oder | ?/ ?)v?6)?")),
    ("cornell", _sum_of(f"r{_IN}avl", f"s{_IN}v3")),
)


@cache
def _language() -> _Words:
    file = resources.files(__package__).joinpath("language", "quantities.toml")
    return _Words.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))


@cache
def quantities() -> Mapping[str, Quantity]:
    """All quantities by id."""
    return MappingProxyType({quantity.id: quantity for quantity in _language().quantity})


@cache
def _names() -> Phrases[Quantity | str]:
    """Quantities by their names; those that are not measured by their names alone."""
    pairs = [(_words(n), q) for q in _language().quantity for n in q.names]
    return Phrases.of([*pairs, *((_words(name), name) for name in _language().not_measured)])


@cache
def _before() -> Phrases[Comparator]:
    language = _language().comparators
    pairs = [(_words(phrase), c) for c, phrases in language.items() for phrase in phrases]
    for beyond, reached in _REACHED.items():
        for phrase in (p for p in language[beyond] if p.endswith(" than")):
            said = (f"{phrase} or equal to", f"{phrase} or equal", f"equal to or {phrase}")
            pairs += [(_words(each), reached) for each in said]
    return Phrases.of(pairs)


@cache
def _units() -> Phrases[str]:
    units = {unit for quantity in _language().quantity for unit in quantity.units}
    return Phrases.of((unit.split(), unit) for unit in units)


@cache
def _after() -> Phrases[Comparator]:
    language = _language().comparators_after
    return Phrases.of((_words(phrase), c) for c, phrases in language.items() for phrase in phrases)


@cache
def _skipped() -> frozenset[str]:
    return frozenset(_language().fillers)


@cache
def _between() -> frozenset[str]:
    return frozenset(_language().range_words)


@cache
def _range_openings() -> Phrases[bool]:
    return Phrases.of((_words(phrase), True) for phrase in _language().ranges)


def read_measurement(text: str, *, lenient: bool = False) -> Question | None:
    """The measurement that a text asks for, if it asks for one and for nothing else.

    Args:
        text: Such as "QTc over 480 ms", "HR>120", "PR 120-200 ms", "Frequenz über 100".
        lenient: Pass over words of no such meaning, as in a clause of a description.

    Returns:
        The comparison in the quantity's own unit, in each lead that is named; None where the text
        is no such comparison, or names a number that the quantity cannot have.
    """
    if _UNREADABLE.search(text):
        return None
    words = _words(text)
    turned = _turned(words)
    if turned is not None:
        parts = [_read(each, lenient=lenient) for each in turned]
        return None if None in parts else all_of(part for part in parts if part is not None)
    return _read(words, lenient=lenient)


def _read(words: list[str], *, lenient: bool) -> Question | None:
    reader = _Reader(words, named_leads(" ".join(words)), lenient=lenient)
    found = reader.read()
    if not found:
        return None
    outside = {part for each in found for part in _outside(each)} if reader.is_outside else ()
    return any_of(outside or found) if reader.is_choice or outside else all_of(found)


def _outside(between: Measured) -> tuple[Measured, Measured]:
    """What lies beyond a range at either side."""
    low = replace(between, comparator=Comparator.BELOW, upper=None)
    high = Comparator.ABOVE
    return low, replace(low, comparator=high, value=between.upper or between.value)


def _turned(words: list[str]) -> tuple[list[str], ...] | None:
    """The quantity first in "480 ms < QTc" and "60 < HR < 100"; None where it is so already."""
    places = [place for place, word in enumerate(words) if word in _TURNED]
    is_turned = places and _NUMBER.fullmatch(words[0]) and places[0] <= _LONGEST_LIMIT
    if not is_turned:
        return None
    first, rest = places[0], words[places[0] + 1 :]
    end = places[1] - first - 1 if len(places) > 1 else len(rest)
    turned = [*rest[:end], _TURNED[words[first]], *words[:first]]
    return (turned, rest) if len(places) > 1 else (turned,)


def holds_number_of_quantity(text: str) -> bool:
    """Whether a quantity and a number, in figures or words, stand in the text, read or not."""
    words = _words(text)
    written = _language().number_words
    has_number = any(_NUMBER.fullmatch(word) or word in written for word in words)
    return has_number and _holds_name(words)


def _holds_name(words: Sequence[str]) -> bool:
    return any(_names().at(words, place) is not None for place in range(len(words)))


def asks_for_value(text: str) -> bool:
    """Whether a text names a quantity and nothing else, or asks how large one is."""
    words = _words(text)
    while words and words[0] in _language().question_words:
        words = words[1:]
    found = _names().at(words, 0)
    return found is not None and found[1] == len(words)


def holds_limit(text: str) -> bool:
    """Whether a limit stands in the text: a number that a comparison or a unit makes one.

    Or a quantity that is compared with another: "R larger than S in V1".
    """
    words = _words(text)
    # "Over" and "under" alone are places as well.
    is_compared = any(
        _before().at(words, place) is not None
        and (word in COMPARING or words[place + 1] in _language().ends_of_comparisons)
        for place, word in enumerate(words[:-1])
    )
    return (is_compared and _holds_name(words)) or _is_numbered(words)


def _is_numbered(words: Sequence[str]) -> bool:
    return any(
        _NUMBER.fullmatch(word)
        and (_before().before(words, place) or _units().at(words, place + 1)) is not None
        for place, word in enumerate(words)
    )


def is_number_word(word: str) -> bool:
    """Whether a folded word is a number that is written out."""
    return word in _language().number_words


def compares(text: str, said: str) -> bool:
    """Whether a text compares by words that are not among what was read of it.

    Args:
        text: Such as "AV block of at least second degree".
        said: All that was read, in words.
    """
    words, read = _words(text), f" {' '.join(_words(said))} "
    found = ((place, _before().at(words, place)) for place in range(len(words)))
    phrases = (
        " ".join(words[start : meant[1]])
        for start, meant in found
        if meant is not None and meant[0] is not Comparator.ABOUT and meant[1] > start + 1
    )
    return any(f" {phrase} " not in read for phrase in phrases)


def is_unit(word: str) -> bool:
    """Whether a folded word, in the singular or not, is a unit of some quantity or a word of it."""
    return word in _unit_words() or f"{word}s" in _unit_words()


@cache
def _unit_words() -> frozenset[str]:
    return frozenset(word for unit in _units().by_words for word in unit)


def _words(text: str) -> list[str]:
    folded = _OR_MORE.sub(" or more", _HYPHEN.sub(" ", fold_characters(text)))
    for name, written_out in _SUMS:
        folded = written_out.sub(partial(_named_sum, name), folded)
    return _TOKEN.findall(_GLUED_UNIT.sub(" ", folded))


def _named_sum(name: str, found: re.Match[str]) -> str:
    """The sum's name; two waves that are merely listed stay as they are."""
    is_listed = (found["joined"] or found["joined_so"]) in ("and", "und")
    is_sum = found["sum"] or found["both"] or not is_listed
    return name if is_sum else found[0]


class _Reader:
    """Reads one text: quantity, comparator, number, unit and lead, in any usual order."""

    def __init__(self, words: list[str], leads: Sequence[str], *, lenient: bool) -> None:
        self._words = words
        self._leads = dict.fromkeys(leads)
        self.is_choice = any(w in _LEADS and n in _CHOICES for w, n in pairwise(words))
        self.is_outside = not _language().outside.isdisjoint(words)
        self._lenient = lenient
        self._quantity: Quantity | str | None = None
        self._comparator: Comparator | None = None
        self._numbers: list[float] = []
        self._units: list[str] = []
        self._is_range = False
        self._is_beyond = False

    def read(self) -> tuple[Measured, ...]:
        place = 0
        while place < len(self._words):
            end = self._step(place)
            if end is None:
                return ()
            place = end
        return self._measured()

    def _step(self, place: int) -> int | None:
        """Where the next piece ends; None if it is none of a measurement."""
        follows_number = place > 0 and bool(_NUMBER.fullmatch(self._words[place - 1]))
        takes = [self._take_number, self._take_range, self._take_comparator, self._take_quantity]
        takes.insert(0 if follows_number else len(takes), self._take_unit)
        for take in takes:
            end = take(place)
            if end is not None:
                return end
        word = self._words[place]
        if word in _LEADS or word in _skipped():
            return place + 1
        if word == "by" and self._number_follows(place + 1):
            return None  # "prolonged by 60 ms"
        # A word after a number may be a unit that is not known: then the number is not read.
        is_unit = follows_number and (word.isalpha() or word == "%")
        # So would be a comparison's: "steeper than 2 mm" asks for no 2 mm.
        compares = word in _language().ends_of_comparisons and self._number_follows(place + 1)
        return place + 1 if self._lenient and not (is_unit or compares) else None

    def _take_number(self, place: int) -> int | None:
        signed = self._words[place] in _SIGNS and self._may_be_signed(place)
        if not self._number_follows(place + signed) or len(self._numbers) == 2:
            return None
        number = float(self._words[place + signed].replace(",", "."))
        self._numbers.append(-number if self._words[place] in _DASHES else number)
        return place + signed + 1

    def _may_be_signed(self, place: int) -> bool:
        """Whether a dash or plus before a number is its sign: no range could begin before it."""
        return place == 0 or not _NUMBER.fullmatch(self._words[place - 1])

    def _take_range(self, place: int) -> int | None:
        opening = _range_openings().at(self._words, place)
        if opening is not None and not self._numbers:
            self._is_range = True
            return opening[1]
        if len(self._numbers) == 1 and self._number_follows(place + 1 + self._sign_at(place + 1)):
            word = self._words[place]
            if word in _DASHES or (word in _between() and self._comparator in _OPEN):
                self._is_range = True
                return place + 1
        return None

    def _sign_at(self, place: int) -> bool:
        return place < len(self._words) and self._words[place] in _SIGNS

    def _number_follows(self, place: int) -> bool:
        return place < len(self._words) and _NUMBER.fullmatch(self._words[place]) is not None

    def _take_comparator(self, place: int) -> int | None:
        phrases = _after() if self._numbers else _before()
        found = phrases.at(self._words, place)
        if found is None:
            found = _before().at(self._words, place) if not self._numbers else None
        if found is None:
            return None
        if self._comparator not in (*_OPEN, found[0]):
            # "of 120 ms or more": what is said last is meant; two limits are no one comparison.
            return found[1] if found[0] is Comparator.ABOUT else None
        self._comparator = found[0]
        self._is_beyond = self._words[place : found[1]] == ["beyond"]
        return found[1]

    def _take_quantity(self, place: int) -> int | None:
        found = _names().at(self._words, place)
        if found is None:
            return None
        before, now = self._quantity, found[0]
        if isinstance(before, str):
            return found[1]  # "atrial rate", whatever else is named
        if isinstance(now, str) or before in (None, now) or now.more_exact_than == before.id:
            self._quantity = now
        elif before.more_exact_than != now.id:
            return None
        return found[1]

    def _take_unit(self, place: int) -> int | None:
        if not self._numbers:
            return None
        found = _units().at(self._words, place)
        if found is None:
            return None
        self._units.append(found[0])
        return found[1]

    def _measured(self) -> tuple[Measured, ...]:
        quantity = self._counted() or self._quantity
        if not isinstance(quantity, Quantity) or not self._numbers or len(set(self._units)) > 1:
            return ()
        if not _language().changing.isdisjoint(self._words):
            return ()
        if quantity is _rate() and not _language().ectopic.isdisjoint(self._words):
            return ()  # "PVC rate above 10 per minute"
        if quantity.per_lead != bool(self._leads) or (self.is_outside and not self._is_range):
            return ()
        factor = quantity.units.get(self._units[0] if self._units else "")
        if quantity.unit == "ms" and not self._units and max(self._numbers) <= _MOST_SECONDS:
            factor = 1000.0  # "QRS > 0.12": nobody means a part of a millisecond
        if factor is None or (len(self._numbers) == 2) != self._is_range:
            return ()
        limits = sorted(round(number * factor, 6) for number in self._numbers)
        if limits[0] < quantity.low or limits[-1] > quantity.high:
            return ()
        if quantity.unit == "degrees" and not (self._units or self._is_limit()):
            return ()  # "as in lead 3" is no axis of 3 degrees
        if quantity.unit == "degrees" and limits[-1] - limits[0] > _HALF_TURN_DEGREES:
            return ()  # "between -90 and 180" goes the other way round
        return tuple(self._compared(quantity, limits, lead) for lead in self._leads or (None,))

    def _counted(self) -> Quantity | None:
        """What has a number per minute: QRS complexes and nothing of the atria alone."""
        rate = _rate()
        unit = self._units[0] if self._units else ""
        if not unit or unit not in rate.units or self._quantity not in (None, _qrs()):
            return None
        is_atrial = self._quantity is None and not _language().atrial.isdisjoint(self._words)
        return None if is_atrial else rate

    def _is_limit(self) -> bool:
        return self._is_range or self._comparator not in _OPEN

    def _compared(self, quantity: Quantity, limits: list[float], lead: str | None) -> Measured:
        if self._is_range:
            between = Comparator.BETWEEN
            return Measured(quantity.id, between, limits[0], quantity.unit, lead, limits[1])
        comparator = self._comparator or Comparator.ABOUT
        is_left = quantity.unit == "degrees" and "left" in self._words
        is_farther = self._is_beyond or (is_left and comparator is Comparator.ABOVE)
        if is_farther and limits[0] < 0:
            comparator = Comparator.BELOW  # an axis beyond -45 degrees lies farther from 0
        return Measured(quantity.id, comparator, limits[0], quantity.unit, lead)


def _rate() -> Quantity:
    return quantities()["heart_rate"]


def _qrs() -> Quantity:
    return quantities()["qrs_duration"]
