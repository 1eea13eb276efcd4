import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

from service.metrics import Metrics
from service.queries.redis_store import RedisStore
from service.queries.store import Code, StoredCondition, StoreUnavailable
from service.redis_client import connect
from service.redis_link import RedisLink
from service.settings import Settings
from tests.redis_fixtures import RedisServer, RedisStarter
from tests.service_fixtures import make_stored

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
BASE = "{cardioquery:conditions}"

StoreMaker = Callable[[RedisServer], RedisStore]


@pytest.fixture
def store_on() -> Iterator[StoreMaker]:
    """Makes stores, as replicas have them: each with connections of its own."""
    with ExitStack() as stack:

        def make(server: RedisServer, **options: Any) -> RedisStore:
            settings = Settings(redis_url=server.url, redis_timeout_s=5, **options)
            # The clock leaps, so that what failed is always tried again.
            clock = iter(range(0, 10_000_000, 10))
            link = RedisLink(connect(settings), Metrics(), lambda: next(clock))
            stack.callback(link.close)
            return RedisStore(link, settings.redis_key_prefix)

        yield make


def ids(store: RedisStore) -> list[str]:
    return [condition.id for condition in store.all()]


def test_a_condition_comes_back_as_it_was(redis_server: RedisServer, store_on: StoreMaker) -> None:
    condition = make_stored()
    full = StoredCondition(
        **{name: getattr(condition, name) for name in StoredCondition.__slots__}
        | {"synonyms": ("WPW", "Präexzitation"), "codes": (Code("http://snomed.info/sct", "7"),)}
    )
    assert store_on(redis_server).add(full) is full
    (kept,) = store_on(redis_server).all()
    np.testing.assert_array_equal(kept.embedding, full.embedding)
    for name in set(StoredCondition.__slots__) - {"embedding"}:
        assert getattr(kept, name) == getattr(full, name)
    assert isinstance(kept.codes[0], Code)


def test_of_one_term_the_first_stays(redis_server: RedisServer, store_on: StoreMaker) -> None:
    one, other = store_on(redis_server), store_on(redis_server)
    one.add(make_stored("first", "delta wave"))
    assert other.add(make_stored("second", "delta wave")).id == "first"
    assert ids(one) == ["first"]


