"""Whose turn it is: places for work, and the time that a piece of it has had at its own.

How long a piece of work takes is not known before. So what has run for long goes after all that has
not, of other callers: what takes seconds hardly delays what takes milliseconds, and the other way
round it costs little (foreground-background scheduling: L. Schrage, Management Science 13 (1967)
466). Beside callers without a pause it gets every other turn, so that it ends some day; a short
one.
"""

import asyncio
import time
from collections import Counter, deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from math import inf
from threading import Lock, Semaphore
from typing import NamedTuple

# After so long a piece of work lets other callers go before it: a usual one is done by then. Of the
# processor's time, for on a busy machine the clock runs on; by the clock after three times as much,
# for what waits uses no processor.
_TURN_S = 0.03
_TURNS_BY_THE_CLOCK = 3
# After so long it goes after all that has not run for as long. A usual one is done, on a busy
# machine as well.
_LONG_S = 0.25
# From then on its turns are as short as its steps nearly are: others wait for what is left of one.
_LONG_TURN_S = 0.01
# This part of the room one piece cannot take, however large it is: usual ones go on beside it. What
# needs as much is no usual one, and counts as having run for long from its beginning.
_LEFT_FOR_OTHERS = 1 / 8


class _Begun(NamedTuple):
    turn: Future[None]
    has_run_long: bool


class _New(NamedTuple):
    turn: Future[None]
    has_run_long: bool
    needed_bytes: int


@dataclass(slots=True)
class _Line:
    """What one caller waits with: what has begun goes on before anything new begins."""

    begun: deque[_Begun] = field(default_factory=deque)
    new: deque[_New] = field(default_factory=deque)

    @property
    def has_run_long(self) -> bool:
        """Whether what comes first in it has, or will."""
        return (self.begun or self.new)[0].has_run_long

    @property
    def needed_bytes(self) -> int:
        """Room that what comes first in it has to find yet."""
        return 0 if self.begun else self.new[0].needed_bytes

    def take_first(self) -> Future[None]:
        return (self.begun or self.new).popleft().turn


