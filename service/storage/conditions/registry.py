"""The registry of conditions: the catalogue's, and those that were registered.

What is registered lives in the store. A snapshot of it is kept in the process and taken anew
whenever the store's revision moves, so that a condition registered by another process is found.
"""

import hashlib
import logging
import re
import threading
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from api_schemas import NewCondition
from ecg_core.errors import BuiltInCondition, ConditionNotFound, FaultCode, InvalidQuery
from service.engine.queries.conditions import (
    CatalogueConditions,
    Code,
    KnownCondition,
    term_key,
)
from service.errors import ConditionIdTaken, StoreUnavailable
from service.storage.base import ConditionStore, StoredCondition, is_unit_vector

_SLUG_CHARACTERS = 48
# 128 bits: nobody finds two texts with one id. Earlier versions wrote eight digits; those ids stay.
_HASH_DIGITS = 32
_UNREAD = -1
_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """Registered conditions at one revision of the store."""

    revision: int = _UNREAD
    by_id: Mapping[str, KnownCondition] = field(default_factory=dict)
    by_key: Mapping[str, KnownCondition] = field(default_factory=dict)


class ConditionRegistry:
    """Finds, lists, adds and removes conditions; safe to call from several threads."""

    def __init__(
        self,
        built_in: Iterable[KnownCondition],
        store: ConditionStore,
        embed: Callable[[str], NDArray[np.float32]],
        encoder_digest: str,
        dimension: int,
        max_registered: int,
    ) -> None:
        self._built_in = CatalogueConditions(built_in)
        self._store = store
        self._embed = embed
        self._encoder_digest = encoder_digest
        self._dimension = dimension
        self._max_registered = max_registered
        self._refreshing = threading.Lock()
        self._snapshot = _Snapshot()
        self._store_answers = True

    def check(self) -> None:
        """Make sure that the store answers, and take over what has changed in it.

        Raises:
            StoreUnavailable: It does not.
        """
        revision = self._store.revision()
        if revision != self._snapshot.revision:
            with self._refreshing:
                if revision > self._snapshot.revision:
                    self._snapshot = self._seen(revision, self._store.all())

    def all(self) -> tuple[KnownCondition, ...]:
        """Every condition: the catalogue's in its order, then the registered ones in theirs."""
        return (*self._built_in.all(), *self._current().by_id.values())

    def get(self, condition_id: str) -> KnownCondition:
        """The condition with this id.

        Raises:
            ConditionNotFound: There is none.
            StoreUnavailable: None was seen, and the store, which may hold one, does not answer.
        """
        if condition_id in self._built_in:
            return self._built_in.get(condition_id)
        found = self._current().by_id.get(condition_id)
        if found is None:
            self.check()
            found = self._snapshot.by_id.get(condition_id)
        if found is None:
            raise ConditionNotFound
        return found

    def finder(self) -> Callable[[str], KnownCondition | None]:
        """Looks up wordings in one and the same state of the registry.

        A wording goes on naming the condition that it named first, the catalogue's before all.
        """
        registered = self._current().by_key
        built_in = self._built_in.finder()
        return lambda text: built_in(text) or registered.get(term_key(text))

    def add(self, new: NewCondition, term: str) -> tuple[KnownCondition, bool]:
        """Register a condition, or hand over the one that has this text already.

        Args:
            new: What is to be registered; its wordings have been checked and name nothing known.
            term: Its text without words of doubt, as a query for it is understood.

        Returns:
            The condition, and whether it is new.

        Raises:
            InvalidQuery: There are too many.
            ConditionIdTaken: Another text has its id.
            StoreUnavailable: It could not be kept.
        """
        self.check()
        existing = self.finder()(term)
        if existing is not None:
            return existing, False
        self._refuse_too_many()
        stored = self._stored(new, term)
        if stored.id in self._built_in:
            raise ConditionIdTaken
        kept = self._store.add(stored)
        self.check()
        return self.get(kept.id), kept is stored

    def remove(self, condition_id: str) -> None:
        """Remove a registered condition.

        Raises:
            BuiltInCondition: It belongs to the catalogue.
            ConditionNotFound: There is none with this id.
            StoreUnavailable: The store does not answer.
        """
        if condition_id in self._built_in:
            raise BuiltInCondition
        if not self._store.remove(condition_id):
            raise ConditionNotFound
        self.check()

    def take_over(self) -> int:
        """Know what the store holds, before the first query.

        Embeddings of another text encoder, or broken ones, are computed anew and kept.

        Returns:
            How many those were.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        stored = self._store.all()
        stale = [condition for condition in stored if not self._fits(condition)]
        for condition in stale:
            embedding = self._embed(condition.text)
            self._store.update_embedding(condition.id, embedding, self._encoder_digest)
        with self._refreshing:
            # Older than any revision: the first look at the store reads it again if it has changed.
            self._snapshot = self._seen(_UNREAD, self._store.all() if stale else stored)
        return len(stale)

    def _current(self) -> _Snapshot:
        """The newest state; if the store fails, the last that was seen (readiness reports it)."""
        try:
            self.check()
        except StoreUnavailable:
            self._note_store(answers=False)
        else:
            self._note_store(answers=True)
        return self._snapshot

    def _note_store(self, *, answers: bool) -> None:
        """Log what has changed, not each request that meets it."""
        if answers and not self._store_answers:
            _log.info("the store of conditions answers again")
        elif self._store_answers and not answers:
            _log.error("the store of conditions does not answer: using its last known state")
        self._store_answers = answers

    def _seen(self, revision: int, conditions: Iterable[StoredCondition]) -> _Snapshot:
        by_id: dict[str, KnownCondition] = {}
        by_key: dict[str, KnownCondition] = {}
        for stored in conditions:
            condition = _registered(stored, self._embedding_of(stored))
            by_id[stored.id] = condition
            for key in (stored.term, *map(term_key, condition.wordings)):
                by_key.setdefault(key, condition)
        return _Snapshot(revision, by_id, by_key)

    def _embedding_of(self, stored: StoredCondition) -> NDArray[np.float32]:
        """Its stored embedding; a replica with another text encoder may have written another's.

        Then it is embedded here once, and kept as long as the condition is there: while a new
        encoder is rolled out, every change of the store would cost it again.
        """
        if self._fits(stored):
            return stored.embedding
        before = self._snapshot.by_id.get(stored.id)
        if before is not None and before.text == stored.text:
            return before.embedding
        return self._embed(stored.text)

    def _fits(self, stored: StoredCondition) -> bool:
        same_encoder = stored.encoder_digest == self._encoder_digest
        return same_encoder and is_unit_vector(stored.embedding, self._dimension)

    def _refuse_too_many(self) -> None:
        if len(self._snapshot.by_id) >= self._max_registered:
            detail = f"at most {self._max_registered} conditions can be registered: remove some"
            raise InvalidQuery.of(FaultCode.TOO_MANY_QUERIES, detail)

    def _stored(self, new: NewCondition, term: str) -> StoredCondition:
        name = term if new.name is None else new.name
        key = term_key(term)
        return StoredCondition(
            id=_condition_id(name, key),
            name=name,
            text=new.text,
            term=key,
            synonyms=tuple(dict.fromkeys(new.synonyms)),
            codes=tuple(Code(coding.system, coding.code) for coding in new.codes),
            created_at=datetime.now(UTC),
            embedding=self._embed(new.text),
            encoder_digest=self._encoder_digest,
        )


def _registered(stored: StoredCondition, embedding: NDArray[np.float32]) -> KnownCondition:
    """A registered condition, with its embedding by the text encoder in use."""
    return KnownCondition(
        id=stored.id,
        name=stored.name,
        text=stored.text,
        synonyms=stored.synonyms,
        codes=stored.codes,
        embedding=embedding,
        built_in=False,
        created_at=stored.created_at,
        term=stored.term,
    )


def _condition_id(name: str, term: str) -> str:
    """A slug of the name and a hash of the term: the same on every replica."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = _NOT_IN_SLUG.sub("-", plain)[:_SLUG_CHARACTERS].strip("-") or "condition"
    return f"{slug}-{hashlib.sha256(term.encode()).hexdigest()[:_HASH_DIGITS]}"
