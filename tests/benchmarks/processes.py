"""What a process and those that it started cost, and how they are put to sleep."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil


def tree(process_id: int) -> list[psutil.Process]:
    """A process and all below it; none if it is gone."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process_id)
        return [parent, *parent.children(recursive=True)]
    return []


def tree_cpu_s(process_id: int) -> float:
    """CPU seconds that they have used."""
    times = [process.cpu_times() for process in tree(process_id)]
    return float(sum(each.user + each.system for each in times))


def tree_mib(process_id: int) -> float:
    """Memory that they hold; what several share counts once."""
    found = sum(process.memory_full_info().pss for process in tree(process_id))
    return round(found / 2**20, 1)


def suspend(process_id: int) -> None:
    """Let them do nothing: some servers poll while they have nothing to do."""
    for process in tree(process_id):
        process.suspend()


def resume(process_id: int) -> None:
    """Let them go on."""
    for process in tree(process_id):
        process.resume()


@contextmanager
def awake(process_id: int) -> Iterator[None]:
    """Let suspended processes go on for so long."""
    resume(process_id)
    try:
        yield
    finally:
        suspend(process_id)