class Places:
    """So many places. Callers take turns at them, each with what it asked for first.

    What has run for long keeps nobody else's work that has not from a place: that begins beside it
    at once, for a step of it may take long, and it stands aside at the end of the step. So up to
    twice as many work at once, until then.

    Nothing begins without room in memory for it, which it keeps until its end. So nothing at a
    place, or with a thread, waits for room that another holds. What needs more than there is counts
    as seven eighths of it: it can begin, and usual work beside it.

    Args:
        count: How many.
        room_bytes: For all that has begun together.
    """

    def __init__(self, count: int, room_bytes: float = inf) -> None:
        self._lock = Lock()
        self._room_bytes = room_bytes
        self._most_for_one_bytes = (1 - _LEFT_FOR_OTHERS) * room_bytes
        self._taken_bytes = 0.0
        self._count = count
        self._held = 0
        # Of these, by what has run for long, of each caller.
        self._held_by_long: Counter[str] = Counter()
        # Of who waits, for a place or for room; whose turn is next comes first.
        self._lines: dict[str, _Line] = {}
        self._long_goes_next = False
        self._closed = False

    @property
    def taken_bytes(self) -> float:
        """Room that is taken."""
        return self._taken_bytes

    def would_wait(self, caller: str) -> bool:
        """Whether the caller's next piece of work would have to wait, were it small."""
        with self._lock:
            return self._would_wait(caller, 0)

    async def take(self, caller: str, needed_bytes: int = 0) -> None:
        """Wait for the caller's turn, and for room."""
        will_run_long = self.will_run_long(needed_bytes)
        with self._lock:
            if not self._would_wait(caller, needed_bytes):
                self._count_in(caller, needed_bytes, is_long=will_run_long)
                return
            turn: Future[None] = Future()
            new = _New(turn, will_run_long, needed_bytes)
            self._lines.setdefault(caller, _Line()).new.append(new)
        try:
            await asyncio.wrap_future(turn)
        except asyncio.CancelledError:
            if not turn.cancel():
                self.give_back(caller, needed_bytes, has_run_long=will_run_long)
            raise

    def will_run_long(self, needed_bytes: int) -> bool:
        """Whether a piece of work counts as having run for long from its beginning."""
        return needed_bytes > _LEFT_FOR_OTHERS * self._room_bytes

    def others_wait(self, caller: str, *, has_run_long: bool) -> bool:
        """Whether anybody but this caller waits, or works beside, whom its work goes after."""
        with self._lock:
            return (has_run_long and self._held > self._count) or any(
                name != caller and (has_run_long or not line.has_run_long)
                for name, line in self._lines.items()
            )

    def has_become_long(self, caller: str) -> None:
        """Count a place of the caller's as held by what has run for long, from now on."""
        with self._lock:
            self._held_by_long[caller] += 1
        self._hand_out(caller)

    def pass_on(self, caller: str, *, has_run_long: bool) -> None:
        """Give a place to others, and wait in a thread until it is the caller's turn again."""
        turn: Future[None] = Future()
        with self._lock:
            if self._closed:
                return
            line = self._lines.setdefault(caller, _Line())
            line.begun.append(_Begun(turn, has_run_long))
            self._count_out(caller, is_long=has_run_long)
        self._hand_out(caller)
        turn.result()

    def give_back(self, caller: str, needed_bytes: int = 0, *, has_run_long: bool = False) -> None:
        """Give a place, and the room, to whose turn it is after this caller's."""
        with self._lock:
            self._taken_bytes -= self._room(needed_bytes)
            self._count_out(caller, is_long=has_run_long)
        self._hand_out(caller)

    def close(self) -> None:
        """Let all that has begun go on, and keep nothing waiting any more."""
        with self._lock:
            self._closed = True
            begun = [each for line in self._lines.values() for each in line.begun]
            self._lines.clear()
        for each in begun:
            each.turn.set_result(None)

    def _would_wait(self, caller: str, needed_bytes: int) -> bool:
        # A place that is free for this caller is not for anybody who waits.
        is_long = self.will_run_long(needed_bytes)
        return caller in self._lines or not self._is_free(caller, needed_bytes, for_long=is_long)

    def _is_free(self, caller: str, needed_bytes: int, *, for_long: bool) -> bool:
        """Whether there is a place for the caller. What has run for long takes none from others."""
        if needed_bytes and self._taken_bytes + self._room(needed_bytes) > self._room_bytes:
            return False
        others = 0 if for_long else self._held_by_long.total() - self._held_by_long[caller]
        # Twice as many at most: what becomes long beside a long one may find no thread to wait in.
        return self._held - others < self._count and self._held < 2 * self._count

    def _room(self, needed_bytes: int) -> float:
        return min(needed_bytes, self._most_for_one_bytes)

    def _hand_out(self, caller: str) -> None:
        """Let all begin whose turn it is, this caller's last."""
        turns: list[Future[None]] = []
        with self._lock:
            self._go_last(caller)
            while (following := self._next_caller()) is not None:
                turn = self._begin(following)
                # Not for who has given up meanwhile.
                if turn is not None:
                    turns.append(turn)
        for turn in turns:
            turn.set_result(None)

    def _begin(self, caller: str) -> Future[None] | None:
        line = self._lines[caller]
        is_long, needed_bytes = line.has_run_long, line.needed_bytes
        turn = line.take_first()
        self._go_last(caller)
        if not turn.set_running_or_notify_cancel():
            return None
        self._count_in(caller, needed_bytes, is_long=is_long)
        return turn

    def _count_in(self, caller: str, needed_bytes: int, *, is_long: bool) -> None:
        self._held += 1
        self._taken_bytes += self._room(needed_bytes)
        if is_long:
            self._held_by_long[caller] += 1
        waits = any(line.has_run_long for line in self._lines.values())
        self._long_goes_next = waits and not is_long

    def _count_out(self, caller: str, *, is_long: bool) -> None:
        self._held -= 1
        self._held_by_long[caller] -= is_long
        if not self._held_by_long[caller]:
            del self._held_by_long[caller]

    def _next_caller(self) -> str | None:
        """Who may begin, or go on, now."""
        found: dict[bool, str] = {}
        for name, line in self._lines.items():
            is_long = line.has_run_long
            if is_long in found:
                continue
            if self._is_free(name, line.needed_bytes, for_long=is_long):
                found[is_long] = name
        first = self._long_goes_next
        return found.get(first, found.get(not first))

    def _go_last(self, caller: str) -> None:
        line = self._lines.pop(caller, None)
        if line and (line.begun or line.new):
            self._lines[caller] = line


class Turn:
    """The time that a piece of work has had at its place; it passes it on once that is long."""

    def __init__(
        self, places: Places, aside: Semaphore, caller: str, needed_bytes: int = 0
    ) -> None:
        self._places = places
        self._aside = aside
        self._caller = caller
        self._needed_bytes = needed_bytes
        self._since = time.monotonic()
        self._worked_before_s: float | None = None
        self._before_s = 0.0
        self._counts_as_long = places.will_run_long(needed_bytes)

    @property
    def ran_s(self) -> float:
        """Without standing aside."""
        return self._before_s + time.monotonic() - self._since

    def pass_on_if_long(self) -> None:
        """Stand aside in the work's thread, if other callers wait and enough was done."""
        if not self._counts_as_long and self.ran_s >= _LONG_S:
            self._counts_as_long = True
            self._places.has_become_long(self._caller)
        has_run_long = self._counts_as_long
        if self._turn_so_far_s() < (_LONG_TURN_S if has_run_long else _TURN_S):
            return
        if not self._places.others_wait(self._caller, has_run_long=has_run_long):
            return
        if self._aside.acquire(blocking=False):
            self._before_s = self.ran_s
            try:
                self._places.pass_on(self._caller, has_run_long=has_run_long)
            finally:
                self._since = time.monotonic()
                self._worked_before_s = time.thread_time()
                self._aside.release()

    def end(self) -> None:
        """Give the place and the room back."""
        self._places.give_back(self._caller, self._needed_bytes, has_run_long=self._counts_as_long)

    def _turn_so_far_s(self) -> float:
        if self._worked_before_s is None:  # the first step, in the work's own thread
            self._worked_before_s = time.thread_time()
        by_the_clock_s = time.monotonic() - self._since
        return max(time.thread_time() - self._worked_before_s, by_the_clock_s / _TURNS_BY_THE_CLOCK)
