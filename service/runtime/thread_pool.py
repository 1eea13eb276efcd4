"""Threads for work that keeps a core busy: so many at once, and so many pieces waiting."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import ceil, inf
from threading import Semaphore
from typing import Protocol, TypeVar

from ecg_core.checkpoint import Checkpoint
from ecg_core.errors import DeadlineExceeded, Overloaded
from service.engine.deadline import Deadline
from service.runtime.turns import Places, Turn

# How long a piece of work takes, as long as none has been seen; and how fast that is forgotten.
_FIRST_GUESS_S = 0.05
_NEWEST_WEIGHT = 0.1
_LONGEST_RETRY_S = 60
# So many pieces stand aside at once, each with its thread and what it holds.
_MOST_ASIDE = 8

T = TypeVar("T")
Work = Callable[[Checkpoint], T]


class Level(Protocol):
    """A gauge that goes up and down."""

    def inc(self) -> None:
        """One more."""

    def dec(self) -> None:
        """One less."""


class WorkerPool:
    """Runs functions in threads; refuses at once what it could not run in time anyway.

    Callers take turns: many pieces of one that wait keep another waiting for one at most, and one
    that runs for long stands aside at its next step.

    Args:
        running: Pieces that work at once, beside those that have run for long.
        waiting: Pieces that may wait.
        running_level: How many have begun.
        waiting_level: How many wait.
        patient: Of those that must not be felt, so many run or stand in the queue.
        room_bytes: What all that has begun may need in memory.
    """

    def __init__(
        self,
        running: int,
        waiting: int,
        running_level: Level,
        waiting_level: Level,
        patient: int = 1,
        room_bytes: float = inf,
    ) -> None:
        self._executor = ThreadPoolExecutor(
            2 * running + _MOST_ASIDE, thread_name_prefix="diagnosis"
        )
        self._places = running
        self._usual_s = _FIRST_GUESS_S
        self._free = Places(running, room_bytes)
        self._aside = Semaphore(_MOST_ASIDE)
        self._max_waiting = waiting
        self._waiting = 0
        self._running_level = running_level
        self._waiting_level = waiting_level
        self._patient = Places(patient)
        self.patient = patient

    def is_full(self, caller: str = "") -> bool:
        """Whether the caller's next piece of work would be refused."""
        return self._waiting >= self._max_waiting and self._free.would_wait(caller)

    def refuse_if_full(self, caller: str = "") -> None:
        """Refuse what could not be taken in now, before it costs anything.

        Args:
            caller: Whose turn it would take.

        Raises:
            Overloaded: With the time in which what waits now will have been done.
        """
        if self.is_full(caller):
            ahead = self._waiting + self._places
            raise Overloaded(
                max(1, min(_LONGEST_RETRY_S, ceil(ahead * self._usual_s / self._places)))
            )

    @property
    def taken_bytes(self) -> float:
        """Room that what has begun takes in memory."""
        return self._free.taken_bytes

    async def run(
        self, work: Work[T], deadline: Deadline, caller: str = "", needed_bytes: int = 0
    ) -> T:
        """The result of `work`.

        A caller that is cancelled while waiting is skipped; one that is cancelled or out of time
        later lets go of the result, and its place is free as soon as the work has noticed.

        Args:
            work: Runs in a thread. It calls the checkpoint that it is given at each step, and holds
                nothing then that others wait for: there it stands aside, or ends if it is late.
            deadline: Of waiting and running together.
            caller: Whose turn it takes.
            needed_bytes: Room in memory without which it does not begin.

        Raises:
            Overloaded: Too many are waiting.
            DeadlineExceeded: The time was up before there was a result.
        """
        self.refuse_if_full(caller)
        return await self._run(work, deadline, caller, needed_bytes)

    async def run_patiently(
        self, work: Work[T], deadline: Deadline, caller: str = "", needed_bytes: int = 0
    ) -> T:
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
            return await self._run(work, deadline, caller, needed_bytes)
        finally:
            self._patient.give_back(caller)

    def shut_down(self) -> None:
        """Let the threads end after what they are at."""
        self._free.close()
        self._executor.shutdown(wait=True, cancel_futures=True)

    async def _run(self, work: Work[T], deadline: Deadline, caller: str, needed_bytes: int) -> T:
        await self._take_place(deadline, caller, needed_bytes)
        turn = Turn(self._free, self._aside, caller, needed_bytes)

        def checkpoint() -> None:
            deadline.check()
            turn.pass_on_if_long()
            deadline.check()

        try:
            result = asyncio.get_running_loop().run_in_executor(self._executor, work, checkpoint)
        except BaseException:
            turn.end()
            raise
        self._running_level.inc()
        result.add_done_callback(partial(self._give_place_back, turn))
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

    async def _take_place(self, deadline: Deadline, caller: str, needed_bytes: int) -> None:
        self._waiting += 1
        self._waiting_level.inc()
        try:
            async with asyncio.timeout(deadline.remaining_s):
                await self._free.take(caller, needed_bytes)
        except TimeoutError as error:
            raise DeadlineExceeded from error
        finally:
            self._waiting -= 1
            self._waiting_level.dec()

    def _give_place_back(self, turn: Turn, result: "asyncio.Future[T]") -> None:
        turn.end()
        self._usual_s += _NEWEST_WEIGHT * (turn.ran_s - self._usual_s)
        self._running_level.dec()
        if not result.cancelled():
            # Marks the exception as seen: if the caller has gone, nobody else will look.
            result.exception()
