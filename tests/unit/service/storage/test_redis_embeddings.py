from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from service.observability.metrics import Metrics
from service.storage.redis.client import connect
from service.storage.redis.link import RedisLink
from service.storage.redis.options import RedisOptions
from service.storage.redis_embeddings import RedisEmbeddings
from tests.support.redis import RedisServer, RedisStarter
from tests.support.service import DIGEST, DIMENSION, text_vector

CacheMaker = Callable[..., RedisEmbeddings]


@pytest.fixture
def cache_on() -> Iterator[CacheMaker]:
    with ExitStack() as stack:

        def make(
            server: RedisServer, digest: str = DIGEST, ttl_s: int = 60, dimension: int = DIMENSION
        ) -> RedisEmbeddings:
            redis = RedisOptions(server.url, timeout_s=5)
            clock = iter(range(0, 10_000_000, 10))
            link = RedisLink(connect(redis), Metrics(), lambda: next(clock))
            stack.callback(link.close)
            return RedisEmbeddings(link, "cardioquery", digest, dimension, ttl_s)

        yield make


def vectors(*terms: str) -> dict[str, NDArray[np.float32]]:
    return {term: text_vector(term) for term in terms}


def the_key(server: RedisServer) -> bytes:
    with server.client() as client:
        (key,) = client.keys()
    return bytes(key)


def test_what_one_replica_keeps_the_others_find(
    redis_server: RedisServer, cache_on: CacheMaker
) -> None:
    cache_on(redis_server).put_many(vectors("delta wave", "u wave"))
    found = cache_on(redis_server).get_many(["u wave", "j wave", "delta wave"])
    assert sorted(found) == ["delta wave", "u wave"]
    for term, embedding in found.items():
        np.testing.assert_array_equal(embedding, text_vector(term))
        assert embedding.dtype == np.float32


def test_thousands_of_terms_cost_one_round_trip(
    redis_server: RedisServer, cache_on: CacheMaker
) -> None:
    cache = cache_on(redis_server)
    terms = [f"term {number}" for number in range(2500)]
    cache.put_many(vectors(*terms[::2]))
    assert sorted(cache.get_many(terms)) == sorted(terms[::2])


def test_keys_hold_no_text_and_expire(redis_server: RedisServer, cache_on: CacheMaker) -> None:
    cache_on(redis_server, ttl_s=60).put_many(vectors("torsades"))
    with redis_server.client() as client:
        (key,) = client.keys()
        assert b"torsades" not in key
        assert b"torsades" not in client.get(key)
        assert 0 < client.ttl(key) <= 60


def test_another_encoder_finds_nothing(redis_server: RedisServer, cache_on: CacheMaker) -> None:
    cache_on(redis_server).put_many(vectors("delta wave"))
    assert cache_on(redis_server, "b" * 64).get_many(["delta wave"]) == {}


def test_a_vector_of_another_encoder_under_our_key_is_not_taken(
    redis_server: RedisServer, cache_on: CacheMaker
) -> None:
    other = DIGEST[:-1] + "b"
    cache_on(redis_server, other).put_many(vectors("delta wave"))
    assert cache_on(redis_server).get_many(["delta wave"]) == {}


def test_a_vector_of_another_text_is_not_taken(
    redis_server: RedisServer, cache_on: CacheMaker
) -> None:
    cache = cache_on(redis_server)
    cache.put_many(vectors("u wave"))
    other = the_key(redis_server)
    with redis_server.client() as client:
        value = client.get(other)
        client.flushall()
        cache.put_many(vectors("delta wave"))
        client.set(the_key(redis_server), value)
    assert cache.get_many(["delta wave"]) == {}


def broken(value: bytes) -> dict[str, bytes]:
    return {
        "empty": b"",
        "short": value[:-4],
        "odd": value[:-1],
        "long": value + b"\0" * 4,
        "bit": value[:-1] + bytes([value[-1] ^ 1]),
        "digest": b"\0" * 16 + value[16:],
        "text": b"garbage" * 30,
    }


@pytest.mark.parametrize("how", sorted(broken(b"\0")))
def test_garbage_is_as_good_as_nothing_and_is_replaced(
    redis_server: RedisServer, cache_on: CacheMaker, how: str
) -> None:
    cache = cache_on(redis_server)
    cache.put_many(vectors("delta wave"))
    key = the_key(redis_server)
    with redis_server.client() as client:
        client.set(key, broken(client.get(key))[how])
    assert cache.get_many(["delta wave"]) == {}
    cache.put_many(vectors("delta wave"))
    assert list(cache.get_many(["delta wave"])) == ["delta wave"]


@pytest.mark.parametrize(
    "vector",
    [
        np.zeros(DIMENSION),
        np.full(DIMENSION, np.nan),
        np.full(DIMENSION, np.inf),
        np.ones(DIMENSION),
    ],
    ids=["zero", "nan", "infinite", "long"],
)
def test_a_vector_that_is_no_embedding_is_not_taken_although_its_digest_fits(
    redis_server: RedisServer, cache_on: CacheMaker, vector: NDArray[Any]
) -> None:
    cache = cache_on(redis_server)
    cache.put_many({"delta wave": vector.astype(np.float32)})
    assert cache.get_many(["delta wave"]) == {}


def test_a_key_of_another_type_is_as_good_as_nothing_and_is_replaced(
    redis_server: RedisServer, cache_on: CacheMaker
) -> None:
    cache = cache_on(redis_server)
    cache.put_many(vectors("delta wave"))
    key = the_key(redis_server)
    with redis_server.client() as client:
        client.delete(key)
        client.rpush(key, "x")
    assert cache.get_many(["delta wave"]) == {}
    cache.put_many(vectors("delta wave"))
    assert list(cache.get_many(["delta wave"])) == ["delta wave"]


def test_without_redis_nothing_is_found_and_nothing_raised(
    start_redis: RedisStarter, cache_on: CacheMaker
) -> None:
    server = start_redis()
    cache = cache_on(server)
    server.kill()
    cache.put_many(vectors("delta wave"))
    assert cache.get_many(["delta wave"]) == {}


def test_a_full_redis_drops_embeddings_and_never_conditions(
    start_redis: RedisStarter, cache_on: CacheMaker
) -> None:
    server = start_redis("--maxmemory-policy", "volatile-lru")
    cache = cache_on(server)
    with server.client() as client:
        client.set("condition", b"x" * 1000)
        used = int(client.info("memory")["used_memory"])
        client.config_set("maxmemory", used + 200_000)
        for start in range(0, 3000, 100):
            cache.put_many(vectors(*(f"term {start + number}" for number in range(100))))
        assert client.info("stats")["evicted_keys"] > 0
        assert client.exists("condition")
    assert "term 2999" in cache.get_many(["term 0", "term 2999"])
