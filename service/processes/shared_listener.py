"""Connections of one port, dealt out evenly to several worker processes.

Left to itself, a worker that wakes up first takes every connection that waits, and connections are
kept: one worker would have a long queue while another one idles. So each writes down how many
it has, and one that has more than another leaves a new one to it for a moment.
"""

import asyncio
import multiprocessing
import os
import socket
from collections.abc import Callable
from typing import Any

_BACKLOG = 2048
# So long a worker with fewer connections has to take a new one; it may be dead or at a loss.
_FIRST_REFUSAL_S = 0.003
_NO_DESCRIPTORS_S = 0.5

_context = multiprocessing.get_context("spawn")


class Loads:
    """Counts of the connections that each worker has open, in memory that all of them share.

    Args:
        workers: How many there are; twice as many may be there while some end and others start.
    """

    def __init__(self, workers: int) -> None:
        self._owners: Any = _context.RawArray("q", 2 * workers)
        self._open: Any = _context.RawArray("q", 2 * workers)
        self._claiming = _context.Lock()

    def claim(self) -> int:
        """A place for this process: one that nobody has, or whose owner is dead."""
        with self._claiming:
            free = [n for n, owner in enumerate(self._owners) if not _is_alive(owner)]
            place = free[0]
            self._open[place] = 0
            self._owners[place] = os.getpid()
            return place

    def leave(self, place: int) -> None:
        """Take no more part: the others need not wait for this process."""
        self._owners[place] = 0

    def note(self, place: int, connections: int) -> None:
        """Write down how many connections the owner of this place has."""
        self._open[place] = connections

    def has_most(self, place: int) -> bool:
        """True if another process has fewer connections than the owner of this place."""
        mine = self._open[place]
        others = (n for n in range(len(self._owners)) if n != place)
        return any(self._open[n] < mine and _is_alive(self._owners[n]) for n in others)


def _is_alive(process_id: int) -> bool:
    if process_id == 0:
        return False
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


class SharedListener:
    """Takes connections, one at a time, from a socket on which other processes listen as well.

    Args:
        listener: The bound socket.
        loads: What the processes know of each other.
        make_protocol: Makes what serves a connection.
        connections: How many this process has now.
    """

    def __init__(
        self,
        listener: socket.socket,
        loads: Loads,
        make_protocol: Callable[[], asyncio.Protocol],
        connections: Callable[[], int],
    ) -> None:
        self._listener = listener
        self._loads = loads
        self._make_protocol = make_protocol
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()
        self._place: int | None = None

    def start(self) -> None:
        """Take connections from now on."""
        self._listener.setblocking(False)
        self._listener.listen(_BACKLOG)
        self._place = self._loads.claim()
        self._watch()

    def stop(self) -> None:
        """Take no more."""
        if self._place is not None:
            self._loads.leave(self._place)
            self._place = None
            self._loop.remove_reader(self._listener.fileno())

    def tell(self) -> None:
        """Let the other processes know how many connections there are."""
        if self._place is not None:
            self._loads.note(self._place, self._connections() + len(self._beginning))

    def _watch(self) -> None:
        if self._place is not None:
            self._loop.add_reader(self._listener.fileno(), self._consider)

    def _consider(self) -> None:
        self._loop.remove_reader(self._listener.fileno())
        self.tell()
        if self._place is not None and self._loads.has_most(self._place):
            self._loop.call_later(_FIRST_REFUSAL_S, self._take)
        else:
            self._take()

    def _take(self) -> None:
        if self._place is None:
            return
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            self._watch()
        except OSError:
            # Too many open files: others may be closed soon.
            self._loop.call_later(_NO_DESCRIPTORS_S, self._watch)
        else:
            task = self._loop.create_task(self._begin(connection))
            self._beginning.add(task)
            task.add_done_callback(self._beginning.discard)
            self.tell()
            self._watch()

    async def _begin(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await self._loop.connect_accepted_socket(self._make_protocol, connection)
