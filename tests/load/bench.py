"""Latency, start-up and memory of the service, on one worker over loopback: `make bench`.

Prints a table and writes docs/benchmarks.json. Bounded in count and time: it ends by itself.
"""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from cardioquery.demo.server import running_server
from cardioquery.demo.simulator import simulate
from ecg_core.conditions import Catalogue
from ecg_core.readers import UploadedFile
from service.diagnosis import DiagnosisRequest
from service.metrics import Metrics
from service.runtime import Runtime, load_runtime
from service.settings import Settings
from tests.builders import make_wfdb

OUTPUT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.json"
# Queries and calls of each way; the series that has a target gets more calls than the others.
SERIES = ((1, 50), (20, 200), (106, 50), (1000, 25))
WARM_UP = 5
NEW_QUERIES_AT_ONCE = 100
STARTS = 3
ONE_WORKER = {
    "CARDIOQUERY_MAX_CONCURRENT_DIAGNOSES": "1",
    "CARDIOQUERY_INTRA_OP_THREADS": "1",
}


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of a series of calls, in milliseconds."""

    calls: int
    p50_ms: float
    p95_ms: float


def latency(seconds: Sequence[float]) -> Latency:
    """The percentiles of what was measured."""
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    median = statistics.median(seconds)
    return Latency(len(seconds), round(1000 * median, 2), round(1000 * cuts[18], 2))


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def bench_queries(count: int) -> list[str]:
    """Different queries: the catalogue's names first, then free texts made of them."""
    names = [condition.name for condition in Catalogue.load().conditions]
    texts = [f"{name} in a patient with {other}" for other in names[:8] for name in names]
    return list(dict.fromkeys([*names, *texts]))[:count]


class Served:
    """Calls over loopback, on one kept connection."""

    def __init__(self, url: str, files: Sequence[UploadedFile]) -> None:
        self._http = httpx.Client(base_url=url, timeout=120.0)
        self._files = [("recording", (file.name, file.content)) for file in files]

    def diagnose(self, queries: Sequence[str]) -> None:
        """One `POST /diagnose`."""
        data = {"queries": list(queries)}
        response = self._http.post("/diagnose", files=self._files, data=data)
        response.raise_for_status()
        if len(response.json()["findings"]) != len(queries):
            raise RuntimeError("not every query was answered")

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


class InProcess:
    """The same work by the same engine, called as a function."""

    def __init__(self, runtime: Runtime, files: Sequence[UploadedFile]) -> None:
        self._engine = runtime.engine
        self._files = tuple(files)

    def diagnose(self, queries: Sequence[str]) -> None:
        """One diagnosis."""
        found = self._engine.diagnose(DiagnosisRequest(self._files, tuple(queries)))
        if len(found.findings) != len(queries):
            raise RuntimeError("not every query was answered")


def measure_start_s() -> list[float]:
    """Seconds from starting the process until `/readyz` says yes, a few times."""
    starts = []
    for _ in range(STARTS):
        started = time.perf_counter()
        with running_server():
            starts.append(round(time.perf_counter() - started, 2))
    return starts


def warm_up(way: Served | InProcess, queries: Sequence[str]) -> None:
    """Embed the queries, some at a time: a thousand new ones take longer than the deadline."""
    for start in range(0, len(queries), NEW_QUERIES_AT_ONCE):
        way.diagnose(queries[start : start + NEW_QUERIES_AT_ONCE])
    for _ in range(WARM_UP):
        way.diagnose(queries)


def compare(served: Served, in_process: InProcess, count: int, rounds: int) -> dict[str, Any]:
    """Both ways of asking the same, turn by turn, so that both see the same machine."""
    queries = bench_queries(count)
    for way in (served, in_process):
        warm_up(way, queries)
    over_http, as_function = [], []
    for _ in range(rounds):
        over_http.append(timed(lambda: served.diagnose(queries)))
        as_function.append(timed(lambda: in_process.diagnose(queries)))
    ratio = statistics.median(over_http) / statistics.median(as_function)
    return {
        "queries": len(queries),
        "http": asdict(latency(over_http)),
        "in_process": asdict(latency(as_function)),
        "ratio_of_medians": round(ratio, 2),
    }


def resident_mib(pid: int) -> float:
    """Resident memory of a process."""
    return round(float(psutil.Process(pid).memory_info().rss) / 2**20, 1)


def measure() -> dict[str, Any]:
    """Everything, on a simulated recording sent as a WFDB pair."""
    files = make_wfdb(simulate())
    starts_s = measure_start_s()
    with TemporaryDirectory() as folder, running_server(options=ONE_WORKER) as (url, process):
        runtime = load_runtime(Settings(store_path=Path(folder, "bench.sqlite3")), Metrics())
        served, in_process = Served(url, files), InProcess(runtime, files)
        try:
            at_start_mib = resident_mib(process.pid)
            rows = [compare(served, in_process, *series) for series in SERIES]
            after_mib = resident_mib(process.pid)
        finally:
            served.close()
            runtime.close()
    return {
        "command": "make bench",
        "machine": machine(),
        "model": f"sha256:{runtime.bundle.digest}",
        "recording": "simulated, 12 leads, 10 s at 500 Hz, a WFDB pair in format 16",
        "start_to_ready_s": {"runs": starts_s, "median": statistics.median(starts_s)},
        "resident_mib": {"when_ready": at_start_mib, "after_the_run": after_mib},
        "diagnose": rows,
    }


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": psutil.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "onnxruntime": version("onnxruntime"),
    }


def table_of(figures: dict[str, Any]) -> Table:
    """The latencies as a table for people."""
    table = Table(title="Warm POST /diagnose over loopback, one worker, cached queries")
    for column in ("queries", "calls", "p50 ms", "p95 ms", "in process p50 ms", "ratio"):
        table.add_column(column, justify="right")
    for row in figures["diagnose"]:
        http, inside = row["http"], row["in_process"]
        table.add_row(
            *map(str, (row["queries"], http["calls"], http["p50_ms"], http["p95_ms"])),
            *map(str, (inside["p50_ms"], row["ratio_of_medians"])),
        )
    return table


def main() -> None:
    """Measure, print, write down."""
    figures = measure()
    console = Console()
    console.print(table_of(figures))
    console.print(f"start to ready: {figures['start_to_ready_s']['median']} s")
    console.print(f"resident memory: {figures['resident_mib']} MiB")
    OUTPUT.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
