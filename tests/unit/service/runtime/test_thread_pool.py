import asyncio
import time
from functools import partial

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from ecg_core.errors import DeadlineExceeded, InferenceFailed, Overloaded
from service.api.disconnection import unless_disconnected
from service.engine.deadline import Deadline
from tests.support.service import Gate
from tests.support.thread_pool import bench, settled

pytestmark = pytest.mark.anyio


async def test_the_result_of_the_work_is_returned() -> None:
    async with bench() as b:
        assert await b.start(lambda: 42) == 42


async def test_what_cannot_wait_is_refused_at_once_and_there_is_room_again_later() -> None:
    async with bench(running=1, waiting=1) as b:
        gate, first = await b.occupied()
        second = b.start(lambda: "second")
        await settled(lambda: b.waiting.now == 1)
        assert b.pool.is_full()
        with pytest.raises(Overloaded):
            await b.start(lambda: "third")
        gate.open()
        await first
        assert await second == "second"
        assert await b.start(lambda: "fourth") == "fourth"


async def test_a_refusal_says_when_there_will_be_room() -> None:
    async def retry_after_s(waiting: int, work_s: float) -> int:
        gate = Gate()
        async with bench(running=1, waiting=waiting) as b:
            for _ in range(50):
                await b.start(lambda: time.sleep(work_s))
            tasks = [b.start(gate.pass_through) for _ in range(1 + waiting)]
            await settled(lambda: b.pool.is_full())
            with pytest.raises(Overloaded) as refused:
                b.pool.refuse_if_full()
            gate.open()
            await asyncio.gather(*tasks)
            b.pool.refuse_if_full()
        return refused.value.retry_after_s

    assert await retry_after_s(waiting=1, work_s=0.0) == 1
    # 301 pieces of 10 ms take 3 s, more where threads wake late; never more than the most.
    assert 3 <= await retry_after_s(waiting=300, work_s=0.01) <= 60


async def test_work_that_fails_hurts_only_its_own_caller() -> None:
    def poison() -> None:
        raise InferenceFailed("poison")

    async with bench(running=1, waiting=8) as b:
        tasks = [b.start(poison if n % 2 else lambda: "healthy") for n in range(6)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(result, InferenceFailed) for result in results] == [
            False, True, False, True, False, True,
        ]  # fmt: skip


async def test_a_caller_that_gives_up_while_waiting_is_skipped() -> None:
    done: list[str] = []

    async with bench(running=1, waiting=3) as b:
        gate, first = await b.occupied()
        leaving, staying = b.start(lambda: done.append("l")), b.start(lambda: done.append("s"))
        await settled(lambda: b.waiting.now == 2)
        leaving.cancel()
        await settled(lambda: b.waiting.now == 1)
        gate.open()
        await asyncio.gather(first, staying)
    assert done == ["s"]


async def test_a_caller_that_gives_up_later_stops_its_work_and_frees_its_place() -> None:
    gate = Gate()
    async with bench(running=1, waiting=1) as b:
        leaving = b.start_in_steps(gate.pass_through)
        await settled(gate.reached.is_set)
        leaving.cancel()
        assert await b.start(lambda: "next") == "next"


@pytest.mark.parametrize("waiting", [True, False])
async def test_the_deadline_ends_the_wait(waiting: bool) -> None:
    gate = Gate()
    async with bench(running=1, waiting=1) as b:
        if waiting:
            other = b.start(gate.pass_through)
            await settled(gate.reached.is_set)
        with pytest.raises(DeadlineExceeded):
            await b.start_in_steps(gate.pass_through, 0.05)
        gate.open()
        if waiting:
            await other


async def test_patient_work_waits_where_other_work_is_refused() -> None:
    async with bench(running=1, waiting=0) as b:
        gate, first = await b.occupied()
        with pytest.raises(Overloaded):
            await b.start(lambda: "refused")
        patient = b.start_patiently(lambda: "patient")
        await settled(lambda: b.waiting.now == 1)
        gate.open()
        assert await patient == "patient"
        await first


