"""The real stores of registered conditions, empty: in a file and in a Redis."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from service.observability.metrics import Metrics
from service.storage.redis.client import connect
from service.storage.redis.link import RedisLink
from service.storage.redis.options import RedisOptions
from service.storage.redis_conditions import RedisStore
from service.storage.sqlite import SqliteStore
from tests.support.redis import RedisServer

RedisStoreMaker = Callable[..., RedisStore]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A store in a file of its own."""
    made = SqliteStore(tmp_path / "conditions.sqlite3")
    yield made
    made.close()


@pytest.fixture
def store_on() -> Iterator[RedisStoreMaker]:
    """Makes stores on a Redis, as replicas have them: each with connections of its own."""
    with ExitStack() as stack:

        def make(server: RedisServer, **options: Any) -> RedisStore:
            redis = RedisOptions(server.url, timeout_s=5, **options)
            # The clock leaps, so that what failed is always tried again.
            clock = iter(range(0, 10_000_000, 10))
            link = RedisLink(connect(redis), Metrics(), lambda: next(clock))
            stack.callback(link.close)
            return RedisStore(link, redis.key_prefix)

        yield make
