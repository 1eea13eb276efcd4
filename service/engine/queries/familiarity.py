"""The model's familiarity with a query: trained on it, on a neighbour of it, or on neither."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_core.bundle import FamiliaritySpec
from ecg_core.calibration import Familiarity
from ecg_core.errors import InvalidBundle
from service.engine.queries.conditions import KnownCondition
from service.engine.queries.embeddings import AskedQuery
from service.engine.queries.lru import LruCache


@dataclass(frozen=True, slots=True)
class NearestTrained:
    """The trained condition nearest to a query, and how familiar that makes the query.

    Attributes:
        familiarity: `known`, `near` or `unseen`.
        id, name: The trained condition that comes closest.
        similarity: Cosine similarity to it, between -1 and 1.
    """

    familiarity: Familiarity
    id: str
    name: str
    similarity: float


class FamiliarityClassifier:
    """Compares queries with the trained conditions; safe to call from several threads."""

    def __init__(
        self, conditions: Iterable[KnownCondition], spec: FamiliaritySpec, remembered: int = 10_000
    ) -> None:
        self._trained = tuple(condition for condition in conditions if condition.trained)
        if not self._trained:
            raise InvalidBundle("the manifest names no trained condition")
        self._rows = {condition.id: row for row, condition in enumerate(self._trained)}
        self._embeddings = np.stack([condition.embedding for condition in self._trained])
        self._near_similarity = spec.near_similarity
        self._remembered: LruCache[str, NearestTrained] = LruCache(remembered)

    def classify(
        self, queries: Sequence[AskedQuery], embeddings: NDArray[np.float32]
    ) -> list[NearestTrained]:
        """The trained condition nearest to each query, from that query alone.

        Args:
            queries: What is asked.
            embeddings: Their unit vectors, shape (query, dimension).
        """
        return [self._of_query(q, row) for q, row in zip(queries, embeddings, strict=True)]

    def classify_condition(self, condition: KnownCondition) -> NearestTrained:
        """The trained condition nearest to a condition."""
        key = f"condition {condition.id}"
        known = self._remembered.get(key)
        if known is None:
            known = self._nearest(condition, condition.embedding)
            self._remembered.put(key, known)
        return known

    def _of_query(self, query: AskedQuery, embedding: NDArray[np.float32]) -> NearestTrained:
        if query.condition is not None:
            return self.classify_condition(query.condition)
        key = f"term {query.term}"
        known = self._remembered.get(key)
        if known is None:
            known = self._nearest(None, embedding)
            self._remembered.put(key, known)
        return known

    def _nearest(
        self, condition: KnownCondition | None, embedding: NDArray[np.float32]
    ) -> NearestTrained:
        if condition is not None and condition.trained:
            return NearestTrained("known", condition.id, condition.name, 1.0)
        # Not `@`: its threads would compete with those that run other diagnoses.
        similarities = np.einsum("cd,d->c", self._embeddings, embedding).clip(-1.0, 1.0)
        best = int(similarities.argmax())
        if similarities[best] >= self._near_similarity:
            return self._compared("near", best, similarities)
        relatives = [self._rows[i] for i in _relatives(condition) if i in self._rows]
        if relatives:
            closest = max(relatives, key=lambda row: (similarities[row], -row))
            return self._compared("near", closest, similarities)
        return self._compared("unseen", best, similarities)

    def _compared(
        self, familiarity: Familiarity, row: int, similarities: NDArray[np.float32]
    ) -> NearestTrained:
        nearest = self._trained[row]
        return NearestTrained(familiarity, nearest.id, nearest.name, float(similarities[row]))


def _relatives(condition: KnownCondition | None) -> frozenset[str]:
    return frozenset() if condition is None else condition.relatives
