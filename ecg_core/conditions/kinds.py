"""Lists of kinds: several names of one finding, or of kinds of one, of which any is asked for.

"AF, paroxysmal AF, permanent AF" asks for AF. A list of unlike findings is none: "AF, LBBB".
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from ecg_core.conditions.catalogue import Catalogue
from ecg_core.conditions.negation import holds_negating_word
from ecg_core.conditions.question import KnownCondition, Question, any_of

_LEAST_OF_KINDS = 3  # two unlike findings may be meant both
_LEAST_COVERED = 2 / 3  # of the pieces: a kind that the catalogue lacks may stand among them


class Piece(NamedTuple):
    """A piece of a list.

    Attributes:
        whole: The id of the condition that it is a name of, if it is one.
        named: Ids of the conditions that it names, with words that are not read or not.
        says_more: Whether it says anything that is no condition.
    """

    whole: str | None
    named: frozenset[str]
    says_more: bool


class Kinds(NamedTuple):
    """A list of kinds, read.

    Attributes:
        question: What all of them are, or any of them.
        is_whole: Whether that covers every piece.
    """

    question: Question
    is_whole: bool


def read_kinds(
    text: str,
    split: Callable[[str], Iterator[str]],
    read: Callable[[str], Piece],
    catalogue: Catalogue,
) -> Kinds | None:
    """What a list asks for whose pieces are kinds of one thing; None if it is none.

    Args:
        text: Without its frame.
        split: Cuts a list into its pieces.
        read: Reads a piece.
        catalogue: Knows which conditions are narrower, and which exclude one another.
    """
    texts = list(split(text))
    if len(texts) < 2 or holds_negating_word(text):
        return None
    pieces = list(map(read, texts))
    if any(piece.says_more for piece in pieces):
        return None
    return _one(pieces, catalogue) or _any(pieces, catalogue)


def _one(pieces: Sequence[Piece], catalogue: Catalogue) -> Kinds | None:
    """The condition of which each piece names a kind; the narrowest one."""
    everywhere = frozenset.intersection(*(piece.named for piece in pieces))
    whole = {piece.whole for piece in pieces if piece.whole is not None}
    hubs = {
        hub
        for hub in everywhere | whole
        if _share(pieces, hub, catalogue) >= _LEAST_COVERED
        and all(_is_below(one, hub, catalogue) for one in whole)
    }
    for hub in sorted(hubs):
        if not any(_is_below(other, hub, catalogue) for other in hubs - {hub}):
            return Kinds(KnownCondition(hub), _share(pieces, hub, catalogue) == 1)
    return None


def _any(pieces: Sequence[Piece], catalogue: Catalogue) -> Kinds | None:
    """Any of the names, if nearly all are of the next broader kind, or some exclude one another.

    Findings that have only a wide class in common may be meant all: "LAFB, RBBB, AV block".
    """
    whole = sorted({piece.whole for piece in pieces if piece.whole is not None})
    if len(pieces) < _LEAST_OF_KINDS or len(whole) < 2:
        return None
    above = sorted({broader for one in whole for broader in catalogue.get(one).broader})
    of_one_kind = max((_share(pieces, one, catalogue) for one in above), default=0.0)
    named = sum(piece.whole is not None for piece in pieces) / len(pieces)
    exclusive = set(catalogue.exclusive)
    if of_one_kind < _LEAST_COVERED and not (
        named >= _LEAST_COVERED and any(pair in exclusive for pair in combinations(whole, 2))
    ):
        return None
    return Kinds(any_of(map(KnownCondition, whole)), named == 1)


def _share(pieces: Sequence[Piece], hub: str, catalogue: Catalogue) -> float:
    """Of the pieces, those that name the condition or a narrower one."""
    covered = (any(_is_below(one, hub, catalogue) for one in piece.named) for piece in pieces)
    return sum(covered) / len(pieces)


def _is_below(one: str, other: str, catalogue: Catalogue) -> bool:
    """Whether a condition is another, or narrower."""
    return one == other or any(each.id == other for each in catalogue.ancestors(one))
