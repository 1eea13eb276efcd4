"""Threads for work that keeps a core busy: so many at once, and so many pieces waiting."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import ceil
from typing import Protocol, TypeVar

from ecg_core.errors import DeadlineExceeded, Overloaded
from service.engine.deadline import Deadline

# How long a piece of work takes, as long as none has been seen; and how fast that is forgotten.
_FIRST_GUESS_S = 0.05
_NEWEST_WEIGHT = 0.1
_LONGEST_RETRY_S = 60

T = TypeVar("T")


class Level(Protocol):
    """A gauge that goes up and down."""

    def inc(self) -> None:
        """One more."""

    def dec(self) -> None:
        """One less."""


class _Places:
    """So many places. Callers take turns at them, each with what it asked for first."""

    def __init__(self, count: int) -> None:
        self._free = count
        # Whose turn is next comes first. Empty as long as a place is free.
        self._lines: dict[str, deque[asyncio.Future[None]]] = {}

    @property
    def none_free(self) -> bool:
        return self._free == 0

    async def take(self, caller: str) -> None:
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(caller, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.give_back(caller)
            raise

    def give_back(self, caller: str) -> None:
        self._go_last(caller)
        while self._lines:
            following = next(iter(self._lines))
            turn = self._lines[following].popleft()
            self._go_last(following)
            # Not for who has given up meanwhile.
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _go_last(self, caller: str) -> None:
        line = self._lines.pop(caller, None)
        if line:
            self._lines[caller] = line


class WorkerPool:
    """Runs functions in threads; refuses at once what it could not run in time anyway.

    Callers take turns: many pieces of one that wait keep another waiting for one at most.
    """

    def __init__(
        self,
        running: int,
        waiting: int,
        running_level: Level,
        waiting_level: Level,
        patient: int = 1,
    ) -> None:
        self._executor = ThreadPoolExecutor(running, thread_name_prefix="diagnosis")
        self._places = running
        self._usual_s = _FIRST_GUESS_S
        self._free = _Places(running)
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

    async def run(self, work: Callable[[], T], deadline: Deadline, caller: str = "") -> T:
        """The result of `work`, which should ask `deadline` whether to go on.

        A caller that is cancelled while waiting is skipped; one that is cancelled or out of time
        later lets go of the result, and its place is free as soon as the work has noticed.

        Args:
            work: Runs in a thread.
            deadline: Of waiting and running together.
            caller: Whose turn it takes.

        Raises:
            Overloaded: Too many are waiting.
            DeadlineExceeded: The time was up before there was a result.
        """
        self.refuse_if_full()
        return await self._run(work, deadline, caller)

    async def run_patiently(self, work: Callable[[], T], deadline: Deadline, caller: str = "") -> T:
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
        self._executor.shutdown(wait=True, cancel_futures=True)

    async def _run(self, work: Callable[[], T], deadline: Deadline, caller: str) -> T:
        await self._take_place(deadline, caller)
        try:
            result = asyncio.get_running_loop().run_in_executor(self._executor, work)
        except BaseException:
            self._free.give_back(caller)
            raise
        self._running_level.inc()
        result.add_done_callback(partial(self._give_place_back, time.monotonic(), caller))
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

    def _give_place_back(self, since: float, caller: str, result: "asyncio.Future[T]") -> None:
        self._free.give_back(caller)
        self._usual_s += _NEWEST_WEIGHT * (time.monotonic() - since - self._usual_s)
        self._running_level.dec()
        if not result.cancelled():
            # Marks the exception as seen: if the caller has gone, nobody else will look.
            result.exception()
