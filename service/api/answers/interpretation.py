"""How a query was read, as the wire says it."""

from api_schemas import Interpretation
from ecg_core.conditions import Catalogue
from ecg_core.conditions.question import (
    AllOf,
    AnyOf,
    Described,
    KnownCondition,
    Measured,
    Not,
    NotAnswerable,
    Question,
    Sign,
)


def interpretation(question: Question, weight: float | None = None) -> Interpretation:
    """The tree of a question.

    Args:
        question: What is asked.
        weight: What it counts in the description that it is a part of.
    """
    match question:
        case KnownCondition(condition_id):
            return Interpretation(
                kind="condition",
                condition_id=condition_id,
                name=_name(condition_id),
                weight=weight,
            )
        case Sign(name):
            return Interpretation(kind="sign", name=name, weight=weight)
        case Measured():
            return _measurement(question, weight)
        case Not(part):
            return Interpretation(kind="not", parts=[interpretation(part)], weight=weight)
        case AllOf(parts):
            return Interpretation(
                kind="all_of", parts=[interpretation(part) for part in parts], weight=weight
            )
        case AnyOf(parts):
            return Interpretation(
                kind="any_of", parts=[interpretation(part) for part in parts], weight=weight
            )
        case Described():
            return Interpretation(
                kind="description",
                parts=[interpretation(each.part, each.weight) for each in question.parts],
                unread=question.unread or None,
                weight=weight,
            )
        case NotAnswerable():
            return Interpretation(kind="not_answerable", weight=weight)


def _measurement(asked: Measured, weight: float | None) -> Interpretation:
    return Interpretation(
        kind="measurement",
        quantity=asked.quantity,
        comparator=asked.comparator.value,
        value=asked.value,
        upper=asked.upper,
        unit=asked.unit,
        lead=asked.lead,
        weight=weight,
    )


def _name(condition_id: str) -> str | None:
    catalogue = Catalogue.load()
    return catalogue.get(condition_id).name if catalogue.has(condition_id) else None
