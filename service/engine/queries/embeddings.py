"""From queries to embeddings: known conditions carry theirs, free texts go through a cache."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ecg_core.checkpoint import Checkpoint, no_checkpoint
from ecg_core.conditions.notes import Note
from ecg_core.conditions.question import Described, Question, denied
from ecg_core.conditions.question import KnownCondition as Condition
from ecg_core.prompts import PromptTemplates, mean_embedding
from service.engine.inference.protocols import TextEncoder
from service.engine.queries.conditions import KnownCondition
from service.engine.queries.lru import LruCache
from service.engine.queries.single_flight import SingleFlight


@dataclass(frozen=True, eq=False, slots=True)
class AskedQuery:
    """A query as it was understood.

    Attributes:
        text: In the request's own words, for the answer.
        term: What is put to the text encoder if it names no known condition.
        condition: The known condition that it names, if it names one.
        negated: Whether it denies the condition.
        question: What it asks for; None: the condition, or the term as a free text.
        notes: What of it was not read, or read with a correction.
    """

    text: str
    term: str
    condition: KnownCondition | None = None
    negated: bool = False
    question: Question | None = None
    notes: tuple[Note, ...] = ()

    @property
    def asked(self) -> Question:
        """What is asked."""
        if self.question is not None:
            return self.question
        plain = Described(self.term, (), self.term)
        named = plain if self.condition is None else Condition(self.condition.id)
        return denied(named) if self.negated else named


EmbeddingCache = LruCache[str, NDArray[np.float32]]


class SharedEmbeddings(Protocol):
    """A cache behind the process's own. It fails by finding nothing, never by raising."""

    def get_many(self, terms: Sequence[str]) -> Mapping[str, NDArray[np.float32]]:
        """The embeddings that are there, by term."""
        ...

    def put_many(self, embeddings: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep embeddings."""
        ...


class NoSharedEmbeddings:
    """There is no cache behind the process's own."""

    def get_many(self, _terms: Sequence[str]) -> Mapping[str, NDArray[np.float32]]:
        """Nothing."""
        return {}

    def put_many(self, embeddings: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep nothing."""


class Lookups(NamedTuple):
    """Counts of where the embeddings of one request came from."""

    known: int = 0
    process: int = 0
    shared: int = 0
    made: int = 0


class QueryEmbeddings:
    """Embeds queries, each for itself: what else is asked changes nothing.

    A free text is looked up in the process, then (all that are left, at once) in the cache that
    replicas share, and embedded only then; several requests that need the same text embed it once.
    """

    def __init__(
        self,
        text_encoder: TextEncoder,
        prompts: PromptTemplates,
        cache: EmbeddingCache,
        on_lookup: Callable[[Lookups], None] = lambda _lookups: None,
        shared: SharedEmbeddings | None = None,
    ) -> None:
        self._text_encoder = text_encoder
        self._prompts = prompts
        self._cache = cache
        self._on_lookup = on_lookup
        self._shared = NoSharedEmbeddings() if shared is None else shared
        self._flights: SingleFlight[str, NDArray[np.float32]] = SingleFlight()

    def get(
        self, queries: Sequence[AskedQuery], checkpoint: Checkpoint = no_checkpoint
    ) -> NDArray[np.float32]:
        """Unit vectors, shape (query, dimension).

        Args:
            queries: At least one.
            checkpoint: Called before each text that has to be embedded; may raise.
        """
        embeddings = [self._at_hand(query) for query in queries]
        missing = dict.fromkeys(
            query.term
            for query, embedding in zip(queries, embeddings, strict=True)
            if embedding is None
        )
        found = self._found(list(missing), checkpoint) if missing else _Found({}, 0)
        known = sum(query.condition is not None for query in queries)
        self._on_lookup(
            Lookups(
                known=known,
                process=len(queries) - known - len(missing),
                shared=found.shared,
                made=len(missing) - found.shared,
            )
        )
        return np.stack(
            [
                found.embeddings[query.term] if embedding is None else embedding
                for query, embedding in zip(queries, embeddings, strict=True)
            ]
        )

    def embed_term(self, term: str) -> NDArray[np.float32]:
        """The embedding of a term, past the caches: shape (dimension,)."""
        # One prompt at a time: a padded batch would let one text's rounding depend on another's.
        prompts = self._prompts.render(term)
        return mean_embedding([self._text_encoder.embed([prompt])[0] for prompt in prompts])

    def _at_hand(self, query: AskedQuery) -> NDArray[np.float32] | None:
        if query.condition is not None:
            return query.condition.embedding
        return self._cache.get(query.term)

    def _found(self, terms: Sequence[str], checkpoint: Checkpoint) -> "_Found":
        """The embeddings of terms that the process does not hold."""
        embeddings = dict(self._shared.get_many(terms))
        shared = len(embeddings)
        for term, embedding in embeddings.items():
            self._cache.put(term, embedding)
        made: dict[str, NDArray[np.float32]] = {}
        try:
            for term in terms:
                if term not in embeddings:
                    checkpoint()
                    embeddings[term], here = self._flights.run(term, partial(self._made, term))
                    if here:
                        made[term] = embeddings[term]
        finally:
            # What was made is worth keeping even if the rest was not in time.
            if made:
                self._shared.put_many(made)
        return _Found(embeddings, shared)

    def _made(self, term: str) -> NDArray[np.float32]:
        embedding = self._cache.get(term)
        if embedding is None:
            embedding = self.embed_term(term)
            self._cache.put(term, embedding)
        return embedding


class _Found(NamedTuple):
    embeddings: Mapping[str, NDArray[np.float32]]
    shared: int
