"""Whose turn it is: places for work, and the time that a piece of it has had at its own."""

import asyncio
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock, Semaphore

# After so long a piece of work lets other callers go before it: a usual one is done by then.
_TURN_S = 0.05


@dataclass(slots=True)
class _Line:
    """What one caller waits with: what has begun goes on before anything new begins."""

    begun: deque[Future[None]] = field(default_factory=deque)
    new: deque[Future[None]] = field(default_factory=deque)


class Places:
    """So many places. Callers take turns at them, each with what it asked for first."""

    def __init__(self, count: int) -> None:
        self._lock = Lock()
        self._free = count
        # Whose turn is next comes first. Empty as long as a place is free.
        self._lines: dict[str, _Line] = {}
        self._closed = False

    @property
    def none_free(self) -> bool:
        """Whether the next one would have to wait."""
        return self._free == 0

    async def take(self, caller: str) -> None:
        """Wait for the caller's turn."""
        with self._lock:
            if self._free:
                self._free -= 1
                return
            turn: Future[None] = Future()
            self._lines.setdefault(caller, _Line()).new.append(turn)
        try:
            await asyncio.wrap_future(turn)
        except asyncio.CancelledError:
            if not turn.cancel():
                self.give_back(caller)
            raise

    def others_wait(self, caller: str) -> bool:
        """Whether anybody but this caller waits."""
        return len(self._lines) > (caller in self._lines)

    def pass_on(self, caller: str) -> None:
        """Give a place to others, and wait in a thread until it is the caller's turn again."""
        turn: Future[None] = Future()
        with self._lock:
            if self._closed:
                return
            self._lines.setdefault(caller, _Line()).begun.append(turn)
        self.give_back(caller)
        turn.result()

    def give_back(self, caller: str) -> None:
        """Give a place to whose turn it is after this caller's."""
        # Not for who has given up meanwhile.
        while (turn := self._following(caller)) and not turn.set_running_or_notify_cancel():
            pass
        if turn is not None:
            turn.set_result(None)

    def close(self) -> None:
        """Let all that has begun go on, and keep nothing waiting any more."""
        with self._lock:
            self._closed = True
            begun = [turn for line in self._lines.values() for turn in line.begun]
            self._lines.clear()
        for turn in begun:
            turn.set_result(None)

    def _following(self, caller: str) -> Future[None] | None:
        """Whose turn it is after the caller's; without anybody, one more place is free."""
        with self._lock:
            self._go_last(caller)
            if not self._lines:
                self._free += 1
                return None
            following = next(iter(self._lines))
            line = self._lines[following]
            turn = (line.begun or line.new).popleft()
            self._go_last(following)
            return turn

    def _go_last(self, caller: str) -> None:
        line = self._lines.pop(caller, None)
        if line and (line.begun or line.new):
            self._lines[caller] = line


class Turn:
    """The time that a piece of work has had at its place; it passes it on once that is long."""

    def __init__(self, places: Places, aside: Semaphore, caller: str) -> None:
        self._places = places
        self._aside = aside
        self._caller = caller
        self._since = time.monotonic()
        self._before_s = 0.0

    @property
    def ran_s(self) -> float:
        """Without standing aside."""
        return self._before_s + time.monotonic() - self._since

    def pass_on_if_long(self) -> None:
        """Stand aside in the work's thread, if other callers wait and enough was done."""
        if time.monotonic() - self._since < _TURN_S or not self._places.others_wait(self._caller):
            return
        if self._aside.acquire(blocking=False):
            self._before_s = self.ran_s
            try:
                self._places.pass_on(self._caller)
            finally:
                self._since = time.monotonic()
                self._aside.release()
