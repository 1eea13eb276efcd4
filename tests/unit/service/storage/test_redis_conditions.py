import json

import numpy as np
import pytest

from service.errors import StoreUnavailable
from service.storage.redis_conditions import RedisStore
from tests.support.redis import RedisServer, RedisStarter
from tests.support.service import make_stored
from tests.support.stores import RedisStoreMaker

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
BASE = "{cardioquery:conditions}"


def ids(store: RedisStore) -> list[str]:
    return [condition.id for condition in store.all()]


def test_an_embedding_can_be_replaced_unless_the_condition_has_changed(
    redis_server: RedisServer, store_on: RedisStoreMaker
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
    redis_server: RedisServer, store_on: RedisStoreMaker
) -> None:
    store_on(redis_server, key_prefix="one").add(make_stored("one"))
    assert store_on(redis_server, key_prefix="two").all() == ()


def test_no_key_holds_a_text(redis_server: RedisServer, store_on: RedisStoreMaker) -> None:
    store_on(redis_server).add(make_stored("one", "torsades"))
    with redis_server.client() as client:
        assert sorted(client.keys()) == [
            f"{BASE}:{name}".encode() for name in ("by-term", "revision", "term-by-id")
        ]
        assert not any(b"torsades" in field for field in client.hkeys(f"{BASE}:by-term"))


def test_what_was_acknowledged_outlives_a_kill(
    start_redis: RedisStarter, store_on: RedisStoreMaker
) -> None:
    server = start_redis(*DURABLE)
    for number in range(5):
        store_on(server).add(make_stored(f"c{number}", f"text {number}"))
        server.kill()
        server.start()
    assert ids(store_on(server)) == [f"c{number}" for number in range(5)]


def test_a_redis_that_was_down_is_used_again(
    start_redis: RedisStarter, store_on: RedisStoreMaker
) -> None:
    server = start_redis(*DURABLE)
    store = store_on(server)
    store.add(make_stored("one"))
    server.kill()
    with pytest.raises(StoreUnavailable):
        store.all()
    server.start()
    assert ids(store) == ["one"]


def test_a_full_redis_refuses_and_keeps_what_it_has(
    start_redis: RedisStarter, store_on: RedisStoreMaker
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
    start_redis: RedisStarter, store_on: RedisStoreMaker
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
    start_redis: RedisStarter, store_on: RedisStoreMaker
) -> None:
    server = start_redis()
    one, other = store_on(server), store_on(server)
    one.add(make_stored("one"))
    one.all()
    server.restart(empty=True)
    other.add(make_stored("two", "two"))
    one.revision()
    assert ids(one) == ["two"]


def test_a_revision_is_never_used_twice(
    start_redis: RedisStarter, store_on: RedisStoreMaker
) -> None:
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
    redis_server: RedisServer, store_on: RedisStoreMaker, garbage: bytes | str
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
    redis_server: RedisServer, store_on: RedisStoreMaker, name: str
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
    redis_server: RedisServer, store_on: RedisStoreMaker
) -> None:
    with redis_server.client() as client:
        client.set(f"{BASE}:revision", "many")
    with pytest.raises(StoreUnavailable):
        store_on(redis_server).revision()


def test_an_embedding_that_is_no_base64_comes_back_empty(
    redis_server: RedisServer, store_on: RedisStoreMaker
) -> None:
    store = store_on(redis_server)
    store.add(make_stored("one"))
    with redis_server.client() as client:
        ((field, good),) = client.hgetall(f"{BASE}:by-term").items()
        client.hset(f"{BASE}:by-term", field, json.dumps(json.loads(good) | {"embedding": "%"}))
    (kept,) = store.all()
    assert kept.embedding.shape == (0,)
