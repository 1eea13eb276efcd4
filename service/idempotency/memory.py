"""Records in this process: bounded in number, bytes and time."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from service.idempotency.records import Record, RecordsUnavailable


@dataclass(frozen=True, slots=True)
class _Entry:
    record: Record
    ends: float
    size: int


class MemoryRecords:
    """Keeps the newest records; the oldest answers go first. Safe to share between threads."""

    def __init__(
        self, max_records: int, max_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._bytes = 0

    @property
    def held_bytes(self) -> int:
        """Bytes of all records."""
        return self._bytes

    def begin(self, record_id: str, record: Record, seconds: float) -> Record | None:
        """See `Records.begin`."""
        with self._lock:
            self._drop_expired()
            known = self._entries.get(record_id)
            if known is not None:
                return known.record
            self._put(record_id, record, seconds)
            return None

    def finish(self, record_id: str, begun: Record, answered: Record, seconds: float) -> None:
        """See `Records.finish`."""
        with self._lock:
            self._take_back(record_id, begun)
            self._put(record_id, answered, seconds)

    def forget(self, record_id: str, begun: Record) -> None:
        """See `Records.forget`."""
        with self._lock:
            entry = self._entries.get(record_id)
            if entry is not None and entry.record == begun:
                self._drop(record_id)

    def _take_back(self, record_id: str, begun: Record) -> None:
        entry = self._entries.get(record_id)
        if entry is None or entry.record != begun:
            raise RecordsUnavailable
        self._drop(record_id)

    def _put(self, record_id: str, record: Record, seconds: float) -> None:
        size = len(record_id) + len(record.encoded())
        self._make_room(size)
        self._entries[record_id] = _Entry(record, self._clock() + seconds, size)
        self._bytes += size

    def _make_room(self, size: int) -> None:
        """Drop the oldest answers; what is being answered stays, or it would run twice."""
        if self._has_room(size):
            return
        if size > self._max_bytes:
            raise RecordsUnavailable
        answered = [key for key, entry in self._entries.items() if entry.record.answer is not None]
        for key in answered:
            self._drop(key)
            if self._has_room(size):
                return
        raise RecordsUnavailable

    def _has_room(self, size: int) -> bool:
        return len(self._entries) < self._max_records and self._bytes + size <= self._max_bytes

    def _drop_expired(self) -> None:
        now = self._clock()
        for key in [key for key, entry in self._entries.items() if entry.ends <= now]:
            self._drop(key)

    def _drop(self, record_id: str) -> None:
        self._bytes -= self._entries.pop(record_id).size
