"""The shared store: registered conditions in Redis, for the replicas of all machines.

Everything lies in three keys of one slot, so that each change is one step, in a Cluster as well:
documents (JSON) in one hash by the SHA-256 of their term, which makes the term unique; their ids in
another; and the revision. No key holds a text.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import redis
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from service.errors import ConditionIdTaken, StoreUnavailable
from service.storage import redis_scripts
from service.storage.base import StoredCondition
from service.storage.redis.client import RedisClient
from service.storage.redis.link import RedisLink, RedisUnavailable

_log = logging.getLogger(__name__)


_DOCUMENT = TypeAdapter(StoredCondition)


@dataclass(frozen=True, slots=True)
class _State:
    """All that was in Redis at one revision: (key of the term, id, document) of each condition."""

    revision: int = 0
    entries: tuple[tuple[bytes, str, bytes], ...] = ()


class RedisStore:
    """Registered conditions in Redis; see `ConditionStore`.

    Redis may lose what it has acknowledged (a failover to a replica that lagged behind, a restart
    without an append-only file): its revision then goes back. The state that was read last is kept
    here, and put back when that happens.
    """

    def __init__(self, link: RedisLink, key_prefix: str) -> None:
        self._link = link
        # The braces make a Cluster keep the three keys together.
        base = f"{{{key_prefix}:conditions}}"
        self._keys = [f"{base}:by-term", f"{base}:term-by-id", f"{base}:revision"]
        self._last = _State()

    def add(self, condition: StoredCondition) -> StoredCondition:
        """Keep a condition before returning; of one term, the first stays."""
        document = _DOCUMENT.dump_json(condition)
        arguments = [_term_key(condition.term), condition.id, document]
        kept = self._run("conditions_add", redis_scripts.ADD, arguments, patient=True)
        if kept is None:
            raise ConditionIdTaken
        return condition if kept == document else _from_document(kept)

    def remove(self, condition_id: str) -> bool:
        """Remove a condition; False if there is none with this id."""
        removed = self._run("conditions_remove", redis_scripts.REMOVE, [condition_id], patient=True)
        return bool(removed)

    def all(self) -> tuple[StoredCondition, ...]:
        """Every stored condition, in the order in which they were added."""
        # Patient: thousands of conditions take their time, and only a change makes them be read.
        revision, flat = self._run("conditions_read", redis_scripts.READ, [], patient=True)
        documents = dict(zip(flat[::2], flat[1::2], strict=True))
        conditions = {key: _checked(key, document) for key, document in documents.items()}
        entries = tuple((key, conditions[key].id, documents[key]) for key in documents)
        state = _State(_number(revision), entries)
        if state.revision >= self._last.revision:
            self._last = state
        return tuple(sorted(conditions.values(), key=lambda each: (each.created_at, each.id)))

    def revision(self) -> int:
        """A number that grows whenever any process changes a condition."""
        keys = self._keys
        number = _number(self._call("conditions_revision", lambda client: client.get(keys[2])))
        last = self._last
        if number < last.revision:
            self._restore(last)
            return last.revision
        return number

    def update_embedding(
        self, condition_id: str, embedding: NDArray[np.float32], encoder_digest: str
    ) -> None:
        """Replace an embedding that another text encoder made."""
        for key, entry_id, document in self._last.entries:
            if entry_id == condition_id:
                new = replace(
                    _from_document(document), embedding=embedding, encoder_digest=encoder_digest
                )
                arguments = [key, document, _DOCUMENT.dump_json(new)]
                self._run("conditions_update", redis_scripts.REPLACE, arguments, patient=True)

    def close(self) -> None:
        """The link is closed by those who opened it."""

    def _restore(self, state: _State) -> None:
        _log.error("Redis has lost conditions: putting back %d", len(state.entries))
        flat = [part for entry in state.entries for part in entry]
        arguments = [str(state.revision), *flat]
        self._run("conditions_restore", redis_scripts.RESTORE, arguments, patient=True)

    def _run(
        self, operation: str, script: str, arguments: list[Any], *, patient: bool = False
    ) -> Any:
        def work(client: RedisClient) -> Any:
            # Of a Cluster's client as well; its annotations say otherwise.
            of_any = cast(redis.Redis, client)
            return of_any.register_script(script)(keys=self._keys, args=arguments, client=of_any)

        return self._call(operation, work, patient=patient)

    def _call(
        self, operation: str, work: Callable[[RedisClient], Any], *, patient: bool = False
    ) -> Any:
        try:
            return self._link.call(operation, work, patient=patient)
        except RedisUnavailable as error:
            raise StoreUnavailable from error


def _number(revision: bytes | None) -> int:
    try:
        return int(revision or 0)
    except ValueError as error:
        _log.error("Redis holds a revision of the conditions that is no number")
        raise StoreUnavailable from error


def _term_key(term: str) -> bytes:
    return hashlib.sha256(term.encode()).hexdigest().encode()


def _checked(key: bytes, document: bytes) -> StoredCondition:
    """The condition of a document.

    Raises:
        StoreUnavailable: It is none. Leaving it out would change what a diagnosis asks for.
    """
    try:
        condition = _from_document(document)
        if _term_key(condition.term) == key:
            return condition
    except StoreUnavailable:
        pass
    raise StoreUnavailable from ValueError(
        "Redis holds a broken condition: see docs/operate/redis.md"
    )


def _from_document(document: bytes) -> StoredCondition:
    try:
        return _DOCUMENT.validate_json(document)
    except ValidationError as error:
        raise StoreUnavailable from error
