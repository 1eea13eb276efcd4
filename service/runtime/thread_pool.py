"""Threads for work that keeps a core busy: so many at once, and so many pieces waiting."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from threading import Lock, Semaphore
from typing import Protocol, TypeVar

from ecg_core.checkpoint import Checkpoint
from ecg_core.errors import DeadlineExceeded, Overloaded
from service.engine.deadline import Deadline

# How long a piece of work takes, as long as none has been seen; and how fast that is forgotten.
_FIRST_GUESS_S = 0.05
_NEWEST_WEIGHT = 0.1
_LONGEST_RETRY_S = 60
# After so long a piece of work lets other callers go before it: a usual one is done by then.
_TURN_S = 0.05
# So many pieces stand aside at once, each with its thread and what it holds.
_MOST_ASIDE = 16

T = TypeVar("T")
Work = Callable[[Checkpoint], T]


class Level(Protocol):
    """A gauge that goes up and down."""

    def inc(self) -> None:
        """One more."""

    def dec(self) -> None:
        """One less."""


@dataclass(slots=True)
class _Line:
    """What one caller waits with: what has begun goes on before anything new begins."""

    begun: deque[Future[None]] = field(default_factory=deque)
    new: deque[Future[None]] = field(default_factory=deque)


class _Places:
    """So many places. Callers take turns at them, each with what it asked for first."""

    def __init__(self, count: int) -> None:
        self._lock = Lock()
        self._free = count
        # Whose turn is next comes first. Empty as long as a place is free.
        self._lines: dict[str, _Line] = {}
        self._closed = False

    @property
    def none_free(self) -> bool:
        return self._free == 0

    async def take(self, caller: str) -> None:
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


class _Turn:
    """The time that a piece of work has had at its place; it passes it on once that is long."""

    def __init__(self, places: _Places, aside: Semaphore, caller: str) -> None:
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


class WorkerPool:
    """Runs functions in threads; refuses at once what it could not run in time anyway.

    Callers take turns: many pieces of one that wait keep another waiting for one at most, and one
    that runs for long stands aside at its next step.
    """

    def __init__(
        self,
        running: int,
        waiting: int,
        running_level: Level,
        waiting_level: Level,
        patient: int = 1,
    ) -> None:
        self._executor = ThreadPoolExecutor(running + _MOST_ASIDE, thread_name_prefix="diagnosis")
        self._places = running
        self._usual_s = _FIRST_GUESS_S
        self._free = _Places(running)
        self._aside = Semaphore(_MOST_ASIDE)
        self._max_waiting = waiting
        self._waiting = 0
        self._running_level = running_level
        self._waiting_level = waiting_level
        self._patient = _Places(patient)
        self.patient = patient

    @property
    def full(self) -> bool:
        """True if the next piece of work would be refused."""
        return self._free.none_free and self._waiting >= self._max_waiting

    def refuse_if_full(self) -> None:
        """Refuse what could not be taken in now, before it costs anything.

        Raises:
            Overloaded: With the time in which what waits now will have been done.
        """
        if self.full:
            ahead = self._waiting + self._places
            raise Overloaded(
                max(1, min(_LONGEST_RETRY_S, ceil(ahead * self._usual_s / self._places)))
            )

    async def run(self, work: Work[T], deadline: Deadline, caller: str = "") -> T:
        """The result of `work`.

        A caller that is cancelled while waiting is skipped; one that is cancelled or out of time
        later lets go of the result, and its place is free as soon as the work has noticed.

        Args:
            work: Runs in a thread. It calls the checkpoint that it is given at each step, and holds
                nothing then that others wait for: there it stands aside, or ends if it is late.
            deadline: Of waiting and running together.
            caller: Whose turn it takes.

        Raises:
            Overloaded: Too many are waiting.
            DeadlineExceeded: The time was up before there was a result.
        """
        self.refuse_if_full()
        return await self._run(work, deadline, caller)

    async def run_patiently(self, work: Work[T], deadline: Deadline, caller: str = "") -> T:
        """Like `run`, but waits when too many are waiting: for work that others must not feel.

        Of all such work at most `patient` pieces run or stand in the queue at once, so that what
        comes by `run` finds at most as many before it.

        Raises:
            DeadlineExceeded: The time was up before there was a result.
        """
        try:
            async with asyncio.timeout(deadline.remaining_s):
                await self._patient.take(caller)
        except TimeoutError as error:
            raise DeadlineExceeded from error
        try:
            return await self._run(work, deadline, caller)
        finally:
            self._patient.give_back(caller)

    def shut_down(self) -> None:
        """Let the threads end after what they are at."""
        self._free.close()
        self._executor.shutdown(wait=True, cancel_futures=True)

    async def _run(self, work: Work[T], deadline: Deadline, caller: str) -> T:
        await self._take_place(deadline, caller)
        turn = _Turn(self._free, self._aside, caller)

        def checkpoint() -> None:
            deadline.check()
            turn.pass_on_if_long()
            deadline.check()

        try:
            result = asyncio.get_running_loop().run_in_executor(self._executor, work, checkpoint)
        except BaseException:
            self._free.give_back(caller)
            raise
        self._running_level.inc()
        result.add_done_callback(partial(self._give_place_back, turn, caller))
        try:
            async with asyncio.timeout(deadline.remaining_s):
                return await asyncio.shield(result)
        except TimeoutError as error:
            raise DeadlineExceeded from error
        finally:
            deadline.abandon()
            # What the work raises holds its files, and an error from here holds this frame: in a
            # circle, they would stay until the garbage collector comes by.
            del result, work

    async def _take_place(self, deadline: Deadline, caller: str) -> None:
        self._waiting += 1
        self._waiting_level.inc()
        try:
            async with asyncio.timeout(deadline.remaining_s):
                await self._free.take(caller)
        except TimeoutError as error:
            raise DeadlineExceeded from error
        finally:
            self._waiting -= 1
            self._waiting_level.dec()

    def _give_place_back(self, turn: _Turn, caller: str, result: "asyncio.Future[T]") -> None:
        self._free.give_back(caller)
        self._usual_s += _NEWEST_WEIGHT * (turn.ran_s - self._usual_s)
        self._running_level.dec()
        if not result.cancelled():
            # Marks the exception as seen: if the caller has gone, nobody else will look.
            result.exception()
