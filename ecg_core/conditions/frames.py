"""The frame around what is asked: question forms, politeness, the patient's age and sex.

The words are data (`language/frames.toml`). A frame is taken off word by word at either end; what
has a meaning that is not read (severity, acuity, age of a finding, "only", a side) is named.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib import resources

from pydantic import BaseModel, ConfigDict

from ecg_core.conditions.phrases import Phrases
from ecg_core.conditions.terms import REMEMBERED, fold_characters


class Qualifier(StrEnum):
    """What a word says of a finding beside its name."""

    SEVERITY = "severity"
    ACUITY = "acuity"
    AGE = "age"
    ONLY = "only"
    SIDE = "side"
    FREQUENCY = "frequency"


class _Frames(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    opening: Mapping[str, tuple[str, ...]]
    closing: Mapping[str, tuple[str, ...]]
    denying: Mapping[str, tuple[str, ...]]
    qualifiers: Mapping[Qualifier, tuple[str, ...]]
    persons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unqualified:
    """A text without its qualifiers.

    Attributes:
        text: What is left.
        dropped: What kinds of qualifiers stood there.
    """

    text: str
    dropped: frozenset[Qualifier]


_EDGES = " \t\u00a0?¿!¡.,;:\"'“”„‚‘’«»()[]"
_MOST_ROUNDS = 8  # nobody puts more frames round one another
_AGE = re.compile(r"\d{1,3}(?:-?(?:y|yo|yr|yrs|j|jaehrig\w{0,3}|year-old|years?|jahre|ans|anni))?")
_AGE_WORDS = frozenset(
    ["year", "years", "yr", "yrs", "old", "yo", "jahre", "alt", "ans", "anos", "anni", "jaar"]
)

_ARTICLES = frozenset(
    [
        "a",
        "an",
        "the",
        "this",
        "ein",
        "eine",
        "einer",
        "einem",
        "der",
        "die",
        "une",
        "un",
        "el",
        "la",
        "una",
        "uno",
        "een",
        "o",
        "um",
        "uma",
    ]
)
_NOT = frozenset(("not", "nicht", "pas", "non", "niet"))  # "LBBB not present" denies
_JOINING = frozenset(
    [
        "in",
        "with",
        "bei",
        "mit",
        "chez",
        "avec",
        "en",
        "con",
        "nel",
        "bij",
        "met",
        "em",
        "com",
        "presenting",
        ",",
        "of",
        "for",
        "has",
    ]
)


@cache
def _frames() -> _Frames:
    file = resources.files(__package__).joinpath("language", "frames.toml")
    return _Frames.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))


@cache
def _openings() -> Phrases[bool]:
    return Phrases.of((_key(p).split(), True) for ps in _frames().opening.values() for p in ps)


@cache
def _closings() -> Phrases[bool]:
    return Phrases.of((_key(p).split(), True) for ps in _frames().closing.values() for p in ps)


@cache
def _denials() -> Phrases[bool]:
    return Phrases.of((_key(p).split(), True) for ps in _frames().denying.values() for p in ps)


@cache
def _qualifiers() -> Phrases[Qualifier]:
    return Phrases.of((_key(p).split(), q) for q, ps in _frames().qualifiers.items() for p in ps)


@cache
def _persons() -> frozenset[str]:
    return frozenset(map(_key, _frames().persons))


def unframed(text: str) -> Iterator[str]:
    """The text, and what is left of it as frames go one after another; the last is barest."""
    words = text.strip(_EDGES).split()
    yield " ".join(words)
    for _ in range(_MOST_ROUNDS):
        shorter = _shorter(words)
        if shorter is None:
            return
        words = shorter
        yield " ".join(words).strip(_EDGES)


def undenied(text: str) -> str | None:
    """What a text denies in one of the languages that are read, if it opens so."""
    words = text.strip(_EDGES).split()
    found = _denials().at(_keys(words), 0)
    if found is None or found[1] == len(words):
        return None
    return " ".join(words[found[1] :]).strip(_EDGES)


def unqualified(text: str) -> Iterator[Unqualified]:
    """The text without words of severity, acuity, age, "only" and frequency; then of side, too."""
    without_side = _without(text, frozenset(Qualifier) - {Qualifier.SIDE})
    without_any = _without(text, frozenset(Qualifier))
    for bare in dict.fromkeys((without_side, without_any)):
        if bare.dropped and bare.text:
            yield bare


def is_qualifier(word: str) -> bool:
    """Whether a folded word qualifies a finding."""
    return (word,) in _qualifiers().by_words


def is_of_severity(word: str) -> bool:
    """Whether a folded word says how severe a finding is."""
    return _qualifiers().by_words.get((word,)) is Qualifier.SEVERITY


@lru_cache(maxsize=REMEMBERED)
def _without(text: str, kinds: frozenset[Qualifier]) -> Unqualified:
    words = text.split()
    keys, kept, dropped = _keys(words), list[str](), set[Qualifier]()
    place = 0
    while place < len(words):
        found = _qualifiers().at(keys, place)
        if found is None or found[0] not in kinds:
            kept.append(words[place])
            place += 1
        else:
            dropped.add(found[0])
            place = found[1]
    return Unqualified(" ".join(kept).strip(_EDGES), frozenset(dropped))


def _shorter(words: list[str]) -> list[str] | None:
    keys = _keys(words)
    opening = _openings().at(keys, 0)
    if opening is not None and opening[1] < len(words):
        return words[opening[1] :]
    closing = _closings().before(keys, len(words))
    if closing is not None and closing[1] > 0 and keys[closing[1] - 1] not in _NOT:
        return words[: closing[1]]
    return _without_person(words, keys)


def _without_person(words: list[str], keys: list[str]) -> list[str] | None:
    """Without "in a 64-year-old woman" at the end, or "65 yo male with" at the start."""
    start = _person_at_end(keys)
    if 0 < start < len(words):
        return words[:start]
    end = _person_at_start(keys)
    return words[end:] if 0 < end < len(words) else None


def _is_personal(key: str) -> bool:
    parts = key.split("-")
    return key in _persons() or (
        all(p in _persons() or p in _AGE_WORDS or _AGE.fullmatch(p) for p in parts) and key != ""
    )


def _person_at_end(keys: list[str]) -> int:
    start = len(keys)
    while start > 0 and (_is_personal(keys[start - 1]) or keys[start - 1] in _ARTICLES):
        start -= 1
    run = keys[start:]
    opens = start > 0 and keys[start - 1] in _JOINING
    return start - 1 if opens and any(key in _persons() for key in run) else len(keys)


def _person_at_start(keys: list[str]) -> int:
    end = int(bool(keys) and keys[0] in _JOINING)
    while end < len(keys) and (_is_personal(keys[end]) or keys[end] in _ARTICLES):
        end += 1
    opens = end < len(keys) and keys[end] in _JOINING
    return end + 1 if opens and any(key in _persons() for key in keys[:end]) else 0


def _keys(words: list[str]) -> list[str]:
    return [_key(word) for word in words]


def _key(text: str) -> str:
    return fold_characters(text).strip(_EDGES)
