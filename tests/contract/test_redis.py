"""Apps with the shipped bundle on a real Redis: what its failures do to answers."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from tests.support.answers import NEW, OTHER, QUERIES, findings, metric, problem, until_ready
from tests.support.clients import ClientMaker
from tests.support.redis import RedisServer, RedisStarter

Maker = Callable[..., TestClient]


@pytest.fixture
def make_replica(make_client: ClientMaker) -> Maker:
    """Makes apps that share one Redis."""

    def make(server: RedisServer, **options: object) -> TestClient:
        return make_client(redis_url=server.url, **options)

    return make


def test_replicas_share_conditions_from_one_request_to_the_next(
    redis_server: RedisServer, make_replica: Maker
) -> None:
    one, other = make_replica(redis_server), make_replica(redis_server)
    made = one.post("/queries", json=NEW)
    assert made.status_code == 201
    assert findings(other) == findings(one)
    assert NEW["name"] in findings(other)
    again = other.post("/queries", json=NEW)
    assert (again.status_code, again.json()) == (200, made.json())
    assert other.delete(made.headers["location"]).status_code == 204
    assert NEW["name"] not in findings(one)
    assert one.get(made.headers["location"]).status_code == 404


def test_redis_changes_no_answer(
    redis_server: RedisServer, make_replica: Maker, make_client: ClientMaker
) -> None:
    one, other, alone = make_replica(redis_server), make_replica(redis_server), make_client()
    answers = [findings(client, *QUERIES) for client in (one, other, alone)]
    assert answers[0] == answers[1] == answers[2]


def test_what_one_replica_embedded_the_other_only_reads(
    redis_server: RedisServer, make_replica: Maker
) -> None:
    one, other = make_replica(redis_server), make_replica(redis_server)
    findings(one, *QUERIES)
    made = metric(other, 'cardioquery_embedding_cache_total{level="none"}')
    found = metric(other, 'cardioquery_embedding_cache_total{level="redis"}')
    findings(other, *QUERIES)
    assert metric(other, 'cardioquery_embedding_cache_total{level="none"}') == made
    assert metric(other, 'cardioquery_embedding_cache_total{level="redis"}') == found + 1
    findings(other, *QUERIES)
    assert metric(other, 'cardioquery_embedding_cache_total{level="redis"}') == found + 1


def fail(how: str, server: RedisServer) -> Callable[[], None]:
    """Make Redis fail; returns what mends it."""
    if how == "hanging":
        server.pause()
        return server.resume
    if how == "gone":
        server.kill()
        return lambda: server.start() and None
    client = server.client()
    client.config_set("requirepass", "changed")
    client.client_kill_filter(_type="normal", skipme=True)
    return lambda: client.config_set("requirepass", "") and client.close()


@pytest.mark.parametrize("how", ["hanging", "gone", "locked"])
def test_while_redis_fails_answers_stay_as_they_were(
    start_redis: RedisStarter, make_replica: Maker, how: str
) -> None:
    server = start_redis("--appendonly", "yes", "--appendfsync", "always")
    client = make_replica(server)
    location = client.post("/queries", json=NEW).headers["location"]
    before, everything = findings(client, *QUERIES), findings(client)
    mend = fail(how, server)
    assert findings(client, *QUERIES) == before
    assert findings(client) == everything
    assert "a hump that nobody asked for" in findings(client, "a hump that nobody asked for")
    assert metric(client, "cardioquery_redis_up") == 0
    refused = client.post("/queries", json=OTHER)
    problem(refused, 503, "store-unavailable")
    assert refused.headers["retry-after"] == "1"
    assert client.delete(location).status_code == 503
    problem(client.get("/readyz"), 503, "store-unavailable")
    degraded = client.get("/readyz", params={"exclude": "store"})
    assert (degraded.status_code, degraded.json()["degraded"]) == (200, ["store"])
    mend()
    until_ready(client)
    assert metric(client, "cardioquery_redis_up") == 1
    assert findings(client) == everything
    assert client.post("/queries", json=OTHER).status_code == 201
    assert OTHER["name"] in findings(client)


def test_readiness_excludes_nothing_that_it_does_not_know(client: TestClient) -> None:
    assert client.get("/readyz", params={"exclude": "model"}).status_code == 422
    assert client.get("/readyz", params={"exclude": "store"}).json()["degraded"] == []


def test_a_redis_that_was_emptied_gets_its_conditions_back(
    start_redis: RedisStarter, make_replica: Maker
) -> None:
    server = start_redis()
    client, other = make_replica(server), make_replica(server)
    client.post("/queries", json=NEW)
    everything = findings(client)
    server.restart(empty=True)
    until_ready(client)
    until_ready(other)
    assert findings(client) == findings(other) == everything


def test_garbage_in_redis_changes_no_answer(redis_server: RedisServer, make_replica: Maker) -> None:
    one = make_replica(redis_server)
    one.post("/queries", json=NEW)
    before, everything = findings(one, *QUERIES), findings(one)
    with redis_server.client() as redis:
        for key in redis.keys("cardioquery:embedding:*"):
            redis.set(key, b"garbage")
        other = make_replica(redis_server)
        assert findings(other, *QUERIES) == before
        redis.delete("{cardioquery:conditions}:by-term")
        redis.set("{cardioquery:conditions}:by-term", "no hash")
        redis.incr("{cardioquery:conditions}:revision")
    for client in (one, other):
        assert findings(client) == everything
        assert client.get("/readyz").status_code == 503
        assert client.post("/queries", json=OTHER).status_code == 503


def test_a_full_redis_refuses_conditions_and_still_answers(
    start_redis: RedisStarter, make_replica: Maker
) -> None:
    server = start_redis("--maxmemory-policy", "noeviction")
    client = make_replica(server)
    client.post("/queries", json=NEW)
    before = findings(client)
    with server.client() as redis:
        redis.config_set("maxmemory", 1)
    assert client.post("/queries", json=OTHER).status_code == 503
    new = "T waves like some new hump"
    assert new in findings(client, new)
    assert findings(client) == before
    assert client.get("/readyz").status_code == 200
    assert metric(client, 'cardioquery_redis_errors_total{operation="embeddings_write"}') == 1
    assert metric(client, "cardioquery_redis_up") == 1


def test_what_was_asked_stands_in_no_key_of_redis(
    redis_server: RedisServer, make_replica: Maker
) -> None:
    client = make_replica(redis_server)
    findings(client, "T waves like the camel hump of John Doe")
    with redis_server.client() as redis:
        assert not any(b"camel" in key or b"Doe" in key for key in redis.scan_iter())
        assert not any(b"Doe" in redis.dump(key) for key in redis.keys("cardioquery:embedding:*"))


@pytest.mark.parametrize(
    ("how", "advice"),
    [
        ("password", "Redis does not take the user or password"),
        ("gone", "Redis did not answer within 0.5 s"),
        ("garbage", "broken condition"),
    ],
)
def test_a_redis_that_cannot_be_used_stops_the_start_in_one_line(
    start_redis: RedisStarter,
    make_replica: Maker,
    caplog: pytest.LogCaptureFixture,
    how: str,
    advice: str,
) -> None:
    server = start_redis(password="right")
    if how == "password":
        server.password = "wrong"
    elif how == "gone":
        server.kill()
    else:
        with server.client() as redis:
            redis.hset("{cardioquery:conditions}:by-term", "field", "garbage")
    with pytest.raises(Exception, match=r"^(?!.*wrong)"):
        make_replica(server, redis_start_timeout_s=0.5)
    (line,) = [r.getMessage() for r in caplog.records if r.levelname == "CRITICAL"]
    assert advice in line
    assert "wrong" not in caplog.text


def test_the_start_waits_for_redis(start_redis: RedisStarter, make_replica: Maker) -> None:
    server = start_redis()
    server.pause()
    server.resume_after(1.0)
    assert findings(make_replica(server), *QUERIES)


def test_a_redis_that_may_lose_conditions_is_told_of(
    start_redis: RedisStarter, make_replica: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    make_replica(start_redis("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"))
    assert "no append-only file" in caplog.text
    assert "may evict conditions" in caplog.text
    caplog.clear()
    durable = ("--appendonly", "yes", "--maxmemory", "100mb", "--maxmemory-policy", "volatile-lru")
    make_replica(start_redis(*durable))
    assert "may " not in caplog.text
