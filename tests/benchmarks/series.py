"""What a diagnosis costs by number of queries, length of the recording, and state of the cache.

One worker, one request at a time, over loopback; beside it the same engine called as a function,
in turn, so that both see the same machine.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from cardioquery.demo.server import running_server
from ecg_core.readers import UploadedFile
from service.engine.diagnosis import DiagnosisEngine, Question
from service.observability.metrics import Metrics
from service.runtime.assembly import load_runtime
from service.settings import Settings
from tests.benchmarks.driver import OneClient, diagnose_request
from tests.benchmarks.figures import percentiles_ms
from tests.benchmarks.inputs import bench_queries, bench_recording
from tests.benchmarks.processes import tree_mib

QUERIES = 20
NEW_QUERIES_AT_ONCE = 100
WARM_UP = 3
READY_WITHIN_S = 180.0
# Above this many, the engine beside the service would only spend minutes on embedding texts.
MOST_IN_PROCESS = 1000


@dataclass(frozen=True)
class BothWays:
    """The service, and, in this process, its engine."""

    url: str
    process_id: int
    engine: DiagnosisEngine

    def embedded(self, queries: Sequence[str]) -> None:
        """Have the service hold all embeddings: some at a time, since new ones take a while."""
        files = bench_recording()
        parts = [
            diagnose_request(self.url, files, queries[start : start + NEW_QUERIES_AT_ONCE])
            for start in range(0, len(queries), NEW_QUERIES_AT_ONCE)
        ]

        def ask_all(requests: Sequence[bytes]) -> None:
            with closing(OneClient(self.url)) as client:
                for request in requests:
                    answered_s(client, request)

        # Two at a time: it only matters what the cache holds in the end.
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(ask_all, (parts[::2], parts[1::2])))


def answered_s(client: OneClient, request: bytes) -> float:
    """Seconds of one request.

    Raises:
        RuntimeError: It was not answered with 200.
    """
    sample = client.ask(request)
    if sample.status != 200:
        raise RuntimeError(f"answered with {sample.status}")
    return sample.took_s


@contextmanager
def both_ways() -> Iterator[BothWays]:
    """A service with one worker, and an engine of this process."""
    # It is put to sleep between its turns.
    options = {"CARDIOQUERY_WORKERS": "1", "CARDIOQUERY_HANG_AFTER_S": "0"}
    with TemporaryDirectory() as folder, running_server(READY_WITHIN_S, options) as (url, process):
        settings = Settings(store_path=Path(folder, "bench.sqlite3"), intra_op_threads=1)
        with closing(load_runtime(settings, Metrics())) as runtime:
            yield BothWays(url, process.pid, runtime.engine)


def by_queries(ways: BothWays, series: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """For each number of cached queries, so many calls."""
    found = {}
    for count, calls in series:
        queries = bench_queries(count)
        ways.embedded(queries)
        in_process = queries if count <= MOST_IN_PROCESS else ()
        found[str(count)] = compared(ways, bench_recording(), queries, in_process, calls)
    return found


def by_length(ways: BothWays, series: Sequence[tuple[float, int]]) -> dict[str, Any]:
    """For each length of the recording in seconds, so many calls."""
    queries = bench_queries(QUERIES)
    ways.embedded(queries)
    return {
        f"{seconds:g}": compared(ways, bench_recording(seconds), queries, queries, calls)
        for seconds, calls in series
    }


def compared(
    ways: BothWays,
    files: Sequence[UploadedFile],
    queries: Sequence[str],
    in_process: Sequence[str],
    calls: int,
) -> dict[str, Any]:
    """Percentiles over HTTP; the median and the ratio of both where `in_process` is not empty."""
    request = diagnose_request(ways.url, files, queries)
    asked = (tuple(files), Question(tuple(in_process)))
    http, function = [], []
    if in_process:
        ways.engine.diagnose(*asked)  # embeds what is new to it, which takes long
    # A connection of its own: one that was idle for long has been closed by the service.
    with closing(OneClient(ways.url)) as client:
        for number in range(WARM_UP + calls):
            took_s = answered_s(client, request)
            inside_s = timed(lambda: ways.engine.diagnose(*asked)) if in_process else 0.0
            if number >= WARM_UP:
                http.append(took_s)
                function.append(inside_s)
    beside = {}
    if in_process:
        inside_ms = round(1000 * median(function), 2)
        beside = {
            "in_process_p50_ms": inside_ms,
            "ratio": round(median(http) / median(function), 2),
        }
    return {
        **percentiles_ms(http),
        **beside,
        "calls": calls,
        "memory_mb": tree_mib(ways.process_id),
    }


def by_cache(ways: BothWays, texts: int) -> dict[str, Any]:
    """One new free text a request, and the same ones again."""
    files = bench_recording()
    requests = [
        diagnose_request(ways.url, files, [f"a strange wave, number {number}"])
        for number in range(texts)
    ]
    known = diagnose_request(ways.url, files, bench_queries(1))
    with closing(OneClient(ways.url)) as client:
        missed = [answered_s(client, request) for request in requests]
        hit = [answered_s(client, request) for request in requests]
        catalogue = [answered_s(client, known) for _ in requests]
    return {
        "miss": percentiles_ms(missed),
        "hit": percentiles_ms(hit),
        "catalogue": percentiles_ms(catalogue),
        "miss_over_hit": round(median(missed) / median(hit), 2),
    }


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
