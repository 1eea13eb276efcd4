"""Everything that is measured of the service, in one run of about ten minutes: `make bench`.

CardioQuery beside LitServe, BentoML, MLServer and a plain FastAPI app with torch, all on the same
engine, and the bare loop that none can beat; cost by queries, length and cache; half load and four
times too much. Writes docs/measured/benchmarks.json and the tables of docs/measured/benchmarks.md.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from ecg_core.bundle import load_bundle
from service.settings import Settings, available_cores
from tests.benchmarks.figures import OUTPUT, PAGE, between_marks, write_figures
from tests.benchmarks.inputs import bench_queries, bench_recording
from tests.benchmarks.limit import BareLoop
from tests.benchmarks.overload import loaded
from tests.benchmarks.peers.starting import PEERS, missing_environments
from tests.benchmarks.report import tables
from tests.benchmarks.series import both_ways, by_cache, by_length, by_queries
from tests.benchmarks.side_by_side import QUERIES, US, contestants, costs, measured, ratios


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        peers: Who stands beside CardioQuery.
        clients: Numbers of clients.
        rounds, seconds: Turns of each contestant, and how long each is.
        queries, lengths: Numbers of queries and seconds of recording, each with its calls.
        texts: New texts for the cache.
        overload_s: How long there is too much.
        round_s: How long capacity, and half as long as half load, are measured.
    """

    peers: Sequence[str] = tuple(PEERS)
    clients: Sequence[int] = (1, 8, 64)
    rounds: int = 2
    seconds: float = 5.0
    queries: Sequence[tuple[int, int]] = (
        (1, 100), (20, 100), (106, 50), (1000, 25), (10_000, 10),
    )  # fmt: skip
    lengths: Sequence[tuple[float, int]] = ((2.5, 30), (10, 30), (60, 15), (300, 7), (600, 5))
    texts: int = 50
    overload_s: float = 120.0
    round_s: float = 10.0


def measure(plan: Plan) -> Iterator[dict[str, Any]]:
    """The figures of a run, part by part."""
    say = Console(stderr=True).print
    say("side by side:", US, *plan.peers)
    yield _side_by_side(plan)
    say("queries, lengths, cache")
    with both_ways() as ways:
        yield {
            "queries": by_queries(ways, plan.queries),
            "lengths_s": by_length(ways, plan.lengths),
            "cache": by_cache(ways, plan.texts),
        }
    say("half load and too much")
    yield {"load": loaded(available_cores(), plan.overload_s, plan.round_s)}


def _side_by_side(plan: Plan) -> dict[str, Any]:
    cores, clients = available_cores(), {}
    with (
        closing(BareLoop(cores, bench_recording(), bench_queries(QUERIES))) as loop,
        contestants([US, *plan.peers], cores) as everyone,
    ):
        for count in plan.clients:
            clients[str(count)] = measured(everyone, loop, count, plan.rounds, plan.seconds)
        of_each = costs(everyone)
    return {
        "model": f"sha256:{load_bundle(Settings().bundle_dir).digest}",
        "limit": clients[str(max(plan.clients))]["limit"],
        "clients": {
            count: {name: its for name, its in found.items() if name != "limit"}
            for count, found in clients.items()
        },
        "ratios": {count: ratios(found) for count, found in clients.items()},
        "servers": of_each,
        "ready_s": of_each[US]["ready_s"],
        "memory_mb": of_each[US]["memory_mb"],
    }


def main() -> None:
    """Measure, print, write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=Plan.seconds, help="of each turn")
    parser.add_argument("--overload-s", type=float, default=Plan.overload_s)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    stated = parser.parse_args()
    if missing := missing_environments():
        sys.exit(f"not installed: {', '.join(missing)}; `make bench-peers` does that")
    # Figures of two runs must not stand side by side.
    stated.output.unlink(missing_ok=True)
    written: dict[str, Any] = {}
    for figures in measure(Plan(seconds=stated.seconds, overload_s=stated.overload_s)):
        written = write_figures("make bench", figures, stated.output)
    if stated.output == OUTPUT:
        PAGE.write_text(between_marks(PAGE.read_text(), tables(written)))
    Console().print(tables(written))


if __name__ == "__main__":
    main()
