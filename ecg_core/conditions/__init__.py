"""The condition catalogue, and how a free-text query is understood through it."""

from ecg_core.conditions.catalogue import (
    BenchmarkSet,
    Catalogue,
    Condition,
    ConditionKind,
)
from ecg_core.conditions.queries import Query, understand_query
from ecg_core.conditions.terms import normalise_term

__all__ = [
    "BenchmarkSet",
    "Catalogue",
    "Condition",
    "ConditionKind",
    "Query",
    "normalise_term",
    "understand_query",
]
