"""Latency with half of the capacity in use, and four times too much: a part of `make bench`.

    python -m tests.benchmarks.overload --workers 2 --seconds 120

The generator runs on the cores of the service; it takes about a millisecond of each request.
"""

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from cardioquery.demo.server import running_server
from service.settings import available_cores
from tests.benchmarks.driver import Sample, closed_loop, diagnose_request, open_loop, span_s
from tests.benchmarks.figures import OUTPUT, percentiles_ms, write_figures
from tests.benchmarks.inputs import bench_queries, bench_recording
from tests.benchmarks.processes import tree_mib

QUERIES = 20
SATURATING_CLIENTS = 16
TIMES_TOO_MUCH = 4
SOON_S = 2.0
REFUSALS = (503, 429)
REFUSED_WITHIN_S = 0.1
DEADLINE_S = 30.0
READY_WITHIN_S = 180.0


class Service:
    """A running service."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.request = diagnose_request(url, bench_recording(), bench_queries(QUERIES))

    def saturated_rps(self, seconds: float, clients: int = SATURATING_CLIENTS) -> float:
        """What it gets through when there is always more to do."""
        samples = closed_loop(self.url, self.request, clients, seconds)
        return sum(sample.status == 200 for sample in samples) / span_s(samples)


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
    time.sleep(SOON_S)
    afterwards_rps = service.saturated_rps(max(1.0, seconds / 12))
    return {
        "rps": round(rate, 1),
        "seconds": seconds,
        **overload_figures(samples),
        "afterwards_of_capacity": round(afterwards_rps / capacity_rps, 3),
    }


def overload_figures(samples: Sequence[Sample]) -> dict[str, Any]:
    """What became of those that were accepted, of those that were refused, and of the others."""
    accepted = [sample.took_s for sample in samples if sample.status == 200]
    refused = [sample.took_s for sample in samples if sample.status in REFUSALS]
    return {
        "accepted_rps": round(len(accepted) / span_s(samples), 1),
        "accepted": percentiles_ms(accepted) if accepted else None,
        "accepted_late": sum(took > DEADLINE_S for took in accepted),
        "refused": _refused(refused) if refused else None,
        "other": len(samples) - len(accepted) - len(refused),
        **outcomes(samples),
    }


def _refused(took_s: Sequence[float]) -> dict[str, float]:
    in_time = sum(took <= REFUSED_WITHIN_S for took in took_s) / len(took_s)
    worst_ms = round(1000 * max(took_s), 1)
    return {**percentiles_ms(took_s), "max_ms": worst_ms, "within_100_ms": round(in_time, 5)}


def outcomes(samples: Sequence[Sample]) -> dict[str, Any]:
    """How often which status; 0 for a connection that broke."""
    return {"statuses": dict(sorted(Counter(str(s.status) for s in samples).items()))}


def loaded(workers: int, seconds: float, round_s: float = 10.0) -> dict[str, Any]:
    """All of it, on a service of its own with so many workers."""
    options = {"CARDIOQUERY_WORKERS": str(workers)}
    with running_server(READY_WITHIN_S, options) as (url, process):
        service = Service(url)
        service.saturated_rps(round_s / 4)
        capacity_rps = service.saturated_rps(round_s)
        half = half_load(service, capacity_rps, 2 * round_s)
        before_mb = tree_mib(process.pid)
        too_much = overload(service, capacity_rps, seconds)
        memory = {"before": before_mb, "after": tree_mib(process.pid)}
    return {
        "workers": workers,
        "capacity_rps": round(capacity_rps, 2),
        "half_load": half,
        "overload": too_much,
        "memory_mb": memory,
    }


def main() -> None:
    """Measure, print, write down."""
    parser = argparse.ArgumentParser(description="The service under load.")
    parser.add_argument("--workers", type=int, default=available_cores())
    parser.add_argument("--seconds", type=float, default=120, help="of overload")
    parser.add_argument("--round-s", type=float, default=10, help="of each other measurement")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    stated = parser.parse_args()
    figures = {"load": loaded(stated.workers, stated.seconds, stated.round_s)}
    command = f"python -m tests.benchmarks.overload --workers {stated.workers}"
    write_figures(f"{command} --seconds {stated.seconds:g}", figures, stated.output)
    Console().print_json(data=figures)


if __name__ == "__main__":
    main()