def test_of_one_term_one_stays_when_many_add_it_at_once(
    redis_server: RedisServer, store_on: StoreMaker
) -> None:
    stores = [store_on(redis_server) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        kept = list(
            threads.map(lambda n: stores[n % 8].add(make_stored(f"c{n}", "delta wave")), range(40))
        )
    assert len({condition.id for condition in kept}) == 1
    assert ids(stores[0]) == [kept[0].id]


def test_removing_tells_whether_there_was_one(
    redis_server: RedisServer, store_on: StoreMaker
) -> None:
    store = store_on(redis_server)
    store.add(make_stored("one"))
    assert store.remove("one")
    assert not store.remove("one")
    assert store.all() == ()
    assert store.add(make_stored("one")).id == "one"


def test_the_revision_grows_with_every_change_and_only_then(
    redis_server: RedisServer, store_on: StoreMaker
) -> None:
    store, other = store_on(redis_server), store_on(redis_server)
    seen = [store.revision()]
    other.add(make_stored("one"))
    seen.append(store.revision())
    other.all()
    other.update_embedding("one", np.zeros(3, np.float32), "b" * 64)
    seen.append(store.revision())
    other.remove("one")
    seen.append(store.revision())
    assert seen == sorted(set(seen))
    other.remove("one")
    other.add(make_stored("two", "x"))
    last = store.revision()
    other.add(make_stored("three", "x"))
    other.all()
    assert store.revision() == last


def test_an_embedding_can_be_replaced_unless_the_condition_has_changed(
    redis_server: RedisServer, store_on: StoreMaker
) -> None:
    one, other = store_on(redis_server), store_on(redis_server)
    one.add(make_stored("one"))
    one.all()
    other.all()
    one.update_embedding("one", np.array([0, 1], np.float32), "b" * 64)
    other.update_embedding("one", np.array([1, 0], np.float32), "c" * 64)
    (kept,) = one.all()
    assert (kept.embedding.tolist(), kept.encoder_digest) == ([0, 1], "b" * 64)


def test_services_with_another_prefix_are_apart(
    redis_server: RedisServer, store_on: Callable[..., RedisStore]
) -> None:
    store_on(redis_server, redis_key_prefix="one").add(make_stored("one"))
    assert store_on(redis_server, redis_key_prefix="two").all() == ()


def test_no_key_holds_a_text(redis_server: RedisServer, store_on: StoreMaker) -> None:
    store_on(redis_server).add(make_stored("one", "torsades"))
    with redis_server.client() as client:
        assert sorted(client.keys()) == [
            f"{BASE}:{name}".encode() for name in ("by-term", "revision", "term-by-id")
        ]
        assert not any(b"torsades" in field for field in client.hkeys(f"{BASE}:by-term"))


def test_what_was_acknowledged_outlives_a_kill(
    start_redis: RedisStarter, store_on: StoreMaker
) -> None:
    server = start_redis(*DURABLE)
    for number in range(5):
        store_on(server).add(make_stored(f"c{number}", f"text {number}"))
        server.kill()
        server.start()
    assert ids(store_on(server)) == [f"c{number}" for number in range(5)]


def test_redis_that_is_down_says_so_and_comes_back(
    start_redis: RedisStarter, store_on: StoreMaker
) -> None:
    server = start_redis(*DURABLE)
    store = store_on(server)
    store.add(make_stored("one"))
    server.kill()
    calls: list[Callable[[], object]] = [
        store.all,
        store.revision,
        lambda: store.add(make_stored("two", "two")),
        lambda: store.remove("one"),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable):
            call()
    server.start()
    assert ids(store) == ["one"]


def test_a_full_redis_refuses_and_keeps_what_it_has(
    start_redis: RedisStarter, store_on: StoreMaker
) -> None:
    server = start_redis("--maxmemory-policy", "noeviction")
    store = store_on(server)
    store.add(make_stored("one"))
    revision = store.revision()
    with server.client() as client:
        client.config_set("maxmemory", 1)
        with pytest.raises(StoreUnavailable):
            store.add(make_stored("two", "two"))
        assert ids(store) == ["one"]
        assert store.revision() == revision
        client.config_set("maxmemory", 0)
    store.add(make_stored("two", "two"))
    assert ids(store) == ["one", "two"]


def test_conditions_that_redis_lost_are_put_back(
    start_redis: RedisStarter, store_on: StoreMaker
) -> None:
    server = start_redis()
    one, other = store_on(server), store_on(server)
    one.add(make_stored("one"))
    one.add(make_stored("two", "two"))
    one.all()
    last = one.revision()
    server.restart(empty=True)
    assert other.all() == ()
    assert one.revision() == last
    assert ids(other) == ["one", "two"]
    assert other.remove("two")
    assert one.revision() > last
    assert ids(one) == ["one"]


def test_what_was_added_after_a_loss_is_not_overwritten(
    start_redis: RedisStarter, store_on: StoreMaker
) -> None:
    server = start_redis()
    one, other = store_on(server), store_on(server)
    one.add(make_stored("one"))
    one.all()
    server.restart(empty=True)
    other.add(make_stored("two", "two"))
    one.revision()
    assert ids(one) == ["two"]


def test_a_revision_is_never_used_twice(start_redis: RedisStarter, store_on: StoreMaker) -> None:
    server = start_redis()
    before = store_on(server)
    before.add(make_stored("one"))
    seen = before.revision()
    server.restart(empty=True)
    after = store_on(server)
    after.add(make_stored("two", "two"))
    assert after.revision() > seen


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\xff\xfe", b"[]", b"{}", b"NaN", b'{"id": 1}', "another", "no codes", "naive time"],
)
def test_a_broken_condition_is_never_left_out_in_silence(
    redis_server: RedisServer, store_on: StoreMaker, garbage: bytes | str
) -> None:
    store = store_on(redis_server)
    store.add(make_stored("one"))
    with redis_server.client() as client:
        ((field, good),) = client.hgetall(f"{BASE}:by-term").items()
        changes = {"another": {"term": "x"}, "no codes": {"codes": "abc"}}
        changes["naive time"] = {"created_at": "yesterday"}
        if isinstance(garbage, str):
            garbage = json.dumps(json.loads(good) | changes[garbage]).encode()
        client.hset(f"{BASE}:by-term", field, garbage)
    with pytest.raises(StoreUnavailable):
        store.all()


@pytest.mark.parametrize("name", ["by-term", "term-by-id", "revision"])
def test_keys_of_a_wrong_type_are_an_unreachable_store(
    redis_server: RedisServer, store_on: StoreMaker, name: str
) -> None:
    store = store_on(redis_server)
    store.add(make_stored("one"))
    with redis_server.client() as client:
        client.delete(f"{BASE}:{name}")
        client.rpush(f"{BASE}:{name}", "x")
    with pytest.raises(StoreUnavailable):
        store.add(make_stored("two", "two"))
    with pytest.raises(StoreUnavailable):
        store.remove("one")


def test_a_revision_that_is_no_number_is_an_unreachable_store(
    redis_server: RedisServer, store_on: StoreMaker
) -> None:
    with redis_server.client() as client:
        client.set(f"{BASE}:revision", "many")
    with pytest.raises(StoreUnavailable):
        store_on(redis_server).revision()


def test_an_embedding_that_is_no_base64_comes_back_empty(
    redis_server: RedisServer, store_on: StoreMaker
) -> None:
    store = store_on(redis_server)
    store.add(make_stored("one"))
    with redis_server.client() as client:
        ((field, good),) = client.hgetall(f"{BASE}:by-term").items()
        client.hset(f"{BASE}:by-term", field, json.dumps(json.loads(good) | {"embedding": "%"}))
    (kept,) = store.all()
    assert kept.embedding.shape == (0,)


def test_many_threads_can_write_at_once(redis_server: RedisServer, store_on: StoreMaker) -> None:
    store = store_on(redis_server)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: store.add(make_stored(f"c{n}", f"text {n}")), range(40)))
    assert len(store.all()) == 40
