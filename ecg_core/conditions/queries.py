"""What a free-text query asks for."""

from dataclasses import dataclass

from ecg_core.conditions.catalogue import Catalogue, Condition


@dataclass(frozen=True, slots=True)
class Query:
    """A query, understood."""

    text: str
    term: str
    condition: Condition | None
    negated: bool


def understand_query(text: str, catalogue: Catalogue, *, max_characters: int = 300) -> Query:
    """Understands a query."""
    return Query(text, text, catalogue.find(text), negated=False)
