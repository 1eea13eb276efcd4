"""Work that runs for long stands aside for other callers, and loses nothing by it."""

import asyncio
import threading
import time
from functools import partial

import pytest

from ecg_core.checkpoint import Checkpoint
from ecg_core.errors import DeadlineExceeded
from tests.support.service import Gate
from tests.support.thread_pool import Bench, bench, settled

pytestmark = pytest.mark.anyio


async def test_long_work_lets_other_callers_go_before_and_goes_on() -> None:
    gate = Gate()
    async with bench(running=1, waiting=5) as b:
        long = b.start_in_steps(gate.pass_through, caller="long")
        await settled(gate.reached.is_set)
        for _ in range(3):
            assert await b.start(lambda: "short", caller="short") == "short"
        assert not long.done()
        gate.open()
        await long


async def test_work_is_not_interrupted_for_its_own_caller() -> None:
    gate = Gate()
    async with bench(running=1, waiting=5) as b:
        first = b.start_in_steps(gate.pass_through, caller="one")
        await settled(gate.reached.is_set)
        second = b.start(lambda: "second", caller="one")
        await asyncio.sleep(0.15)
        assert not second.done()
        gate.open()
        await asyncio.gather(first, second)


async def test_what_has_begun_goes_on_before_its_caller_begins_anything_new() -> None:
    gate, other, order = Gate(), Gate(), list[str]()

    def long(checkpoint: Checkpoint) -> None:
        gate.pass_through(checkpoint)
        order.append("long")

    async with bench(running=1, waiting=5) as b:
        begun = b.start_in_steps(long, caller="one")
        await settled(gate.reached.is_set)
        new = b.start(partial(order.append, "new"), caller="one")
        between = b.start(other.pass_through, caller="another")
        await settled(other.reached.is_set)
        gate.open()
        other.open()
        await asyncio.gather(begun, new, between)
    assert order == ["long", "new"]


@pytest.mark.parametrize("leaves", [True, False])
async def test_work_that_stands_aside_ends_with_its_time_and_no_place_is_lost(
    leaves: bool,
) -> None:
    gate, other = Gate(), Gate()
    async with bench(running=1, waiting=5) as b:
        late = b.start_in_steps(gate.pass_through, 0.2, caller="late")
        await settled(gate.reached.is_set)
        holding = b.start(other.pass_through, caller="another")
        await settled(other.reached.is_set)
        if leaves:
            late.cancel()
        with pytest.raises(asyncio.CancelledError if leaves else DeadlineExceeded):
            await late
        assert b.running.now == 2
        other.open()
        await holding
        await settled(lambda: b.running.now == 0)
        again, first = await b.occupied()
        second = b.start(lambda: "second")
        await settled(lambda: b.waiting.now == 1)
        again.open()
        await asyncio.gather(first, second)


async def test_no_more_works_at_once_than_there_are_places() -> None:
    lock, working, most = threading.Lock(), 0, 0

    def work(checkpoint: Checkpoint) -> None:
        nonlocal working, most
        for _ in range(15):
            with lock:
                working += 1
                most = max(most, working)
            time.sleep(0.01)
            with lock:
                working -= 1
            checkpoint()

    async with bench(running=2, waiting=100) as b:
        await asyncio.gather(*(b.start_in_steps(work, 60, f"{n % 5}") for n in range(15)))
    assert most == 2


def burn(seconds: float) -> None:
    """Keep the processor busy for so much of its time."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


class Steps:
    """Work in short steps for so long; counts them."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.taken = 0

    def __call__(self, checkpoint: Checkpoint) -> int:
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            burn(0.005)
            self.taken += 1
            checkpoint()
        return self.taken


async def test_what_has_run_for_long_waits_for_the_end_of_what_has_not() -> None:
    long, usual = Steps(5.0), Steps(0.15)
    seen: list[int] = []

    def work(checkpoint: Checkpoint) -> None:
        seen.append(long.taken)
        usual(checkpoint)
        seen.append(long.taken)

    async with bench(running=1, waiting=5) as b:
        running = b.start_in_steps(long, 60, caller="long")
        await asyncio.sleep(0.5)
        await b.start_in_steps(work, 60, caller="usual")
        assert long.taken > 0
        assert not running.done()
        # More than ten of its turns, and the long one took what was left of one.
        assert seen[1] - seen[0] <= 3
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_has_not_run_for_long_begins_at_once_beside_a_step_that_takes_long() -> None:
    step = Gate()

    def long(checkpoint: Checkpoint) -> str:
        Steps(0.3)(checkpoint)
        step.pass_through()
        checkpoint()
        return "long"

    async with bench(running=1, waiting=5) as b:
        running = b.start_in_steps(long, 60, caller="long")
        await settled(step.reached.is_set)
        gate, first = await b.occupied()
        second = b.start(lambda: "second", caller="another")
        # One beside it, not any number.
        await settled(lambda: b.waiting.now == 1)
        gate.open()
        await first
        assert await second == "second"
        step.open()
        assert await running == "long"
        await settled(lambda: b.running.now == 0)


