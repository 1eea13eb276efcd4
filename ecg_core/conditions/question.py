"""What a query asks for, as a small tree: parts that can be answered, and how they are joined.

The tree is plain data: it is made by `reading`, answered by the engine, and shown in the answer.
Two texts that mean the same have equal trees; parts stand in one order whatever was said first.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Comparator(StrEnum):
    """How a measurement is compared with a limit."""

    ABOVE = "above"
    AT_LEAST = "at_least"
    BELOW = "below"
    AT_MOST = "at_most"
    BETWEEN = "between"
    ABOUT = "about"


class UnanswerableReason(StrEnum):
    """Why no probability can be given. Part of the HTTP contract: never renamed."""

    NOT_A_FINDING = "not_a_finding_of_an_ecg"
    NOT_UNDERSTOOD = "not_understood"
    NOT_MEASURABLE = "not_measurable"
    MISSING_LEADS = "missing_leads"


@dataclass(frozen=True, slots=True)
class KnownCondition:
    """A condition, by its id: of the catalogue, or registered."""

    id: str


@dataclass(frozen=True, slots=True)
class Sign:
    """A measured sign, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Measured:
    """A measurement, compared with a limit.

    Attributes:
        quantity: Its id, see `quantities`.
        comparator: How it is compared.
        value: The limit, in the quantity's own unit; of a range the lower one.
        unit: The quantity's own unit.
        lead: The lead it is measured in; None: not of one lead.
        upper: The upper limit of a range.
    """

    quantity: str
    comparator: Comparator
    value: float
    unit: str
    lead: str | None = None
    upper: float | None = None


@dataclass(frozen=True, slots=True)
class Not:
    """The absence of a part."""

    part: "Question"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part at once."""

    parts: tuple["Question", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part."""

    parts: tuple["Question", ...]


@dataclass(frozen=True, slots=True)
class Weighted:
    """A part of a description, and how much it counts beside the others."""

    part: "Question"
    weight: float


@dataclass(frozen=True, slots=True)
class Described:
    """A description: what was read of it, and what was left.

    Attributes:
        text: All of it, as it is put to the text encoder.
        parts: What was read.
        unread: The clauses of which nothing was read.
    """

    text: str
    parts: tuple[Weighted, ...] = ()
    unread: str = ""


@dataclass(frozen=True, slots=True)
class NotAnswerable:
    """No probability can be given."""

    reason: UnanswerableReason


Question = KnownCondition | Sign | Measured | Not | AllOf | AnyOf | Described | NotAnswerable


def denied(part: Question) -> Question:
    """The absence of what is asked; what cannot be answered cannot be denied either."""
    if isinstance(part, NotAnswerable):
        return part
    return part.part if isinstance(part, Not) else Not(part)


def all_of(parts: Iterable[Question]) -> Question:
    """Every part at once; one part stays itself."""
    return _joined(AllOf, parts)


def any_of(parts: Iterable[Question]) -> Question:
    """At least one part; one part stays itself."""
    return _joined(AnyOf, parts)


def described(text: str, parts: Iterable[Weighted], unread: str = "") -> Described:
    """A description; a part that is said twice counts once, by its largest weight."""
    weights: dict[Question, float] = {}
    for each in parts:
        weights[each.part] = max(each.weight, weights.get(each.part, 0.0))
    ordered = sorted(weights, key=repr)
    return Described(text, tuple(Weighted(part, weights[part]) for part in ordered), unread)


def children(question: Question) -> tuple[Question, ...]:
    """The parts directly below."""
    match question:
        case Not(part):
            return (part,)
        case AllOf(parts) | AnyOf(parts):
            return parts
        case Described():
            return tuple(each.part for each in question.parts)
        case _:
            return ()


def leaves(question: Question) -> Iterator[Question]:
    """The parts that are answered by themselves; a description is one beside its parts."""
    below = children(question)
    if not below or isinstance(question, Described):
        yield question
    for part in below:
        yield from leaves(part)


def _joined(kind: type[AllOf] | type[AnyOf], parts: Iterable[Question]) -> Question:
    found: dict[Question, None] = {}
    for part in parts:
        if isinstance(part, NotAnswerable):
            return part
        found.update(dict.fromkeys(part.parts if isinstance(part, kind) else (part,)))
    ordered = tuple(sorted(found, key=repr))
    return ordered[0] if len(ordered) == 1 else kind(ordered)
