"""And, or, with, without, and lists: several findings in one text, each read by itself.

A text is cut only where every piece can be read; else it is a description, or nothing.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from enum import Enum, auto

from ecg_core.conditions.comparisons import read_measurement
from ecg_core.conditions.frames import undenied
from ecg_core.conditions.quantities import quantities
from ecg_core.conditions.question import (
    AnyOf,
    Comparator,
    KnownCondition,
    Measured,
    Not,
    NotAnswerable,
    Question,
    all_of,
    any_of,
    children,
    denied,
)
from ecg_core.conditions.regions import named_leads
from ecg_core.conditions.spelling import says_opposites
from ecg_core.conditions.terms import fold_characters

Read = Callable[[str], Question | None]

_MOST_PARTS = 12


class _Joint(Enum):
    AND = auto()
    OR = auto()
    OF = auto()  # "or" in Dutch, and no joint in English
    WITHOUT = auto()
    LIST = auto()


_WORDS = {
    _Joint.AND: "and und et y e en with mit avec con met com plus & + plus also sowie as but "
    "aber pero mais ma maar mas",
    _Joint.OR: "or oder ou o",
    _Joint.OF: "of",
    _Joint.WITHOUT: "without ohne sans sin senza zonder sem",
}
_BINDING = frozenset({_Joint.AND, _Joint.WITHOUT})
_JOINTS = {word: joint for joint, words in _WORDS.items() for word in words.split()}
# In front of several findings, and what the marks of a list stand for then.
_OPENINGS = {
    **dict.fromkeys(["either", "both", "entweder", "sowohl"], ""),
    # "of" alone is left of "any of".
    **dict.fromkeys(["of", "any of", "one of", "at least one of", "eines von"], "or"),
    **dict.fromkeys(["all of", "alle von"], "and"),
}
_LIST = frozenset({",", ";", "|", "/", "\n"})
_STANDING_ALONE = frozenset({"-", "–", "—", "->", "→"})
_GLUED_SIGN = re.compile(r"(?<=[^\W\d])([+&])(?=[^\W\d])")
_GROUPED = re.compile(r"[(),;]|\S\s+(?:either|entweder)\s")
_GROUPING = frozenset({"either", "entweder"})


class SeveralConditions(Exception):
    """A list of conditions stands in one text: each is a query of its own."""


class UnclearJoints(Exception):
    """It can be read in two ways what is joined with what."""


def read_joined(text: str, read: Read, describe: Read) -> Question | None:
    """The parts of a text, joined as it says.

    Args:
        text: Without its frame.
        read: Reads one part; None where it cannot.
        describe: Reads one part as a description, too: where "or" alone joins them.

    Returns:
        None if the text is not cut anywhere, or a part cannot be read.

    Raises:
        SeveralConditions: It is a mere list of conditions.
        UnclearJoints: It joins them by "and" and by "or" in a way that is not read.
    """
    for pieces, joints in _cuts(text):
        are_choices = {_Joint.OR, _Joint.OF} & {*joints} and not _BINDING & {*joints}
        parts = _parts(pieces, joints, describe if are_choices else read)
        if parts is not None and _Joint.OF in joints:
            if any(isinstance(part, Measured) for part in parts):
                continue  # "a deviation of more than 30 degrees"
            joints = [_Joint.OR if joint is _Joint.OF else joint for joint in joints]
        if parts is not None:
            is_mixed = len({*joints} - {_Joint.LIST}) > 1
            if is_mixed and _Joint.OR in joints and _GROUPED.search(text):
                raise UnclearJoints
            return _join(parts, joints)
    return None


def _cuts(text: str) -> Iterator[tuple[list[str], list[_Joint]]]:
    """The ways to cut a text: at all joints; then at "or", at "and", one kind at a time."""
    words = _words(text)
    everywhere = [j for word in words if (j := _joint(word)) is not None]
    if not everywhere:
        return
    every = set(_Joint)
    some = ({_Joint.OR}, {_Joint.AND, _Joint.WITHOUT}, {_Joint.LIST})
    for kinds in (every - {_Joint.OF}, *some, every, {_Joint.OF}):
        if kinds & set(everywhere):
            pieces, joints = _cut(words, kinds)
            if 1 < len(pieces) <= _MOST_PARTS and all(pieces):
                yield pieces, joints


def _words(text: str) -> list[str]:
    for mark in _LIST:
        text = text.replace(mark, f" {mark if mark != chr(10) else ';'} ")
    text = _GLUED_SIGN.sub(r" \1 ", text)
    words = text.split()
    for opening, mark in _OPENINGS.items():
        said = opening.split()
        if [fold_characters(word) for word in words[: len(said)]] == said:
            return [mark if mark and word in _LIST else word for word in words[len(said) :]]
    return words


def _joint(word: str) -> _Joint | None:
    is_mark = word in _LIST or word in _STANDING_ALONE
    return _Joint.LIST if is_mark else _JOINTS.get(fold_characters(word))


def _cut(words: Sequence[str], kinds: set[_Joint]) -> tuple[list[str], list[_Joint]]:
    pieces: list[list[str]] = [[]]
    joints: list[_Joint] = []
    for word in words:
        joint = _joint(word)
        if joint is None or joint not in kinds:
            if fold_characters(word) not in _GROUPING:
                pieces[-1].append(word)
        elif pieces[-1] or not joints:
            joints.append(joint)
            pieces.append([])
        else:
            # ", and" and "and also" are one joint: what is said last counts.
            joints[-1] = joint
    return [" ".join(piece) for piece in pieces], joints


def _parts(pieces: Sequence[str], joints: Sequence[_Joint], read: Read) -> list[Question] | None:
    parts: list[Question] = []
    said = list(pieces)
    # "Flat or inverted T waves and a long QT": what shares words with what?
    is_mixed = {_Joint.OR, _Joint.AND} <= {*joints}
    for place, piece in enumerate(pieces):
        part = read(piece) or _of_same_quantity(piece, pieces[place - 1 : place], parts)
        if (part is None or isinstance(part, NotAnswerable)) and not is_mixed:
            whole = _completed(said, joints, place, read)
            if whole is not None and place and _says_more(piece, whole[1], said[place - 1], parts):
                raise UnclearJoints  # "ST elevation or depression in V2": elevation where?
            said[place], part = whole or (piece, part)
        if part is None:
            return None
        parts.append(denied(part) if place and joints[place - 1] is _Joint.WITHOUT else part)
    return parts


def _completed(
    pieces: Sequence[str], joints: Sequence[_Joint], place: int, read: Read
) -> tuple[str, Question] | None:
    """A piece with the words that it shares with its neighbour, read: "left or right BBB".

    Leads that "and" joins are left to the signs of several leads.
    """
    piece = _unhyphenated(pieces[place])
    for text in _with_shared_words(piece, pieces, joints, place):
        if says_opposites(fold_characters(text)):
            continue  # "left right bundle branch block"
        part = read(text)
        if part is not None and not isinstance(part, NotAnswerable):
            # "No ST elevation or depression" denies both at once.
            shares_denial = isinstance(part, Not) and undenied(piece) is None
            return text, denied(part) if shares_denial else part
    return None


def _says_more(piece: str, part: Question, before: str, parts: Sequence[Question]) -> bool:
    """Whether a completed piece has a limit, or leads, that the one before may share or not."""
    if isinstance(part, KnownCondition):
        return False  # the "II" of an AV block is no lead
    has_limit = isinstance(part, Measured) and not isinstance(parts[-1], Measured)
    return has_limit or bool(named_leads(piece) and not named_leads(before))


def _with_shared_words(
    piece: str, pieces: Sequence[str], joints: Sequence[_Joint], place: int
) -> Iterator[str]:
    def is_shared(joint: _Joint) -> bool:
        is_choice = joint is _Joint.OR or (joint is _Joint.LIST and _Joint.OR in joints)
        return is_choice or (joint is _Joint.AND and not named_leads(piece))

    if place > 0 and is_shared(joints[place - 1]):
        words = _unhyphenated(pieces[place - 1]).split()
        yield from (f"{' '.join(words[:n])} {piece}" for n in range(len(words) - 1, 0, -1))
    if place < len(joints) and is_shared(joints[place]):
        words = _unhyphenated(pieces[place + 1]).split()
        yield from (f"{piece} {' '.join(words[-n:])}" for n in range(len(words) - 1, 0, -1))


def _unhyphenated(text: str) -> str:
    return " ".join(text.replace("-", " ").split())


def _of_same_quantity(piece: str, before: Sequence[str], parts: list[Question]) -> Question | None:
    """The second limit of one quantity, as in "heart rate above 40 and below 60"."""
    measured = read_measurement(before[0]) if before else None
    if not isinstance(measured, Measured):
        return None
    name = quantities()[measured.quantity].names[0]
    lead = "" if measured.lead is None else f" {measured.lead}"
    second = read_measurement(f"{name} {piece}{lead}")
    if second is not None:
        parts[-1] = measured  # "heart rate above 100" alone may name a condition
    return second


def _join(parts: Sequence[Question], joints: Sequence[_Joint]) -> Question | None:
    kinds = set(joints)
    if all(isinstance(part, Not) for part in parts) and _Joint.WITHOUT not in kinds:
        return any_of(parts) if kinds == {_Joint.OR} else all_of(parts)  # "no AF, no flutter"
    if _Joint.WITHOUT in kinds:
        return _without(parts, joints)
    if kinds == {_Joint.LIST}:
        if len({part for part in parts if isinstance(part, KnownCondition)}) == len(parts) > 1:
            raise SeveralConditions
        return None  # a list with signs or measurements is a description
    if _Joint.OR in kinds and not kinds <= {_Joint.OR, _Joint.LIST}:
        return _mixed(parts, joints)
    return any_of(parts) if _Joint.OR in kinds else all_of(parts)


def _without(parts: Sequence[Question], joints: Sequence[_Joint]) -> Question:
    """What is there, and none of what "without" reaches: "sinus rhythm without PVCs or PACs".

    Raises:
        UnclearJoints: How far it reaches is unclear: "without LBBB and RBBB".
    """
    place = joints.index(_Joint.WITHOUT) + 1
    before, after = joints[: place - 1], joints[place:]
    if not ({*before} <= {_Joint.AND} and {*after} <= {_Joint.OR}):
        if {*joints} <= {_Joint.AND, _Joint.WITHOUT} and after[-1:] == [_Joint.WITHOUT]:
            return all_of(parts)
        raise UnclearJoints
    return all_of([*parts[:place], denied(any_of([denied(parts[place]), *parts[place + 1 :]]))])


def _mixed(parts: Sequence[Question], joints: Sequence[_Joint]) -> Question | None:
    """Groups of "and", joined by "or": "and" binds closer; a comma among both is unclear.

    Raises:
        UnclearJoints: There is one.
    """
    if _Joint.LIST in joints:
        raise UnclearJoints
    groups: list[list[Question]] = [[parts[0]]]
    for part, joint in zip(parts[1:], joints, strict=True):
        if joint is _Joint.OR:
            groups.append([part])
        else:
            groups[-1].append(part)
    return any_of(all_of(group) for group in groups)


def contradicts_itself(question: Question, exclusive: frozenset[tuple[str, str]]) -> bool:
    """Whether no recording could show what is asked: AF and no AF, a rate above 100 and below 60.

    Args:
        question: What is asked.
        exclusive: Pairs of ids of conditions that exclude one another, each pair sorted.
    """
    if isinstance(question, Not | NotAnswerable):
        return False
    parts = children(question)
    if any(contradicts_itself(part, exclusive) for part in parts):
        return True
    if isinstance(question, AnyOf):
        return False
    asked = set(parts)
    if any(isinstance(part, Not) and part.part in asked for part in parts):
        return True
    ids = sorted(part.id for part in parts if isinstance(part, KnownCondition))
    pairs = {(one, other) for number, one in enumerate(ids) for other in ids[number + 1 :]}
    return bool(pairs & exclusive) or _never_measured(parts)


def _never_measured(parts: Sequence[Question]) -> bool:
    """Whether limits of one quantity leave no value."""
    ranges: dict[tuple[str, str | None], tuple[float, float]] = {}
    for part in parts:
        if isinstance(part, Measured):
            key, (low, high) = (part.quantity, part.lead), limits(part)
            before = ranges.get(key, (float("-inf"), float("inf")))
            ranges[key] = (max(before[0], low), min(before[1], high))
    return any(low > high for low, high in ranges.values())


ABOUT_FRACTION = 0.1  # "a rate of 150" asks for 135 to 165


def limits(measured: Measured) -> tuple[float, float]:
    """Between which values a measurement fulfils what is asked."""
    infinity = float("inf")
    match measured.comparator:
        case Comparator.ABOVE | Comparator.AT_LEAST:
            return measured.value, infinity
        case Comparator.BELOW | Comparator.AT_MOST:
            return -infinity, measured.value
        case Comparator.BETWEEN:
            return measured.value, infinity if measured.upper is None else measured.upper
        case _:
            margin = ABOUT_FRACTION * abs(measured.value)
            return measured.value - margin, measured.value + margin
