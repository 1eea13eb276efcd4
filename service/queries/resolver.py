"""From what a request asks to queries that are understood: every fault of every query at once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial

from ecg_core.conditions import Catalogue, Query, understand_query
from ecg_core.errors import Fault, FaultCode, InvalidQuery
from ecg_core.prompts import PromptTemplates
from service.inference.protocols import TextEncoder
from service.queries.conditions import KnownCondition
from service.queries.embeddings import AskedQuery
from service.queries.registry import ConditionRegistry

_LEAST_KNOWN_FRACTION = 0.5
_MAX_FAULTS = 100


class QueryResolver:
    """Understands queries through the catalogue, the registry and the text encoder's vocabulary."""

    def __init__(
        self,
        registry: ConditionRegistry,
        catalogue: Catalogue,
        text_encoder: TextEncoder,
        prompts: PromptTemplates,
        max_queries: int,
        max_characters: int,
        remembered: int,
    ) -> None:
        self._registry = registry
        self._max_queries = max_queries
        # What a text means follows from the text and the catalogue alone. No method of this object:
        # in a cycle with its cache, it would keep the model in memory when a reload replaces it.
        understand = partial(_understood, catalogue, max_characters, text_encoder, prompts)
        self._understand = lru_cache(maxsize=remembered)(understand)

    def resolve(self, texts: Sequence[str]) -> list[AskedQuery]:
        """The queries of one request; without any, every registered condition.

        The same text twice is answered once, at its first place.

        Raises:
            InvalidQuery: With every fault of every query, each naming its query by number.
        """
        if not texts:
            return [AskedQuery(c.name, c.name, c) for c in self._registry.all()]
        if len(texts) > self._max_queries:
            detail = f"at most {self._max_queries} queries can be asked at once"
            raise InvalidQuery.of(FaultCode.TOO_MANY_QUERIES, detail, field="queries")
        find = self._registry.finder()
        faults: list[Fault] = []
        asked: dict[str, AskedQuery] = {}
        for number, text in enumerate(texts):
            try:
                asked.setdefault(text, self._asked(text, find))
            except InvalidQuery as error:
                faults.extend(_numbered(error.faults, number))
        if faults:
            raise InvalidQuery(faults[:_MAX_FAULTS])
        return list(asked.values())

    def wording_faults(self, field: str, text: str) -> Iterator[Fault]:
        """Why no query could ask for a condition by this wording; nothing if one could."""
        try:
            understood = self._understand(text)
        except InvalidQuery as error:
            yield from (replace(fault, field=field) for fault in error.faults)
            return
        if understood.negated:
            detail = "register the condition in the positive; a query may deny it"
            yield Fault(FaultCode.QUERY_NEGATION_UNCLEAR, detail, field=field)

    def _asked(self, text: str, find: Callable[[str], KnownCondition | None]) -> AskedQuery:
        query = self._understand(text)
        named = query.condition
        known = find(query.term) if named is None else self._registry.get(named.id)
        return AskedQuery(text, query.term, known, query.negated)


def _understood(
    catalogue: Catalogue,
    max_characters: int,
    text_encoder: TextEncoder,
    prompts: PromptTemplates,
    text: str,
) -> Query:
    query = understand_query(text, catalogue, max_characters=max_characters)
    if query.condition is None:
        _refuse_unread(query.term, text_encoder, prompts)
    return query


def _refuse_unread(term: str, text_encoder: TextEncoder, prompts: PromptTemplates) -> None:
    """Refuse what the text encoder would read in part only: its answer would mislead."""
    if text_encoder.known_fraction(term) < _LEAST_KNOWN_FRACTION:
        detail = "the text encoder does not know these words: ask in English"
        raise InvalidQuery.of(FaultCode.QUERY_NOT_UNDERSTOOD, detail)
    if not all(map(text_encoder.fits, prompts.render(term))):
        detail = "longer than the text encoder reads: ask more briefly"
        raise InvalidQuery.of(FaultCode.QUERY_TOO_LONG, detail)


def _numbered(faults: Iterable[Fault], number: int) -> Iterator[Fault]:
    return (replace(fault, field=f"queries[{number}]") for fault in faults)
