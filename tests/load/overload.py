"""Throughput against the bare loop, latency at half load, and four times too much.

    python -m tests.load.overload --workers 2 --seconds 120

Writes `limit` and `load` of docs/benchmarks.json. The generator runs on the cores of the service:
its CPU time stands beside the figures, and `of_limit_by_cpu` (CPU time of one diagnosis in the bare
loop over that in the service) does not depend on it, nor on what else the machine does.
"""

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from cardioquery.demo.server import running_server
from cardioquery.demo.simulator import simulate
from service.settings import available_cores
from tests.builders import make_wfdb
from tests.load.bench import bench_queries
from tests.load.driver import Sample, closed_loop, diagnose_request, open_loop
from tests.load.figures import OUTPUT, percentiles_ms, write_figures
from tests.load.limit import BareLoop, Rate

QUERIES = 20
ROUNDS = 3
SATURATING_CLIENTS = 8
TIMES_TOO_MUCH = 4
SOON_S = 2.0
REFUSALS = (503, 429)
DEADLINE_S = 30.0


def tree_cpu_s(process_id: int) -> float:
    """CPU seconds of a process and those that it started."""
    parent = psutil.Process(process_id)
    times = [process.cpu_times() for process in (parent, *parent.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


def tree_mib(process_id: int) -> float:
    """Resident memory of a process and those that it started."""
    parent = psutil.Process(process_id)
    found = (parent, *parent.children(recursive=True))
    return round(sum(each.memory_info().rss for each in found) / 2**20, 1)


class Service:
    """A running service, and what it costs."""

    def __init__(self, url: str, process_id: int) -> None:
        self.url = url
        self.process_id = process_id
        self.request = diagnose_request(url, make_wfdb(simulate()), bench_queries(QUERIES))

    def saturated(self, seconds: float, clients: int = SATURATING_CLIENTS) -> Rate:
        """What it gets through when there is always more to do."""
        cpu = tree_cpu_s(self.process_id)
        samples = closed_loop(self.url, self.request, clients, seconds)
        done = sum(sample.status == 200 for sample in samples)
        cpu_ms = 1000 * (tree_cpu_s(self.process_id) - cpu) / max(1, done)
        return Rate(done / span_s(samples), cpu_ms)


def span_s(samples: Sequence[Sample]) -> float:
    """From when the first was due until the last was answered."""
    return max(s.due_s + s.took_s for s in samples) - min(s.due_s for s in samples)


def throughput(service: Service, loop: BareLoop, seconds: float) -> dict[str, Any]:
    """Service and bare loop in turn, so that both see the same machine; medians of the rounds."""
    generator = time.process_time()
    rounds = [(loop.run(seconds), service.saturated(seconds)) for _ in range(ROUNDS)]
    generator_s = time.process_time() - generator
    limit, served = ([each[side] for each in rounds] for side in (0, 1))
    total = sum(rate.rps * seconds for rate in served)
    return {
        "limit_rps": middle(limit, lambda rate: rate.rps),
        "limit_cpu_ms": middle(limit, lambda rate: rate.cpu_ms),
        "rps": middle(served, lambda rate: rate.rps),
        "cpu_ms": middle(served, lambda rate: rate.cpu_ms),
        "generator_cpu_ms": round(1000 * generator_s / max(1.0, total), 2),
        "of_limit": round(statistics.median(s.rps / b.rps for b, s in rounds), 3),
        "of_limit_by_cpu": round(statistics.median(b.cpu_ms / s.cpu_ms for b, s in rounds), 3),
    }


def middle(rates: Sequence[Rate], of: Callable[[Rate], float]) -> float:
    """The median of one figure."""
    return round(statistics.median(map(of, rates)), 2)


def half_load(service: Service, capacity_rps: float, seconds: float) -> dict[str, Any]:
    """Latency with half of the capacity in use."""
    samples = open_loop(service.url, service.request, capacity_rps / 2, seconds)
    found = percentiles_ms([sample.took_s for sample in samples])
    ratio = round(found["p95_ms"] / found["p50_ms"], 2)
    return {"rps": round(capacity_rps / 2, 1), **found, "p95_over_p50": ratio, **outcomes(samples)}


def overload(service: Service, capacity_rps: float, seconds: float) -> dict[str, Any]:
    """Four times too much, and how soon it is over afterwards."""
    rate = TIMES_TOO_MUCH * capacity_rps
    samples = open_loop(service.url, service.request, rate, seconds)
    refused = [sample.took_s for sample in samples if sample.status in REFUSALS]
    accepted = [sample.took_s for sample in samples if sample.status == 200]
    time.sleep(SOON_S)
    afterwards = service.saturated(max(3.0, seconds / 10))
    return {
        "rps": round(rate, 1),
        "seconds": seconds,
        "accepted_rps": round(len(accepted) / span_s(samples), 1),
        "accepted": percentiles_ms(accepted),
        "accepted_late": sum(took > DEADLINE_S for took in accepted),
        "refused": percentiles_ms(refused) if refused else None,
        "afterwards_of_capacity": round(afterwards.rps / capacity_rps, 3),
        **outcomes(samples),
    }


def outcomes(samples: Sequence[Sample]) -> dict[str, Any]:
    """How often which status; 0 for a connection that broke."""
    return {"statuses": dict(sorted(Counter(str(s.status) for s in samples).items()))}


def measure(options: dict[str, str], seconds: float, round_s: float) -> dict[str, Any]:
    """All of it, on one service."""
    files, queries = make_wfdb(simulate()), bench_queries(QUERIES)
    loop = BareLoop(available_cores(), files, queries)
    try:
        with running_server(options=options) as (url, process):
            service = Service(url, process.pid)
            service.saturated(round_s / 2)
            found = throughput(service, loop, round_s)
            half = half_load(service, found["rps"], 2 * round_s)
            too_much = overload(service, found["rps"], seconds)
            memory = tree_mib(process.pid)
    finally:
        loop.close()
    limit = {"rps": found.pop("limit_rps"), "cpu_ms": found.pop("limit_cpu_ms")}
    load = {"options": options, "saturated": found, "half_load": half, "overload": too_much}
    return {"limit": limit, "load": load | {"memory_mb": memory}}


def main() -> None:
    """Measure, print, write down."""
    parser = argparse.ArgumentParser(description="The service under load.")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, help="diagnoses at once in each worker")
    parser.add_argument("--seconds", type=float, default=120, help="of overload")
    parser.add_argument("--round-s", type=float, default=10, help="of each other measurement")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    stated = parser.parse_args()
    options = {"CARDIOQUERY_WORKERS": str(stated.workers)}
    if stated.threads:
        options["CARDIOQUERY_MAX_CONCURRENT_DIAGNOSES"] = str(stated.threads)
    figures = measure(options, stated.seconds, stated.round_s)
    command = f"python -m tests.load.overload --workers {stated.workers}"
    write_figures(f"{command} --seconds {stated.seconds:g}", figures, stated.output)
    Console().print_json(data=figures)


if __name__ == "__main__":
    main()
