"""Several worker processes on one port: started, told of signals, replaced when they die."""

import logging
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from types import FrameType

from service.shared_metrics import forget_worker

CANNOT_START = 3

_POLL_S = 0.2
_LONGEST_PAUSE_S = 30.0

_log = logging.getLogger(__name__)
# Not forked: threads of the inference runtime do not survive a fork.
_context = multiprocessing.get_context("spawn")

# What a worker runs: it serves on the socket, and says in the event that it is ready.
Serve = Callable[[socket.socket, Path, Event], None]


@dataclass(slots=True, eq=False)
class _Worker:
    process: BaseProcess
    ready: Event
    to_reload: bool = False

    def tell(self, signum: int) -> None:
        if self.process.is_alive() and self.process.pid is not None:
            os.kill(self.process.pid, signum)


class Supervisor:
    """Keeps so many workers alive until it is told to stop.

    Args:
        serve: What each worker runs; it can be pickled.
        count: How many workers.
        listener: The bound socket from which all of them take connections.
        metrics_folder: Where they count together.
        stop_within_s: After so long, a worker that has not finished is killed.
    """

    def __init__(
        self,
        serve: Serve,
        count: int,
        listener: socket.socket,
        metrics_folder: Path,
        stop_within_s: float,
    ) -> None:
        self._serve = serve
        self._count = count
        self._listener = listener
        self._metrics_folder = metrics_folder
        self._stop_within_s = stop_within_s
        self._workers: list[_Worker] = []
        self._signals: list[int] = []
        self._been_ready = False
        self._pause_s = 0.0
        self._not_before = 0.0

    def run(self) -> int:
        """Supervise until SIGTERM or SIGINT.

        Returns:
            0, or `CANNOT_START` if no worker ever got ready.
        """
        before = {
            number: signal.signal(number, self._note)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        }
        try:
            self._workers = [self._started() for _ in range(self._count)]
            while not self._told_to_stop():
                wait([worker.process.sentinel for worker in self._workers], _POLL_S)
                self._been_ready |= any(worker.ready.is_set() for worker in self._workers)
                self._tell_to_reload()
                if not self._tended():
                    return CANNOT_START
            return 0
        finally:
            self._stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)

    def _told_to_stop(self) -> bool:
        told, self._signals = self._signals, []
        if signal.SIGHUP in told:
            for worker in self._workers:
                worker.to_reload = True
        return bool({signal.SIGTERM, signal.SIGINT} & set(told))

    def _tell_to_reload(self) -> None:
        # One that is not ready would die of the signal, and may have loaded the old bundle.
        for worker in [each for each in self._workers if each.to_reload and each.ready.is_set()]:
            worker.to_reload = False
            worker.tell(signal.SIGHUP)

    def _tended(self) -> bool:
        """Take leave of the dead and replace them; False if it is no use."""
        for worker in [each for each in self._workers if not each.process.is_alive()]:
            self._buried(worker)
            if not self._been_ready:
                return False
            # One that never gets ready, say for a broken bundle, must not take the cores away.
            ready = worker.ready.is_set()
            self._pause_s = 0.0 if ready else min(max(1.0, 2 * self._pause_s), _LONGEST_PAUSE_S)
            self._not_before = time.monotonic() + self._pause_s
        while len(self._workers) < self._count and time.monotonic() >= self._not_before:
            self._workers.append(self._started())
        return True

    def _started(self) -> _Worker:
        ready = _context.Event()
        arguments = (self._listener, self._metrics_folder, ready)
        process = _context.Process(target=self._serve, args=arguments)
        process.start()
        return _Worker(process, ready)

    def _buried(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.process.join()
        if worker.process.pid is not None:
            forget_worker(self._metrics_folder, worker.process.pid)
        if self._been_ready:
            code = worker.process.exitcode
            _log.error("worker %s ended with %s; another takes its place", worker.process.pid, code)

    def _stop(self) -> None:
        # As long as it is open anywhere, clients can connect and wait for nobody.
        self._listener.close()
        for worker in self._workers:
            # One that is still starting has nothing in hand and would first load its model.
            worker.tell(signal.SIGTERM if worker.ready.is_set() else signal.SIGKILL)
        end = time.monotonic() + self._stop_within_s
        for worker in self._workers:
            worker.process.join(max(0.0, end - time.monotonic()))
            if worker.process.is_alive():
                _log.error("worker %s did not finish in time: killed", worker.process.pid)
                worker.process.kill()
                worker.process.join()
