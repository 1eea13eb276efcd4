"""From queries to embeddings: known conditions carry theirs, free texts go through a cache."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_core.prompts import PromptTemplates, mean_embedding
from service.deadline import Checkpoint, no_checkpoint
from service.inference.protocols import TextEncoder
from service.queries.conditions import KnownCondition
from service.queries.lru import LruCache


@dataclass(frozen=True, eq=False, slots=True)
class AskedQuery:
    """A query as it was understood.

    Attributes:
        text: In the request's own words, for the answer.
        term: What is put to the text encoder if it names no known condition.
        condition: The known condition that it names, if it names one.
        negated: Whether it denies the condition.
    """

    text: str
    term: str
    condition: KnownCondition | None = None
    negated: bool = False


EmbeddingCache = LruCache[str, NDArray[np.float32]]


class QueryEmbeddings:
    """Embeds queries, each for itself: what else is asked changes nothing."""

    def __init__(
        self,
        text_encoder: TextEncoder,
        prompts: PromptTemplates,
        cache: EmbeddingCache,
        on_lookup: Callable[[int, int], None] = lambda _hits, _misses: None,
    ) -> None:
        self._text_encoder = text_encoder
        self._prompts = prompts
        self._cache = cache
        self._on_lookup = on_lookup

    def get(
        self, queries: Sequence[AskedQuery], checkpoint: Checkpoint = no_checkpoint
    ) -> NDArray[np.float32]:
        """Unit vectors, shape (query, dimension).

        Args:
            queries: At least one.
            checkpoint: Called before each text that has to be embedded; may raise.
        """
        misses = 0
        embeddings = []
        for query in queries:
            embedding = self._known(query)
            if embedding is None:
                misses += 1
                checkpoint()
                embedding = self.embed_term(query.term)
                self._cache.put(query.term, embedding)
            embeddings.append(embedding)
        self._on_lookup(len(queries) - misses, misses)
        return np.stack(embeddings)

    def embed_term(self, term: str) -> NDArray[np.float32]:
        """The embedding of a term, past the cache: shape (dimension,)."""
        # One prompt at a time: a padded batch would let one text's rounding depend on another's.
        prompts = self._prompts.render(term)
        return mean_embedding([self._text_encoder.embed([prompt])[0] for prompt in prompts])

    def _known(self, query: AskedQuery) -> NDArray[np.float32] | None:
        if query.condition is not None:
            return query.condition.embedding
        return self._cache.get(query.term)
