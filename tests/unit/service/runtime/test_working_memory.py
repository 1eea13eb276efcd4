"""Room in memory for what has begun; what waits for it holds nothing that others need."""

import asyncio
import threading
import tracemalloc
from functools import partial

import pytest

from ecg_core.checkpoint import Checkpoint
from ecg_core.errors import DeadlineExceeded
from ecg_core.leads import LEADS
from ecg_core.readers import StatedFacts, UploadedFile, read_recording
from service.runtime.working_memory import BYTES_A_BYTE, needed_bytes
from tests.support.recordings import make_zip
from tests.support.service import Gate
from tests.support.thread_pool import bench, settled


@pytest.mark.anyio
async def test_what_needs_more_than_there_is_can_begin_and_usual_work_beside_it() -> None:
    gate = Gate()
    async with bench(waiting=5, room_bytes=16) as b:
        large = b.start_in_steps(gate.pass_through, 60, "large", 1000)
        await settled(gate.reached.is_set)
        other = b.start(lambda: "large", 60, "another", 1000)
        assert await b.start(lambda: "usual", 5, "usual", 2) == "usual"
        assert not other.done()
        gate.open()
        await asyncio.gather(large, other)


@pytest.mark.anyio
async def test_what_needs_much_lets_usual_work_begin_beside_it_from_its_beginning() -> None:
    async with bench(waiting=5, room_bytes=16) as b:
        gate, large = await b.occupied("large", 8)
        assert await b.start(lambda: "usual", 5, "usual", 2) == "usual"
        gate.open()
        await large


@pytest.mark.anyio
async def test_no_more_goes_on_at_once_than_there_is_room_for() -> None:
    most, within = 0, threading.Barrier(2)

    async with bench(running=4, waiting=100, room_bytes=100) as b:

        def work(needed_bytes: int, checkpoint: Checkpoint) -> None:
            nonlocal most
            most = max(most, b.pool.taken_bytes)
            if needed_bytes == 50:
                within.wait(timeout=20)
            checkpoint()

        await asyncio.gather(
            *(
                b.start_in_steps(partial(work, needed), 60, f"{number}", needed)
                for number, needed in enumerate([50, 50, 90, 30, 90, 30] * 5)
            )
        )
        await settled(lambda: b.pool.taken_bytes == 0)
    assert most == 100


@pytest.mark.anyio
async def test_who_waits_for_room_stops_when_the_time_is_up() -> None:
    async with bench(running=2, waiting=5, room_bytes=10) as b:
        gate, first = await b.occupied("one", 8)
        with pytest.raises(DeadlineExceeded):
            await b.start(lambda: None, 0.1, "another", 8)
        gone = b.start(lambda: None, 60, "another", 8)
        await settled(lambda: b.waiting.now == 1)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        gate.open()
        await first


@pytest.mark.anyio
async def test_any_number_that_wait_for_room_keep_nobody_else_from_a_place_or_thread() -> None:
    async with bench(running=2, waiting=100, room_bytes=10) as b:
        gate, first = await b.occupied("one", 8)
        # More than there are threads.
        large = [
            b.start_in_steps(lambda checkpoint: checkpoint(), 60, f"{number % 5}", 8)
            for number in range(40)
        ]
        await settled(lambda: b.waiting.now == 40)
        assert await b.start(lambda: "small", 5, "another", 2) == "small"
        gate.open()
        await asyncio.gather(first, *large)


def test_an_archive_needs_what_it_unpacks_to() -> None:
    archive = make_zip({"a.csv": b"1,2\n" * 1_000_000})
    assert len(archive.content) < 100_000
    assert needed_bytes([archive]) == BYTES_A_BYTE * 4_000_000
    assert needed_bytes([UploadedFile("a.zip", b"rubbish")]) == BYTES_A_BYTE * 7
    # Will be refused: its directory is not even read.
    many = make_zip({f"{number}.csv": b"1,2\n" * 1000 for number in range(100)})
    assert needed_bytes([many]) == BYTES_A_BYTE * len(many.content)
    assert needed_bytes([UploadedFile("a.csv", b"1,2\n"), UploadedFile("b.csv", b"3\n")]) == (
        BYTES_A_BYTE * 6
    )


# Tables of 12 leads, written in different ways: what stands between cells, and a cell.
TABLES = {
    "plain": (",", "{}.{:03}"),
    "blanks": ("   ", "{}.{:03}"),
    "quoted": (",", '"{},{:03}"'),
    "decimal commas": (";", "{},{:03}"),
    "integers": (",", "{}"),
}


@pytest.mark.parametrize("kind", TABLES)
def test_reading_takes_no_more_than_is_counted(kind: str) -> None:
    separator, cell = TABLES[kind]
    lines = [
        separator.join(cell.format(n % 7, 1 + (13 * n + k) % 997) for k in range(12)) + "\n"
        for n in range(1000)
    ]
    block, head = "".join(lines), separator.join(LEADS) + "\n"
    # Large enough that what is taken for a block of rows does not count.
    table = UploadedFile("a.csv", (head + block * (6_000_000 // len(block))).encode())
    tracemalloc.start()
    try:
        read_recording([table], StatedFacts(sampling_rate_hz=500.0, units_per_mv=1.0))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most <= needed_bytes([table])
