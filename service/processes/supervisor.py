"""Several worker processes on one port: started, told of signals, replaced if they die or hang."""

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
from pathlib import Path
from types import FrameType

from service.observability.worker_metrics import forget_worker
from service.processes.heartbeat import Pulse, Silence
from service.processes.replacements import Replacements

CANNOT_START = 3

_POLL_S = 0.2
_LONGEST_PAUSE_S = 30.0

_log = logging.getLogger(__name__)
# Not forked: threads of the inference runtime do not survive a fork.
_context = multiprocessing.get_context("spawn")

# What a worker runs: it serves on the socket, and says by its pulse that it is ready and alive.
Serve = Callable[[socket.socket, Path, Pulse], None]


@dataclass(slots=True, eq=False)
class _Worker:
    process: BaseProcess
    pulse: Pulse
    silence: Silence
    to_reload: bool = False
    hung: bool = False

    def send_signal(self, signum: int) -> None:
        if self.process.is_alive() and self.process.pid is not None:
            os.kill(self.process.pid, signum)

    @property
    def is_ready(self) -> bool:
        return self.pulse.ready.is_set()


class Supervisor:
    """Keeps so many workers alive until it is told to stop.

    Args:
        serve: What each worker runs; it can be pickled.
        count: How many workers.
        listener: The bound socket from which all of them take connections.
        metrics_folder: Where they count together.
        stop_within_s: After so long, a worker that has not finished is killed.
        hang_after_s: So long a worker may be silent, then it is killed; 0: for ever.
        replacements: Told about each worker that is replaced.
    """

    def __init__(
        self,
        serve: Serve,
        count: int,
        listener: socket.socket,
        metrics_folder: Path,
        stop_within_s: float,
        hang_after_s: float = 0.0,
        replacements: Replacements | None = None,
    ) -> None:
        self._serve = serve
        self._count = count
        self._listener = listener
        self._metrics_folder = metrics_folder
        self._stop_within_s = stop_within_s
        self._hang_after_s = hang_after_s
        self._replacements = replacements or Replacements()
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
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        }
        try:
            self._workers = [self._start_worker() for _ in range(self._count)]
            while not self._is_to_stop():
                wait([worker.process.sentinel for worker in self._workers], _POLL_S)
                self._been_ready |= any(worker.is_ready for worker in self._workers)
                self._reload_ready()
                self._kill_hung()
                if not self._replace_ended():
                    return CANNOT_START
            return 0
        finally:
            self._stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)

    def _is_to_stop(self) -> bool:
        told, self._signals = self._signals, []
        if signal.SIGHUP in told:
            for worker in self._workers:
                worker.to_reload = True
        return bool({signal.SIGTERM, signal.SIGINT} & set(told))

    def _reload_ready(self) -> None:
        # One that is not ready would die of the signal, and may have loaded the old bundle.
        for worker in [each for each in self._workers if each.to_reload and each.is_ready]:
            worker.to_reload = False
            worker.send_signal(signal.SIGHUP)

    def _kill_hung(self) -> None:
        # Nothing gentler: what holds the interpreter's lock lets no signal handler run.
        for worker in self._workers:
            if worker.silence.is_too_long() and worker.process.is_alive():
                _log.error(
                    "worker %s was silent for %g s: killed", worker.process.pid, self._hang_after_s
                )
                worker.hung = True
                worker.process.kill()
                worker.process.join()

    def _replace_ended(self) -> bool:
        """Start others for workers that ended; False if none was ever ready: so would they."""
        for worker in [each for each in self._workers if not each.process.is_alive()]:
            self._remove_ended(worker)
            if not self._been_ready:
                return False
            # One that never gets ready, say for a broken bundle, must not take the cores away.
            ready = worker.is_ready
            self._pause_s = 0.0 if ready else min(max(1.0, 2 * self._pause_s), _LONGEST_PAUSE_S)
            self._not_before = time.monotonic() + self._pause_s
        while len(self._workers) < self._count and time.monotonic() >= self._not_before:
            self._workers.append(self._start_worker())
        return True

    def _start_worker(self) -> _Worker:
        pulse = Pulse()
        arguments = (self._listener, self._metrics_folder, pulse)
        process = _context.Process(target=self._serve, args=arguments)
        process.start()
        return _Worker(process, pulse, Silence(pulse, self._hang_after_s))

    def _remove_ended(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.process.join()
        if worker.process.pid is not None:
            forget_worker(self._metrics_folder, worker.process.pid)
        if self._been_ready:
            self._replacements.note(hung=worker.hung)
            code = worker.process.exitcode
            _log.error("worker %s ended with %s; another takes its place", worker.process.pid, code)

    def _stop(self) -> None:
        # As long as it is open anywhere, clients can connect and wait for nobody.
        self._listener.close()
        for worker in self._workers:
            # One that is still starting has nothing in hand and would first load its model.
            worker.send_signal(signal.SIGTERM if worker.is_ready else signal.SIGKILL)
        end = time.monotonic() + self._stop_within_s
        while time.monotonic() < end and (left := self._live_sentinels()):
            wait(left, min(_POLL_S, end - time.monotonic()))
            self._kill_hung()
        for worker in self._workers:
            if worker.process.is_alive():
                _log.error("worker %s did not finish in time: killed", worker.process.pid)
                worker.process.kill()
            worker.process.join()

    def _live_sentinels(self) -> list[int]:
        return [worker.process.sentinel for worker in self._workers if worker.process.is_alive()]