async def test_however_many_become_long_at_most_twice_as_many_work_as_there_are_places() -> None:
    # More than may stand aside.
    gates = [Gate() for _ in range(12)]

    def becomes_long(gate: Gate, checkpoint: Checkpoint) -> None:
        burn(0.3)
        checkpoint()
        gate.pass_through()

    async with bench(running=1, waiting=20) as b:
        started = [
            b.start_in_steps(partial(becomes_long, gate), 60, f"{number}")
            for number, gate in enumerate(gates)
        ]
        await settled(lambda: sum(gate.reached.is_set() for gate in gates) >= 2)
        await asyncio.sleep(1.0)
        assert sum(gate.reached.is_set() for gate in gates) == 2
        # Else one would hold a place without a thread.
        assert (b.running.now, b.waiting.now) == (10, 2)
        for gate in gates:
            gate.open()
        await asyncio.gather(*started)


async def test_what_has_run_for_long_ends_before_its_caller_begins_anything_new() -> None:
    gate = Gate()

    def long(checkpoint: Checkpoint) -> None:
        Steps(0.3)(checkpoint)
        gate.pass_through(checkpoint)

    async with bench(running=1, waiting=5) as b:
        running = b.start_in_steps(long, 60, caller="one")
        await settled(gate.reached.is_set)
        new = b.start(lambda: "new", caller="one")
        assert await b.start(lambda: "usual", caller="another") == "usual"
        assert not new.done()
        gate.open()
        await asyncio.gather(running, new)


async def test_what_has_run_for_long_goes_on_beside_others_without_a_pause() -> None:
    long = Steps(0.4)
    order: list[str] = []

    async with bench(running=1, waiting=200) as b:
        running = b.start_in_steps(long, 60, caller="long")
        running.add_done_callback(lambda _: order.append("long"))
        await asyncio.sleep(0.3)
        usual = [
            b.start_in_steps(Steps(0.02), 60, caller=f"usual {number % 4}") for number in range(60)
        ]
        for each in usual:
            each.add_done_callback(lambda _: order.append("usual"))
        await asyncio.gather(running, *usual)
    # A tenth of a second was left: ten turns, each after one of the others.
    assert 0 < order.index("long") < 40


async def test_a_turn_is_counted_in_processor_time() -> None:
    begun, seen = Steps(5.0), list[int]()
    async with bench(running=1, waiting=5) as b:
        running = b.start_in_steps(begun, 60, caller="begun")
        await b.start(lambda: seen.append(begun.taken), caller="usual")
        # Six steps; by the clock it would be three times as many.
        assert 0 < seen[0] < 12
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_the_turns_of_what_has_run_for_long_are_short() -> None:
    long = Steps(5.0)
    async with bench(running=1, waiting=5) as b:
        running = b.start_in_steps(long, 60, caller="long")
        await asyncio.sleep(0.5)
        before, asked = long.taken, 10
        for _ in range(asked):
            await b.start(lambda: None, caller="usual")
        # A step takes 5 ms, and an ordinary turn would be ten of them.
        assert long.taken - before < 7 * asked
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_shutting_down_waits_for_no_turn() -> None:
    gate, other = Gate(), Gate()
    b = Bench(running=1, waiting=5)
    aside = b.start_in_steps(gate.pass_through, 1.0, caller="one")
    await settled(gate.reached.is_set)
    holding = b.start_in_steps(other.pass_through, 1.0, caller="another")
    await settled(other.reached.is_set)
    for each in (aside, holding):
        each.cancel()
    # In this thread, as the service does: nothing that runs here could give anybody a turn.
    b.pool.shut_down()
    await asyncio.gather(aside, holding, return_exceptions=True)
