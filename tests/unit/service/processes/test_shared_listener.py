"""Connections are dealt out evenly, and nobody waits for a process that is gone."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from service.processes.shared_listener import Loads, SharedListener

pytestmark = pytest.mark.anyio

CONNECTIONS = 20


def dead_process_id() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(30_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("waited in vain")


async def taken(listeners: int, connections: int) -> list[int]:
    """How many connections each of the listeners to one port took."""
    loads, counts = Loads(listeners), [0] * listeners
    with socket.create_server(("127.0.0.1", 0)) as bound:
        started = []
        for number in range(listeners):

            def make(number: int = number) -> asyncio.Protocol:
                counts[number] += 1
                return asyncio.Protocol()

            count: Callable[[], int] = lambda number=number: counts[number]  # noqa: E731
            started.append(SharedListener(bound.dup(), loads, make, count))
            started[-1].start()
        streams = []
        for number in range(connections):
            streams.append(await asyncio.open_connection(*bound.getsockname()))
            await until(lambda number=number: sum(counts) > number)
        for _, writer in streams:
            writer.close()
        for listener in started:
            listener.stop()
            listener._listener.close()
        await asyncio.sleep(0.05)
    return counts


async def test_two_workers_get_half_each() -> None:
    counts = await taken(2, CONNECTIONS)
    assert sum(counts) == CONNECTIONS
    assert min(counts) >= 0.4 * CONNECTIONS


async def test_one_worker_gets_all() -> None:
    assert await taken(1, 5) == [5]


def test_a_worker_that_stopped_leaves_its_place_and_is_not_waited_for() -> None:
    loads = Loads(1)
    one, other = loads.claim(), loads.claim()
    loads.note(one, 3)
    assert loads.has_most(one)
    loads.leave(other)
    assert not loads.has_most(one)
    assert loads.claim() == other


def test_a_worker_that_was_killed_is_not_waited_for_and_its_place_is_taken() -> None:
    loads = Loads(1)
    one, other = loads.claim(), loads.claim()
    loads.note(one, 3)
    loads._owners[other] = dead_process_id()
    assert not loads.has_most(one)
    assert loads.claim() == other
    assert loads._owners[other] == os.getpid()
