"""Calls of Redis that cannot hold anything up: timed, counted, and left out while it fails."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

import redis

from service.storage.redis.client import RedisClient

T = TypeVar("T")

_log = logging.getLogger(__name__)

RETRY_AFTER_S = 1.0

# What redis-py raises; those of a Cluster stand apart.
REDIS_ERRORS = (redis.RedisError, redis.exceptions.RedisClusterException, OSError)
_UNREACHABLE = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.SlotNotCoveredError,
    redis.exceptions.RedisClusterException,
    OSError,
)


class RedisUnavailable(Exception):
    """Redis did not do what it was asked for. The message names the kind of error only."""


class RedisObserver(Protocol):
    """Listener that is told how Redis is doing."""

    def redis_call(self, operation: str, seconds: float, *, failed: bool) -> None:
        """A call has ended."""

    def redis_reachable(self, reachable: bool) -> None:
        """Redis answers, or answers no more."""


class RedisLink:
    """Runs calls of Redis; safe to share between threads.

    Writes that Redis puts on its disk before it answers may take longer than a diagnosis may wait:
    they use a client of their own, with a time-out of their own.

    After a call that Redis did not answer, none is tried for a second: all fail at once. Then a
    single one is let through, and if that succeeds, all are. So a Redis that hangs costs one
    caller one time-out a second, and the others nothing.

    Attributes:
        client: For libraries that want one of their own; its calls are not guarded.
    """

    def __init__(
        self,
        client: RedisClient,
        observer: RedisObserver,
        clock: Callable[[], float] = time.monotonic,
        *,
        patient_client: RedisClient | None = None,
    ) -> None:
        self.client = client
        self._patient_client = patient_client or client
        self._observer = observer
        self._clock = clock
        self._lock = threading.Lock()
        self._closed_until: float | None = None
        self._failing: set[str] = set()

    def call(self, operation: str, work: Callable[[RedisClient], T], *, patient: bool = False) -> T:
        """The result of `work`, which uses the client that it is given.

        Args:
            operation: A constant name, for metrics.
            work: What is to be done: commands, a pipeline, a script.
            patient: Whether a longer wait is better than a failure.

        Raises:
            RedisUnavailable: Redis did not answer, refused the command, or was not asked because
                it did not answer a moment ago.
        """
        self._pass_or_refuse()
        started = time.perf_counter()
        try:
            result = work(self._patient_client if patient else self.client)
        except REDIS_ERRORS as error:
            # The kind of error alone: a message could quote what was sent.
            kind = type(error).__name__
            self._observer.redis_call(operation, time.perf_counter() - started, failed=True)
            self._note(operation, kind, reachable=not isinstance(error, _UNREACHABLE))
            raise RedisUnavailable(kind) from error
        self._observer.redis_call(operation, time.perf_counter() - started, failed=False)
        self._note(operation, None, reachable=True)
        return result

    def close(self) -> None:
        """Close the connections."""
        self.client.close()
        self._patient_client.close()

    def _pass_or_refuse(self) -> None:
        with self._lock:
            if self._closed_until is None:
                return
            now = self._clock()
            if now < self._closed_until:
                raise RedisUnavailable("not asked: it did not answer a moment ago")
            # Whoever comes now tries it for all.
            self._closed_until = now + RETRY_AFTER_S

    def _note(self, operation: str, failure: str | None, *, reachable: bool) -> None:
        """Tell what has changed; a long outage would fill the log otherwise."""
        with self._lock:
            changed = reachable != (self._closed_until is None)
            self._closed_until = None if reachable else self._clock() + RETRY_AFTER_S
            new = failure is not None and operation not in self._failing
            mended = failure is None and operation in self._failing
            (self._failing.discard if failure is None else self._failing.add)(operation)
        if changed:
            self._observer.redis_reachable(reachable)
        if new:
            _log.error("Redis fails at %s: %s", operation, failure)
        elif mended:
            _log.info("Redis no longer fails at %s", operation)
