"""What Redis costs and saves a diagnosis: `python -m tests.benchmarks.redis_cost` prints JSON.

Everything runs in this process against a Redis on loopback; what is compared is interleaved. On a
network, add its round-trip time to each call of Redis.
"""

import json
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from api_schemas import NewCondition
from ecg_core.bundle import encoder_digest
from service.engine.diagnosis import Question
from service.engine.queries.embeddings import AskedQuery
from service.observability.metrics import Metrics
from service.runtime.assembly import Runtime, load_runtime
from service.settings import Settings
from service.storage.conditions.registration import register
from service.storage.redis_embeddings import RedisEmbeddings
from tests.support.recordings import make_wfdb
from tests.support.redis import RedisServer, redis_binaries

ROUNDS = 60
KNOWN = ("atrial flutter", "sinus rhythm", "LBBB", "left ventricular hypertrophy") * 5
SIZES = (1, 20, 1000, 10_000)
NEW_TEXTS = 40


def medians_ms(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median of each call; all take turns, so that the machine's moods meet all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - started)
    return {name: round(1000 * statistics.median(each), 3) for name, each in seconds.items()}


def diagnosis_of(runtime: Runtime, queries: Sequence[str]) -> Callable[[], object]:
    """A diagnosis with these queries."""
    files, question = make_wfdb(), Question(tuple(queries))
    return lambda: runtime.engine.diagnose(files, question)


def cost_of_looking(sqlite: Runtime, redis: Runtime) -> dict[str, float]:
    """A diagnosis of known conditions, and the one look at the store that it takes."""
    return medians_ms(
        {
            "diagnosis_sqlite_ms": diagnosis_of(sqlite, KNOWN),
            "diagnosis_redis_ms": diagnosis_of(redis, KNOWN),
            "revision_sqlite_ms": sqlite.store.revision,
            "revision_redis_ms": redis.store.revision,
        },
        ROUNDS,
    )


def embeddings_by_level(settings: Settings, writer: Runtime) -> dict[str, float]:
    """A new text: embedded, or found in Redis by a process that never saw it."""
    texts = [AskedQuery(f"strange wave {n}", f"strange wave {n}") for n in range(NEW_TEXTS)]
    made = [
        _seconds(lambda text=text: writer.engine.answerer.embeddings.get([text])) for text in texts
    ]
    with closing(load_runtime(settings, Metrics())) as reader:
        get = reader.engine.answerer.embeddings.get
        found = [_seconds(lambda text=text: get([text])) for text in texts]
        held = [_seconds(lambda text=text: get([text])) for text in texts]
    levels = {"embedded_ms": made, "from_redis_ms": found, "from_process_ms": held}
    return {name: round(1000 * statistics.median(each), 3) for name, each in levels.items()}


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def many_at_once(runtime: Runtime) -> dict[str, dict[str, float]]:
    """Reading and writing the embeddings of a request with many texts."""
    assert runtime.redis is not None
    dimension = runtime.bundle.manifest.text_encoder.dimension
    cache = RedisEmbeddings(runtime.redis, "bench", encoder_digest(runtime.bundle), dimension, 600)
    vector = runtime.registry.all()[0].embedding
    costs = {}
    for size in SIZES:
        embeddings = {f"text {number} of {size}": vector for number in range(size)}
        terms = list(embeddings)
        costs[str(size)] = medians_ms(
            {
                "write_ms": lambda kept=embeddings: cache.put_many(kept),
                "read_ms": lambda asked=terms: cache.get_many(asked),
            },
            7,
        )
        assert len(cache.get_many(terms)) == size
    return costs


def seen_elsewhere_ms(one: Runtime, other: Runtime) -> dict[str, float]:
    """From asking for a registration at one replica until another, asked all the time, has it."""
    delays = []
    for number in range(10):
        name, seen = f"Benchmark wave {number}", threading.Event()

        def watch(wanted: str = name, found: threading.Event = seen) -> None:
            while not any(condition.name == wanted for condition in other.registry.all()):
                time.sleep(0.001)
            found.set()

        watcher = threading.Thread(target=watch)
        watcher.start()
        started = time.perf_counter()
        register(
            NewCondition(text=f"a wave of kind {number}", name=name),
            one.engine.resolver,
            one.registry,
        )
        seen.wait(10)
        delays.append(time.perf_counter() - started)
        watcher.join()
    return {
        "median": round(1000 * statistics.median(delays), 1),
        "worst": round(1000 * max(delays), 1),
    }


def measure(folder: Path) -> dict[str, object]:
    """Everything, on a Redis of its own."""
    durable = ("--appendonly", "yes", "--appendfsync", "always")
    server = RedisServer(redis_binaries()[0], folder / "redis", *durable).start()
    settings = Settings(redis_url=server.url, redis_timeout_s=5, intra_op_threads=1)
    alone = Settings(redis_url=None, store_path=folder / "conditions.sqlite3", intra_op_threads=1)
    try:
        with (
            closing(load_runtime(alone, Metrics())) as sqlite,
            closing(load_runtime(settings, Metrics())) as redis,
            closing(load_runtime(settings, Metrics())) as replica,
        ):
            return {
                "command": "python -m tests.benchmarks.redis_cost",
                "twenty_known_queries": cost_of_looking(sqlite, redis),
                "one_free_text": embeddings_by_level(settings, redis),
                "embeddings_at_once": many_at_once(redis),
                "registered_to_seen_elsewhere_ms": seen_elsewhere_ms(redis, replica),
            }
    finally:
        server.kill()


if __name__ == "__main__":
    with TemporaryDirectory() as temporary:
        json.dump(measure(Path(temporary)), sys.stdout, indent=2)
        sys.stdout.write("\n")
