"""Metrics that several worker processes count together, in files of one private folder.

prometheus_client chooses how it counts when it is imported, by a variable of the environment, so
the folder is made by the parent before its workers start (`service.processes.supervisor`).
"""

import os
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

_MODEL_INFO = "cardioquery_model_info"

# More than a worker ever needs: its files must not grow while it serves.
_COUNTER_BYTES, _HISTOGRAM_BYTES, _GAUGE_BYTES = 256 * 1024, 1024 * 1024, 64 * 1024
_FILE_BYTES = {
    "counter": _COUNTER_BYTES,
    "histogram": _HISTOGRAM_BYTES,
    **dict.fromkeys(("gauge_livesum", "gauge_livemax", "gauge_livemin"), _GAUGE_BYTES),
}
_SMALLEST_BYTES = 8
_OF_LIVE_WORKERS = "gauge_livesum_*.db"


def process_metrics(registry: CollectorRegistry) -> None:
    """Add memory, CPU seconds and open files of this process."""
    ProcessCollector(registry=registry)


def shared_registry(folder: Path) -> CollectorRegistry:
    """A registry that reads what all workers have counted.

    Args:
        folder: The private folder; its gauges are of live workers only.
    """
    registry = CollectorRegistry()
    registry.register(_Counted(folder))
    registry.register(_Processes(folder))
    return registry


def reserve_room(folder: Path) -> None:
    """Make this worker's files, of full size and with blocks of the disk.

    prometheus_client maps them into memory and makes them with holes: on a disk that has become
    full since, the first write to a hole kills the process with SIGBUS.

    Raises:
        OSError: The disk is full.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    for kind, size in _FILE_BYTES.items():
        with (folder / f"{kind}_{os.getpid()}.db").open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, size)


def forget_worker(folder: Path, process_id: int) -> None:
    """Drop the gauges of a worker that has ended. Its counters stay: they must never go back."""
    mark_process_dead(process_id, str(folder))  # type: ignore[no-untyped-call]
    for path in folder.glob(f"*_{process_id}.db"):
        with path.open("r+b") as file:
            # The file begins with how much of it is used.
            file.truncate(max(_SMALLEST_BYTES, int.from_bytes(file.read(4), sys.byteorder)))


class _Counted(Collector):
    """The workers' own metrics, put together; without models that are in use no more."""

    def __init__(self, folder: Path) -> None:
        self._files = MultiProcessCollector(None, str(folder))  # type: ignore[no-untyped-call]

    def collect(self) -> Iterator[Metric]:
        metrics: Iterable[Metric] = self._files.collect()  # type: ignore[no-untyped-call]
        for metric in metrics:
            if metric.name == _MODEL_INFO:
                metric.samples = [sample for sample in metric.samples if sample.value]
            yield metric


class _Processes(Collector):
    """Memory, CPU seconds and open files of each live worker, told apart by `pid`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        merged: dict[str, Metric] = {}
        for process_id in self._live():
            for metric in ProcessCollector(pid=partial(str, process_id), registry=None).collect():
                family = merged.setdefault(
                    metric.name, Metric(metric.name, metric.documentation, metric.type)
                )
                for sample in metric.samples:
                    family.add_sample(sample.name, {"pid": process_id}, sample.value)
        yield from merged.values()

    def _live(self) -> list[str]:
        return sorted(path.stem.rpartition("_")[2] for path in self._folder.glob(_OF_LIVE_WORKERS))
