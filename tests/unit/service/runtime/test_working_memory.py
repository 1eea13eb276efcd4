import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from ecg_core.leads import LEADS
from ecg_core.readers import StatedFacts, UploadedFile, read_recording
from service.runtime.working_memory import BYTES_A_BYTE, WorkingMemory, needed_bytes
from tests.support.recordings import make_zip


def no_check() -> None:
    pass


def test_one_piece_alone_always_runs() -> None:
    memory = WorkingMemory(10)
    with memory.room(1000, no_check):
        assert memory.taken == 1000
    assert memory.taken == 0


def test_no_more_goes_on_at_once_than_there_is_room_for() -> None:
    memory = WorkingMemory(100)
    most, within = 0, threading.Barrier(2)

    def work(count: int) -> None:
        nonlocal most
        with memory.room(count, no_check):
            most = max(most, memory.taken)
            if count == 50:
                within.wait(timeout=20)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, [50, 50, 90, 30, 90, 30]))
    assert most == 100
    assert memory.taken == 0


def test_who_waits_for_room_stops_when_the_time_is_up() -> None:
    memory = WorkingMemory(10)

    def late() -> None:
        raise TimeoutError

    with memory.room(8, no_check), pytest.raises(TimeoutError), memory.room(8, late):
        pass
    assert memory.taken == 0


def test_an_archive_needs_what_it_unpacks_to() -> None:
    archive = make_zip({"a.csv": b"1,2\n" * 1_000_000})
    assert len(archive.content) < 100_000
    assert needed_bytes([archive]) == BYTES_A_BYTE * 4_000_000
    assert needed_bytes([UploadedFile("a.zip", b"rubbish")]) == BYTES_A_BYTE * 7
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
