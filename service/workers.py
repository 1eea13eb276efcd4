"""Where cores are kept busy: off the event loop, so many at once, and so many waiting."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import ceil
from typing import Protocol, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from ecg_core.errors import DeadlineExceeded, Overloaded
from service.deadline import Deadline

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


class WorkerPool:
    """Runs functions in threads; refuses at once what it could not run in time anyway."""

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
        self._free = asyncio.Semaphore(running)
        self._max_waiting = waiting
        self._waiting = 0
        self._running_level = running_level
        self._waiting_level = waiting_level
        self._patient = asyncio.Semaphore(patient)
        self.patient = patient

    @property
    def full(self) -> bool:
        """Whether the next piece of work would be refused."""
        return self._free.locked() and self._waiting >= self._max_waiting

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

    async def run(self, work: Callable[[], T], deadline: Deadline) -> T:
        """The result of `work`, which should ask `deadline` whether to go on.

        A caller that is cancelled while waiting is skipped; one that is cancelled or out of time
        later lets go of the result, and its place is free as soon as the work has noticed.

        Raises:
            Overloaded: Too many are waiting.
            DeadlineExceeded: The time was up before there was a result.
        """
        self.refuse_if_full()
        return await self._run(work, deadline)

    async def run_patiently(self, work: Callable[[], T], deadline: Deadline) -> T:
        """Like `run`, but waits when too many are waiting: for work that others must not feel.

        Of all such work at most `patient` pieces run or stand in the queue at once, so that what
        comes by `run` finds at most as many before it.

        Raises:
            DeadlineExceeded: The time was up before there was a result.
        """
        try:
            async with asyncio.timeout(deadline.remaining_s):
                await self._patient.acquire()
        except TimeoutError as error:
            raise DeadlineExceeded from error
        try:
            return await self._run(work, deadline)
        finally:
            self._patient.release()

    def shut_down(self) -> None:
        """Let the threads end after what they are at."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    async def _run(self, work: Callable[[], T], deadline: Deadline) -> T:
        await self._take_place(deadline)
        try:
            result = asyncio.get_running_loop().run_in_executor(self._executor, work)
        except BaseException:
            self._free.release()
            raise
        self._running_level.inc()
        result.add_done_callback(partial(self._give_place_back, time.monotonic()))
        try:
            async with asyncio.timeout(deadline.remaining_s):
                return await asyncio.shield(result)
        except TimeoutError as error:
            raise DeadlineExceeded from error
        finally:
            deadline.abandon()

    async def _take_place(self, deadline: Deadline) -> None:
        self._waiting += 1
        self._waiting_level.inc()
        try:
            async with asyncio.timeout(deadline.remaining_s):
                await self._free.acquire()
        except TimeoutError as error:
            raise DeadlineExceeded from error
        finally:
            self._waiting -= 1
            self._waiting_level.dec()

    def _give_place_back(self, since: float, result: "asyncio.Future[T]") -> None:
        self._free.release()
        self._usual_s += _NEWEST_WEIGHT * (time.monotonic() - since - self._usual_s)
        self._running_level.dec()
        if not result.cancelled():
            # Marks the exception as seen: if the caller has gone, nobody else will look.
            result.exception()


async def unless_disconnected(receive: Receive, work: Awaitable[T]) -> T:
    """The result of `work`, which is cancelled if the client hangs up first.

    Args:
        receive: Of a request whose body has been read to its end.
        work: What the client waits for.

    Raises:
        ClientDisconnect: The client hung up.
    """
    task = asyncio.ensure_future(work)
    watcher = asyncio.ensure_future(_disconnection(receive))
    try:
        await asyncio.wait((task, watcher), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientDisconnect
    finally:
        for future in (task, watcher):
            future.cancel()
        await asyncio.gather(task, watcher, return_exceptions=True)


async def _disconnection(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
