"""What others notice of an attack: `make attack`, half an hour on a machine that is quiet.

A server with two workers and keys. An honest client asks at an even rate, first alone, then while
attackers of one kind are at it, each with an input of its own and one key for all of them;
`/healthz` is asked meanwhile, on new connections. It holds if every honest request is answered, its
99th percentile is at most 1.5 times as long, and health is told within a second. Writes
docs/measured/attack.json and attack.md, and ends with 1 if something does not hold.

The attackers run in a process of their own, on the cores of the service, where in life they have
others: once at the priority of the service, and once at the lowest, so that they take of its time
what it spends on them.
"""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from types import MappingProxyType
from typing import Any

import httpx
from rich.console import Console

from service.access.keys import PlainKey, Scope, new_key
from tests.benchmarks.attackers import KINDS, attack
from tests.benchmarks.driver import Sample, diagnose_request, open_loop
from tests.benchmarks.figures import DOCS, percentiles_ms, write_figures
from tests.benchmarks.inputs import bench_queries, bench_recording
from tests.support.keys import make_record, write_keys
from tests.support.server import running

LONGEST_P99 = 1.5
HEALTH_WITHIN_S = 1.0
_HEALTH_EVERY_S = 0.2
_QUERIES = 5
_WARM_UP_S = 5.0
# Of the attackers, as `nice` counts them.
PRIORITIES = MappingProxyType({"the service's": 0, "the lowest": 19})
_WHEN = ("alone", "under_attack")


class Health(Thread):
    """Asks for health until it is told to stop; `slowest_s` is infinite once it got no answer."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.slowest_s = 0.0
        self._url = f"{url}/healthz"
        self._stopped = Event()

    def run(self) -> None:
        """Ask."""
        while not self._stopped.wait(_HEALTH_EVERY_S):
            started = time.monotonic()
            try:
                is_well = httpx.get(self._url, timeout=30).status_code == httpx.codes.OK
            except httpx.TransportError:
                is_well = False
            took_s = time.monotonic() - started if is_well else float("inf")
            self.slowest_s = max(self.slowest_s, took_s)

    def stop(self) -> float:
        """The slowest answer, in seconds."""
        self._stopped.set()
        self.join()
        return self.slowest_s


def one_kind(
    kind: str, url: str, request: bytes, keys: Mapping[str, PlainKey], stated: argparse.Namespace
) -> dict[str, dict[str, Any]]:
    """The honest client alone, then beside attackers of one kind, at each of their priorities."""
    found = {}
    for priority, niceness in PRIORITIES.items():
        alone = open_loop(url, request, stated.rate, stated.seconds)
        health = Health(url)
        # A process of its own: within this one, their work would count as the server's.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
            # Until it is there.
            other.submit(os.nice, niceness).result()
            key, seconds = keys[priority].text, stated.seconds + 2 * _WARM_UP_S
            attackers = other.submit(attack, kind, stated.members, url, key, seconds)
            time.sleep(_WARM_UP_S)
            health.start()
            beside = open_loop(url, request, stated.rate, stated.seconds)
            slowest_s = health.stop()
            answered = attackers.result()
        found[priority] = figures_of(alone, beside, slowest_s, answered)
    return found


def figures_of(
    alone: Sequence[Sample],
    beside: Sequence[Sample],
    health_slowest_s: float,
    attackers: Mapping[str, int],
) -> dict[str, Any]:
    """Figures of one kind, and whether what is promised holds."""
    before, under = (percentiles_ms([s.took_s for s in found]) for found in (alone, beside))
    refused = Counter(str(s.status) for s in (*alone, *beside) if s.status != httpx.codes.OK)
    times = round(under["p99_ms"] / before["p99_ms"], 2)
    well = health_slowest_s <= HEALTH_WITHIN_S
    return {
        "alone": before,
        "under_attack": under,
        "p99_times": times,
        "not_answered": dict(refused),
        "health_slowest_s": round(health_slowest_s, 3) if health_slowest_s < 1e9 else None,
        "attackers_were_answered": dict(sorted(attackers.items())),
        "holds": times <= LONGEST_P99 and well and not refused,
    }


def table(kinds: Mapping[str, Mapping[str, Mapping[str, Any]]], command: str) -> str:
    """The page: a line for each kind at each priority of its attackers."""
    lines = [
        "# Others under attack",
        "",
        f"Measured by `{command}`; attack.json has all of it. The attackers are on the cores "
        "of the service, once at its priority, once at the lowest, as if they had others.",
        "",
        "| Attack | priority | p50, p99 alone, ms | under it | p99, times | slowest health, s "
        "| holds |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for kind, by_priority in kinds.items():
        for priority, found in by_priority.items():
            times = [f"{found[at]['p50_ms']}, {found[at]['p99_ms']}" for at in _WHEN]
            cells = [kind, priority, *times, found["p99_times"], found["health_slowest_s"]]
            lines.append(f"| {' | '.join(map(str, cells))} | {'yes' if found['holds'] else 'no'} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Attack, print, write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="alone, and under each attack")
    parser.add_argument("--rate", type=float, default=5, help="honest requests a second")
    parser.add_argument("--members", type=int, default=20, help="attackers of each kind")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--folder", type=Path, default=DOCS)
    stated = parser.parse_args()
    # One for each attack: what one has used up of its key's limit would stop the next.
    honest = new_key()
    hostile = {kind: {priority: new_key() for priority in PRIORITIES} for kind in stated.kinds}
    every = [honest, *(key for keys in hostile.values() for key in keys.values())]
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        scopes = frozenset({Scope.DIAGNOSE})
        write_keys(
            folder / "keys.json",
            *(make_record(key, scopes=scopes) for key in every),
        )
        options: dict[str, object] = {
            "store_path": folder / "conditions.sqlite3",
            "api_keys_file": folder / "keys.json",
            "workers": 2,
        }
        with running(folder / "log", options) as server:
            url = server.url
            request = diagnose_request(url, bench_recording(), bench_queries(_QUERIES), honest.text)
            open_loop(url, request, stated.rate, _WARM_UP_S)
            kinds = {k: one_kind(k, url, request, hostile[k], stated) for k in stated.kinds}
    command = (
        f"python -m tests.benchmarks.attack --seconds {stated.seconds:g} --rate {stated.rate:g} "
        f"--members {stated.members}"
    )
    write_figures(command, {"attack": kinds}, stated.folder / "attack.json")
    (stated.folder / "attack.md").write_text(table(kinds, command))
    Console().print_json(data=kinds)
    held = [found["holds"] for by_priority in kinds.values() for found in by_priority.values()]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
