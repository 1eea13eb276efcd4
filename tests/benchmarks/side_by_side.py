"""CardioQuery, the same engine behind other servers, and the bare loop, in one run.

All are started once, one after the other, and take turns; whoever is not measured is suspended.
"""

import statistics
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from cardioquery.demo.server import running_server
from tests.benchmarks.driver import Sample, closed_loop, diagnose_request, span_s
from tests.benchmarks.figures import percentiles_ms
from tests.benchmarks.inputs import bench_queries, bench_recording
from tests.benchmarks.limit import BareLoop
from tests.benchmarks.peers.starting import PEERS, running_peer
from tests.benchmarks.processes import awake, resume, suspend, tree_cpu_s, tree_mib

US = "cardioquery"
QUERIES = 20
WARM_UP_S = 0.5
READY_WITHIN_S = 180.0


@dataclass(frozen=True)
class Contestant:
    """A server that is running.

    Attributes:
        name: As in the figures.
        process_id: Of the process that was started.
        url: Where it listens.
        request: What it is asked, for as long as it runs.
        ready_s: From its start until it was ready.
    """

    name: str
    process_id: int
    url: str
    request: bytes
    ready_s: float


@dataclass(frozen=True)
class Turn:
    """What one contestant did in one round."""

    samples: tuple[Sample, ...]
    cpu_s: float


@contextmanager
def contestants(names: Sequence[str], workers: int) -> Iterator[list[Contestant]]:
    """Start each, and suspend it once it is ready and warm."""
    with ExitStack() as stack:
        yield [_started(stack, name, workers) for name in names]


def _started(stack: ExitStack, name: str, workers: int) -> Contestant:
    files, queries = bench_recording(), bench_queries(QUERIES)
    started = time.perf_counter()
    if name == US:
        # It is put to sleep while others are measured.
        options = {"CARDIOQUERY_WORKERS": str(workers), "CARDIOQUERY_HANG_AFTER_S": "0"}
        server = running_server(READY_WITHIN_S, options)
        url, process = stack.enter_context(server)
        request = diagnose_request(url, files, queries)
    else:
        url, process = stack.enter_context(running_peer(name, workers))
        request = PEERS[name].request(url, files, queries)
    ready_s = round(time.perf_counter() - started, 2)
    stack.callback(resume, process.pid)
    # Ready is who has one worker; the others have a while to catch up.
    closed_loop(url, request, 2 * workers, 6 * WARM_UP_S)
    suspend(process.pid)
    return Contestant(name, process.pid, url, request, ready_s)


def measured(
    everyone: Sequence[Contestant], loop: BareLoop, clients: int, rounds: int, seconds: float
) -> dict[str, Any]:
    """What each gets through with so many clients, and what they wait."""
    turns: dict[str, list[Turn]] = {each.name: [] for each in everyone}
    limits = []
    for number in range(rounds):
        limits.append(loop.run(seconds))
        # Another one begins each time.
        first = number % len(everyone)
        for each in [*everyone[first:], *everyone[:first]]:
            turns[each.name].append(_turn(each, clients, seconds))
    found = {name: figures_of(its) for name, its in turns.items()}
    limit = {
        "rps": round(statistics.median(rate.rps for rate in limits), 2),
        "cpu_ms": round(statistics.median(rate.cpu_ms for rate in limits), 2),
    }
    return {**found, "limit": limit}


def _turn(contestant: Contestant, clients: int, seconds: float) -> Turn:
    with awake(contestant.process_id):
        closed_loop(contestant.url, contestant.request, clients, WARM_UP_S)
        cpu_s = tree_cpu_s(contestant.process_id)
        samples = closed_loop(contestant.url, contestant.request, clients, seconds)
        cpu_s = tree_cpu_s(contestant.process_id) - cpu_s
    return Turn(tuple(samples), cpu_s)


def figures_of(turns: Sequence[Turn]) -> dict[str, Any]:
    """Rate, percentiles of all answers, CPU of one, and what went wrong, over all turns."""
    good = [s for turn in turns for s in turn.samples if s.status == 200]
    statuses = Counter(s.status for turn in turns for s in turn.samples)
    if not good:
        raise RuntimeError(f"nothing was answered: {dict(statuses)}")
    wrong = {str(status): count for status, count in statuses.items() if status != 200}
    return {
        "rps": round(len(good) / sum(span_s(turn.samples) for turn in turns), 2),
        **percentiles_ms([s.took_s for s in good]),
        "cpu_ms": round(1000 * sum(turn.cpu_s for turn in turns) / len(good), 2),
        "calls": len(good),
        **({"failed": wrong} if wrong else {}),
    }


def ratios(at_clients: Mapping[str, Any]) -> dict[str, Any]:
    """CardioQuery over each other one: above 1 in `rps` and below 1 in `p99` is better.

    Args:
        at_clients: What `measured` returned.
    """
    us, limit = at_clients[US], at_clients["limit"]
    peers = {name: its for name, its in at_clients.items() if name not in (US, "limit")}
    return {
        "of_limit": round(us["rps"] / limit["rps"], 3),
        "of_limit_by_cpu": round(limit["cpu_ms"] / us["cpu_ms"], 3),
        **{
            name: {
                "rps": round(us["rps"] / its["rps"], 2),
                "p99": round(us["p99_ms"] / its["p99_ms"], 2),
            }
            for name, its in peers.items()
        },
    }


def costs(everyone: Sequence[Contestant]) -> dict[str, dict[str, float]]:
    """Start and memory of each."""
    return {
        each.name: {"ready_s": each.ready_s, "memory_mb": tree_mib(each.process_id)}
        for each in everyone
    }
