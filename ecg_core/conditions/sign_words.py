"""Signs in anybody's words: which of them a clause says.

The words are data (`language/signs.toml`): lines of pieces that stand in a clause together, in
any order. Each piece is looked for in the whole clause, so the time grows with its length only.
"""

import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources

from pydantic import BaseModel, ConfigDict

from ecg_core.conditions.clauses import NEGATIONS, WAVES, is_denied
from ecg_core.conditions.lexicon import folded_words
from ecg_core.conditions.question import Question, Sign, denied

_DENY_WHAT_FOLLOWS = frozenset({"no", "without", "keine", "ohne"})


class _SignWords(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    words: tuple[tuple[str, ...], ...]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    sign: tuple[_SignWords, ...]


@cache
def _sign_words() -> tuple[_SignWords, ...]:
    file = resources.files(__package__).joinpath("language", "signs.toml")
    return _File.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))).sign


def signs_said(clause: str) -> Iterator[Question]:
    """The signs that a clause says or denies in words of its own."""
    text = _spaced(clause)
    for entry in _sign_words():
        pieces = next((line for line in entry.words if _all_begin_in(text, line)), None)
        if pieces is None or _is_denied_between(text, pieces):
            continue
        place = len(text[: _place_of(pieces[-1], text) + 1].split())
        says_no = not NEGATIONS.isdisjoint(_words_of(pieces))  # the sign itself: "no P waves"
        sign = Sign(entry.name)
        yield denied(sign) if is_denied(text.split(), place) and not says_no else sign


def beginnings_said(clause: str) -> frozenset[str]:
    """With what the words begin by which a clause says signs, denied or not."""
    text = _spaced(clause)
    lines = (line for entry in _sign_words() for line in entry.words)
    return frozenset(
        word for line in lines if _all_begin_in(text, line) for word in _words_of(line)
    )


def _spaced(clause: str) -> str:
    """The folded words with a space before each, by which a piece begins at a word."""
    return f" {' '.join(folded_words(clause))} "


def _place_of(piece: str, text: str, start: int = 0) -> int:
    """Where a word of the text begins as the piece does; -1 where none does."""
    return text.find(f" {piece.lstrip()}", start)


def _words_of(pieces: Sequence[str]) -> set[str]:
    return {word for piece in pieces for word in piece.split()}


def _all_begin_in(text: str, pieces: Sequence[str]) -> bool:
    """Whether each piece begins at a word of the text; what denies, before what it denies."""
    opening, *others = pieces
    start = _place_of(opening, text)
    if start < 0:
        return False
    denies = opening.strip() in _DENY_WHAT_FOLLOWS
    places = [_place_of(piece, text, start if denies else 0) for piece in others]
    if any(place < 0 for place in places):
        return False
    # "no QRS after the P wave" denies no P wave.
    return not denies or WAVES.isdisjoint(text[start : max(places, default=start)].split())


def _is_denied_between(text: str, pieces: Sequence[str]) -> bool:
    """Whether a negation stands between the pieces: "wide QRS without a P wave" has no wide P."""
    places = [_place_of(piece, text) for piece in pieces]
    between = text[min(places) : max(places)].split()
    return not (NEGATIONS - _words_of(pieces)).isdisjoint(between)
