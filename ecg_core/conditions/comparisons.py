"""From a text to the one comparison that it asks for: a quantity, a comparator, numbers, a unit.

A text is read word by word from the left, so the time grows with its length only. Whatever is no
part of a comparison ends it: a number that is half understood is worse than none.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, lru_cache
from itertools import pairwise
from types import MappingProxyType

from ecg_core.conditions.clauses import LEAD_WORDS
from ecg_core.conditions.phrases import Phrases
from ecg_core.conditions.quantities import (
    NUMBER,
    Quantity,
    comparators_before,
    language,
    quantities,
    quantity_names,
    unit_names,
    words_of,
)
from ecg_core.conditions.question import Comparator, Measured, Question, all_of, any_of
from ecg_core.conditions.regions import named_leads
from ecg_core.conditions.terms import REMEMBERED

# "HR ≠ 70" asks for no 70, nor "60 ms longer than baseline" for 60.
_UNREADABLE = re.compile(r"≠|!=|<>|%|\b(?:than|from|over|vs\.?) (?:the )?baseline\b")
_TURNED = MappingProxyType({"<": ">", ">": "<", "≤": "≥", "≥": "≤", "<=": ">=", ">=": "<="})
_FARTHER = MappingProxyType(
    {Comparator.ABOVE: Comparator.BELOW, Comparator.AT_LEAST: Comparator.AT_MOST}
)
_LONGEST_LIMIT = 3  # words: a number and its unit
_DASHES = frozenset("-–—−")
_SIGNS = _DASHES | {"+"}
_CHOICES = frozenset({"or", "oder", "ou", "o", "of", "/"})
# Of these two, a comparator that is said later takes the place.
_OPEN = (None, Comparator.ABOUT)
_MOST_SECONDS = 3.0
_HALF_TURN_DEGREES = 180


@lru_cache(maxsize=REMEMBERED)
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
    words = words_of(text)
    turned = _turned(words)
    if turned is None:
        return _read(words, lenient=lenient)
    parts = [_read(each, lenient=lenient) for each in turned]
    return None if None in parts else all_of(part for part in parts if part is not None)


def _turned(words: list[str]) -> tuple[list[str], ...] | None:
    """The quantity first in "480 ms < QTc" and "60 < HR < 100"; None where it is so already."""
    places = [place for place, word in enumerate(words) if word in _TURNED]
    if not places or places[0] > _LONGEST_LIMIT or not NUMBER.fullmatch(words[0]):
        return None
    if not _CHOICES.isdisjoint(words):
        return None  # "60 < HR or HR > 100" asks for two things, one of which may be there
    first, rest = places[0], words[places[0] + 1 :]
    end = places[1] - first - 1 if len(places) > 1 else len(rest)
    turned = [*rest[:end], _TURNED[words[first]], *words[:first]]
    return (turned, rest) if len(places) > 1 else (turned,)


def _read(words: list[str], *, lenient: bool) -> Question | None:
    reader = _Reader(words, named_leads(" ".join(words)), lenient=lenient)
    found = reader.read()
    if not found:
        return None
    if reader.is_outside:
        return any_of(part for each in found for part in _outside(each))
    return any_of(found) if reader.is_choice else all_of(found)


def _outside(between: Measured) -> tuple[Measured, Measured]:
    """What lies beyond a range at either side."""
    upper = between.value if between.upper is None else between.upper
    low = replace(between, comparator=Comparator.BELOW, upper=None)
    return low, replace(low, comparator=Comparator.ABOVE, value=upper)


@cache
def _comparators_after() -> Phrases[Comparator]:
    """What compares and stands after its number: "or more"."""
    said = language().comparators_after
    return Phrases.of((words_of(phrase), c) for c, phrases in said.items() for phrase in phrases)


@cache
def _range_openings() -> Phrases[bool]:
    return Phrases.of((words_of(phrase), True) for phrase in language().ranges)


class _Reader:
    """Reads one text: quantity, comparator, number, unit and lead, in any usual order."""

    def __init__(self, words: list[str], leads: Sequence[str], *, lenient: bool) -> None:
        self._words = words
        self._leads = dict.fromkeys(leads)
        self.is_choice = any(w in LEAD_WORDS and n in _CHOICES for w, n in pairwise(words))
        self.is_outside = self._holds_any(language().outside)
        self._lenient = lenient
        self._quantity: Quantity | str | None = None
        self._comparator: Comparator | None = None
        self._numbers: list[float] = []
        self._units: list[str] = []
        self._is_range = False
        self._is_beyond = False

    def read(self) -> tuple[Measured, ...]:
        """The comparison, once for each lead; empty where the text is none."""
        place = 0
        while place < len(self._words):
            end = self._step(place)
            if end is None:
                return ()
            place = end
        return self._measured()

    # ---- word by word ------------------------------------------------------------------------

    def _step(self, place: int) -> int | None:
        """Where the next piece ends; None if it is none of a measurement."""
        follows_number = self._is_number(place - 1)
        takes = [self._take_number, self._take_range, self._take_comparator, self._take_quantity]
        # After a number, the 1 of "1/min" is no second one.
        takes.insert(0 if follows_number else len(takes), self._take_unit)
        for take in takes:
            end = take(place)
            if end is not None:
                return end
        word = self._words[place]
        if word in LEAD_WORDS or word in language().fillers:
            return place + 1
        if word == "by" and self._is_number(place + 1):
            return None  # "prolonged by 60 ms"
        # A word after a number may be a unit that is not known: then the number is not read.
        is_unit = follows_number and (word.isalpha() or word == "%")
        # So would be a comparison's: "steeper than 2 mm" asks for no 2 mm.
        compares = word in language().ends_of_comparisons and self._is_number(place + 1)
        return place + 1 if self._lenient and not (is_unit or compares) else None

    def _take_number(self, place: int) -> int | None:
        # After a number, a dash is that of a range.
        is_signed = self._words[place] in _SIGNS and not self._is_number(place - 1)
        number_at = place + 1 if is_signed else place
        if not self._is_number(number_at) or len(self._numbers) == 2:
            return None
        number = float(self._words[number_at].replace(",", "."))
        self._numbers.append(-number if self._words[place] in _DASHES else number)
        return number_at + 1

    def _take_range(self, place: int) -> int | None:
        opening = _range_openings().at(self._words, place)
        if opening is not None and not self._numbers:
            self._is_range = True
            return opening[1]
        upper_at = place + 2 if self._is_sign(place + 1) else place + 1
        if len(self._numbers) == 1 and self._is_number(upper_at):
            word = self._words[place]
            if word in _DASHES or (word in language().range_words and self._comparator in _OPEN):
                self._is_range = True
                return place + 1
        return None

    def _take_comparator(self, place: int) -> int | None:
        phrases = _comparators_after() if self._numbers else comparators_before()
        found = phrases.at(self._words, place)
        if found is None:
            return None
        comparator, end = found
        if self._comparator not in (*_OPEN, comparator):
            # Two limits are no one comparison; "of" and "is" say nothing beside a limit.
            return end if comparator is Comparator.ABOUT else None
        self._comparator = comparator
        self._is_beyond = self._words[place:end] == ["beyond"]
        return end

    def _take_quantity(self, place: int) -> int | None:
        found = quantity_names().at(self._words, place)
        if found is None:
            return None
        before, (now, end) = self._quantity, found
        if isinstance(before, str):
            return end  # "atrial rate", whatever else is named
        if isinstance(now, str) or before in (None, now) or now.more_exact_than == before.id:
            self._quantity = now
        elif before.more_exact_than != now.id:
            return None
        return end

    def _take_unit(self, place: int) -> int | None:
        found = unit_names().at(self._words, place) if self._numbers else None
        if found is None:
            return None
        self._units.append(found[0])
        return found[1]

    def _is_number(self, place: int) -> bool:
        return 0 <= place < len(self._words) and NUMBER.fullmatch(self._words[place]) is not None

    def _is_sign(self, place: int) -> bool:
        return place < len(self._words) and self._words[place] in _SIGNS

    def _holds_any(self, words: frozenset[str]) -> bool:
        return not words.isdisjoint(self._words)

    # ---- all words together ------------------------------------------------------------------

    def _measured(self) -> tuple[Measured, ...]:
        quantity = self._counted() or self._quantity
        if not isinstance(quantity, Quantity) or not self._is_of(quantity):
            return ()
        limits = self._limits(quantity)
        if limits is None:
            return ()
        return tuple(self._compared(quantity, limits, lead) for lead in self._leads or (None,))

    def _counted(self) -> Quantity | None:
        """What has a number per minute: QRS complexes and nothing of the atria alone."""
        rate, qrs = quantities()["heart_rate"], quantities()["qrs_duration"]
        unit = self._units[0] if self._units else ""
        if not unit or unit not in rate.units or self._quantity not in (None, qrs):
            return None
        is_atrial = self._quantity is None and self._holds_any(language().atrial)
        return None if is_atrial else rate

    def _is_of(self, quantity: Quantity) -> bool:
        """Whether the words ask how large a quantity is, and for nothing else of it."""
        if self._holds_any(language().changing):
            return False
        if quantity.id == "heart_rate" and self._holds_any(language().ectopic):
            return False  # "PVC rate above 10 per minute"
        return quantity.per_lead == bool(self._leads) and (self._is_range or not self.is_outside)

    def _limits(self, quantity: Quantity) -> list[float] | None:
        """One limit or the two of a range, in the quantity's own unit; None if it has no such."""
        if len(set(self._units)) > 1 or len(self._numbers) != (2 if self._is_range else 1):
            return None
        factor = quantity.units.get(self._units[0] if self._units else "")
        if quantity.unit == "ms" and not self._units and max(self._numbers) <= _MOST_SECONDS:
            factor = 1000.0  # "QRS > 0.12": nobody means a part of a millisecond
        if factor is None:
            return None
        limits = sorted(round(number * factor, 6) for number in self._numbers)
        is_possible = quantity.low <= limits[0] and limits[-1] <= quantity.high
        is_angle = quantity.unit != "degrees" or self._is_angle(limits)
        return limits if is_possible and is_angle else None

    def _is_angle(self, limits: list[float]) -> bool:
        # "As in lead 3" is no axis of 3 degrees.
        is_said = bool(self._units) or self._is_range or self._comparator not in _OPEN
        # "Between -90 and 180" goes the other way round.
        return is_said and limits[-1] - limits[0] <= _HALF_TURN_DEGREES

    def _compared(self, quantity: Quantity, limits: list[float], lead: str | None) -> Measured:
        if self._is_range:
            between = Comparator.BETWEEN
            return Measured(quantity.id, between, limits[0], quantity.unit, lead, limits[1])
        comparator = self._comparator or Comparator.ABOUT
        is_left = quantity.unit == "degrees" and "left" in self._words
        if (self._is_beyond or is_left) and limits[0] < 0:
            # An axis beyond -45 degrees lies farther from 0.
            comparator = _FARTHER.get(comparator, comparator)
        return Measured(quantity.id, comparator, limits[0], quantity.unit, lead)
