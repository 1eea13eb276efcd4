"""By which wording a query found its condition: what a caller registered answers under its name."""

from collections.abc import Iterator, Sequence
from typing import Literal

from service.engine.queries.conditions import KnownCondition, term_key
from service.engine.queries.embeddings import AskedQuery

MatchedBy = Literal["catalogue", "registered_text", "registered_name", "registered_synonym"]

REGISTERED_WORDING_WARNING = "registered_wording"
_REGISTERED_WORDING_DETAIL = (
    "the query is the name or a synonym that a caller registered: the answer is that of the "
    "registered text, not of the query's own words; the text is: {}"
)


def matched_by(query: AskedQuery) -> MatchedBy | None:
    """The kind of wording that led from a query to a condition; None: it is read by itself."""
    known = query.condition
    if known is None:
        return None
    return "catalogue" if known.built_in else _matched_by(query, known)


def answered_for_others(queries: Sequence[AskedQuery]) -> Iterator[tuple[str, str]]:
    """Texts of queries that a caller's condition answers under other words, and why to mind."""
    for query in queries:
        known = query.condition
        if known is not None and matched_by(query) in ("registered_name", "registered_synonym"):
            yield query.text, _REGISTERED_WORDING_DETAIL.format(known.text)


def _matched_by(query: AskedQuery, known: KnownCondition) -> MatchedBy:
    asked = {term_key(query.term), term_key(query.text)}
    if asked & {term_key(known.text), known.term}:
        return "registered_text"
    if term_key(known.name) in asked:
        return "registered_name"
    return "registered_synonym"
