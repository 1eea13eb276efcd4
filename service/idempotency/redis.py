"""Records in Redis, shared by all processes and replicas."""

from collections.abc import Callable
from typing import TypeVar

from service.idempotency.records import Record, RecordsUnavailable, decoded
from service.redis_client import RedisClient
from service.redis_link import RedisLink, RedisUnavailable

T = TypeVar("T")

# Only while the place is still its own: another may have begun after this one was given up.
_REPLACE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
_DELETE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""


class RedisRecords:
    """Keeps records under keys that expire; Redis' own bound on memory may drop them sooner."""

    def __init__(self, link: RedisLink, prefix: str) -> None:
        self._link = link
        self._prefix = f"{prefix}:idempotency:"

    def begin(self, record_id: str, record: Record, seconds: float) -> Record | None:
        """See `Records.begin`."""
        key, lasting_ms = self._prefix + record_id, round(1000 * seconds)

        def set_or_get(client: RedisClient) -> bytes | None:
            if client.set(key, record.encoded(), nx=True, px=lasting_ms):
                return None
            found = client.get(key)
            # It has expired in between: whoever asks again may begin.
            return b"" if found is None else bytes(found)  # type: ignore[arg-type]

        found = self._call("idempotency_begin", set_or_get)
        if found is None:
            return None
        try:
            return decoded(found)
        except ValueError as error:
            raise RecordsUnavailable from error

    def finish(self, record_id: str, begun: Record, answered: Record, seconds: float) -> None:
        """See `Records.finish`."""
        key, lasting_ms = self._prefix + record_id, round(1000 * seconds)

        def replace(client: RedisClient) -> bool:
            values = (begun.encoded(), answered.encoded(), lasting_ms)
            return bool(client.eval(_REPLACE, 1, key, *values))

        if not self._call("idempotency_finish", replace):
            raise RecordsUnavailable

    def forget(self, record_id: str, begun: Record) -> None:
        """See `Records.forget`."""
        key = self._prefix + record_id

        def delete(client: RedisClient) -> object:
            return client.eval(_DELETE, 1, key, begun.encoded())

        self._call("idempotency_forget", delete)

    def _call(self, operation: str, work: Callable[[RedisClient], T]) -> T:
        try:
            return self._link.call(operation, work)
        except RedisUnavailable as error:
            raise RecordsUnavailable from error
