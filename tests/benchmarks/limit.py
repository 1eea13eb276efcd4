"""The bare loop that no service can beat: one process a core, each calling the engine."""

import multiprocessing
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ecg_core.readers import UploadedFile
from service.engine.diagnosis import Question
from service.observability.metrics import Metrics
from service.runtime.assembly import Runtime, load_runtime
from service.settings import Settings

Asked = tuple[tuple[UploadedFile, ...], Question]


@dataclass(frozen=True, slots=True)
class Rate:
    """What went through in a while.

    Attributes:
        rps: Diagnoses a second.
        cpu_ms: CPU time of each, which others on the machine hardly change.
    """

    rps: float
    cpu_ms: float


class BareLoop:
    """Processes that are kept, so that each round finds them warm."""

    def __init__(self, processes: int, files: Sequence[UploadedFile], queries: Sequence[str]):
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(processes, mp_context=context)
        self._processes = processes
        self._asked: Asked = (tuple(files), Question(tuple(queries)))
        self.run(0.5)

    def run(self, seconds: float) -> Rate:
        """The rate of all processes together."""
        start = time.time() + 0.2
        # So short a piece for each, and all at once: none can take two.
        jobs = [
            self._pool.submit(_loop, self._asked, start, seconds) for _ in range(self._processes)
        ]
        counts, cpu_s = zip(*(job.result() for job in jobs), strict=True)
        return Rate(sum(counts) / seconds, 1000 * sum(cpu_s) / max(1, sum(counts)))

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown()


@cache
def _runtime() -> Runtime:
    folder = Path(tempfile.mkdtemp(prefix="cardioquery-limit-"))
    return load_runtime(Settings(store_path=folder / "conditions.sqlite3"), Metrics())


def _loop(asked: Asked, start: float, seconds: float) -> tuple[int, float]:
    engine = _runtime().engine
    engine.diagnose(*asked)
    time.sleep(max(0.0, start - time.time()))
    end, cpu, count = time.monotonic() + seconds, time.process_time(), 0
    while time.monotonic() < end:
        engine.diagnose(*asked)
        count += 1
    return count, time.process_time() - cpu
