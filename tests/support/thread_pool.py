"""A pool of threads with gauges, for tests of who waits for whom."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from math import inf

from ecg_core.checkpoint import Checkpoint
from service.engine.deadline import Deadline
from service.runtime.thread_pool import WorkerPool
from tests.support.service import Gate


class Count:
    def __init__(self) -> None:
        self.now = 0

    def inc(self) -> None:
        self.now += 1

    def dec(self) -> None:
        self.now -= 1


class Bench:
    def __init__(
        self, running: int, waiting: int, patient: int = 1, room_bytes: float = inf
    ) -> None:
        self.running, self.waiting = Count(), Count()
        self.pool = WorkerPool(running, waiting, self.running, self.waiting, patient, room_bytes)

    def start(
        self,
        work: Callable[[], object],
        seconds: float = 5.0,
        caller: str = "",
        needed_bytes: int = 0,
    ) -> "asyncio.Task[object]":
        return self.start_in_steps(lambda _: work(), seconds, caller, needed_bytes)

    def start_in_steps(
        self,
        work: Callable[[Checkpoint], object],
        seconds: float = 5.0,
        caller: str = "",
        needed_bytes: int = 0,
    ) -> "asyncio.Task[object]":
        return asyncio.create_task(self.pool.run(work, Deadline(seconds), caller, needed_bytes))

    def start_patiently(
        self, work: Callable[[], object], seconds: float = 5.0, caller: str = ""
    ) -> "asyncio.Task[object]":
        running = self.pool.run_patiently(lambda _: work(), Deadline(seconds), caller)
        return asyncio.create_task(running)

    async def occupied(
        self, caller: str = "", needed_bytes: int = 0
    ) -> "tuple[Gate, asyncio.Task[object]]":
        """A thread that is held until the gate is opened, and what holds it: one long step."""
        gate = Gate()
        work = self.start(gate.pass_through, 60, caller, needed_bytes)
        await settled(gate.reached.is_set)
        return gate, work


@asynccontextmanager
async def bench(
    running: int = 1, waiting: int = 1, patient: int = 1, room_bytes: float = inf
) -> AsyncIterator[Bench]:
    made = Bench(running, waiting, patient, room_bytes)
    try:
        yield made
        await settled(lambda: made.running.now == made.waiting.now == made.pool.taken_bytes == 0)
    finally:
        made.pool.shut_down()


async def settled(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 (what is waited for happens in a thread)
            await asyncio.sleep(0.002)