async def test_other_work_finds_at_most_so_much_patient_work_before_it() -> None:
    done: list[str] = []

    async with bench(running=1, waiting=5, patient=1) as b:
        gate, first = await b.occupied()
        patient = [b.start_patiently(lambda: done.append("patient")) for _ in range(5)]
        await settled(lambda: b.waiting.now == 1)
        other = b.start(lambda: done.append("other"))
        await settled(lambda: b.waiting.now == 2)
        gate.open()
        await asyncio.gather(first, other, *patient)
    assert done == ["patient", "other", *["patient"] * 4]


async def test_patient_work_that_is_given_up_makes_room_for_the_next() -> None:
    gate = Gate()
    async with bench(running=1, waiting=1) as b:
        work = b.pool.run_patiently(gate.pass_through, Deadline(5))
        leaving = asyncio.create_task(work)
        await settled(gate.reached.is_set)
        waiting = b.start_patiently(lambda: "never")
        await asyncio.sleep(0)
        waiting.cancel()
        leaving.cancel()
        assert await b.start_patiently(lambda: "next") == "next"


async def test_the_deadline_ends_the_wait_of_patient_work() -> None:
    gate = Gate()
    async with bench() as b:
        first = b.start_patiently(gate.pass_through)
        await settled(gate.reached.is_set)
        with pytest.raises(DeadlineExceeded):
            await b.start_patiently(lambda: "late", 0.05)
        gate.open()
        await first


@pytest.mark.parametrize("patiently", [False, True])
async def test_callers_take_turns_and_each_is_served_in_its_order(patiently: bool) -> None:
    gate, served = Gate(), list[str]()
    async with bench(running=1, waiting=20) as b:
        start = b.start_patiently if patiently else b.start
        first = start(gate.pass_through, caller="many")
        await settled(gate.reached.is_set)
        rest = []
        for name in ("many 1", "many 2", "many 3", "few 1", "few 2", "one 1"):
            rest.append(start(partial(served.append, name), caller=name.split()[0]))
            await asyncio.sleep(0)
        gate.open()
        await asyncio.gather(first, *rest)
    # "many" has just had its turn, however long it has been waiting for the next.
    assert served == ["few 1", "one 1", "many 1", "few 2", "many 2", "many 3"]


async def test_turns_of_those_who_gave_up_are_skipped_and_no_place_is_lost() -> None:
    async with bench(running=1, waiting=20) as b:
        gate, first = await b.occupied()
        gone = [b.start(lambda: "gone", caller=f"{n % 2}") for n in range(6)]
        await settled(lambda: b.waiting.now == 6)
        for each in gone:
            each.cancel()
        await asyncio.gather(*gone, return_exceptions=True)
        last = b.start(lambda: "last", caller="1")
        gate.open()
        await asyncio.gather(first, last)
        assert last.result() == "last"
        assert not b.pool.is_full()
        # Given up in the very moment in which it was its turn.
        gate, first = await b.occupied()
        late = b.start(lambda: "late", caller="late")
        await settled(lambda: b.waiting.now == 1)
        b.pool._free.give_back("")
        late.cancel()
        await asyncio.gather(late, return_exceptions=True)
        await b.pool._free.take("")
        gate.open()
        await first


def test_an_abandoned_deadline_stops_the_work() -> None:
    deadline = Deadline(60)
    deadline.check()
    deadline.abandon()
    with pytest.raises(DeadlineExceeded):
        deadline.check()


async def _hang_up() -> Message:
    return {"type": "http.disconnect"}


async def _stay() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def test_work_is_cancelled_when_the_client_hangs_up() -> None:
    cancelled: list[bool] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    with pytest.raises(ClientDisconnect):
        await unless_disconnected(_hang_up, work())
    assert cancelled == [True]


async def test_a_client_that_stays_gets_the_result_or_the_error() -> None:
    async def fine() -> int:
        await asyncio.sleep(0)
        return 7

    async def broken() -> int:
        raise InferenceFailed("broken")

    assert await unless_disconnected(_stay, fine()) == 7
    with pytest.raises(InferenceFailed):
        await unless_disconnected(_stay, broken())
