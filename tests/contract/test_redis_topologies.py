"""The service on Redis behind TLS, on Sentinels and on a Cluster."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.storage.redis.start import RedisUnusable
from tests.support.answers import NEW, OTHER, QUERIES, findings, metric, until_ready
from tests.support.clients import ClientMaker
from tests.support.redis import RedisServer, RedisStarter
from tests.support.redis_topologies import (
    Sentinel,
    eventually,
    make_certificate,
    start_cluster,
    tls_in_front_of,
)

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


def works(make: Callable[[], TestClient]) -> TestClient:
    """Two replicas share what they know; hands over the first."""
    one, other = make(), make()
    assert one.post("/queries", json=NEW).status_code == 201
    assert findings(one) == findings(other)
    assert NEW["name"] in findings(other)
    assert findings(one, *QUERIES) == findings(other, *QUERIES)
    assert metric(other, 'cardioquery_embedding_cache_total{level="redis"}') >= 1
    return one


def test_tls_and_a_password(
    start_redis: RedisStarter, make_client: ClientMaker, tmp_path: Path
) -> None:
    server = start_redis(password="p@ss/word")
    password = tmp_path / "password"
    password.write_text("p@ss/word\n")
    certificate, key = make_certificate(tmp_path)
    with tls_in_front_of(server, certificate, key) as port:
        works(
            lambda: make_client(
                redis_url=f"rediss://127.0.0.1:{port}/0",
                redis_password_file=password,
                redis_ca_file=certificate,
                redis_timeout_s=5,
            )
        )


def test_a_certificate_that_nobody_vouches_for_stops_the_start(
    redis_server: RedisServer,
    make_client: ClientMaker,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        tls_in_front_of(redis_server, *make_certificate(tmp_path)) as port,
        pytest.raises(RedisUnusable, match="not trusted: set CARDIOQUERY_REDIS_CA_FILE"),
    ):
        make_client(redis_url=f"rediss://127.0.0.1:{port}/0", redis_timeout_s=5)
    assert "refusing to start" in caplog.text


def test_a_certificate_for_another_host_stops_the_start(
    redis_server: RedisServer, make_client: ClientMaker, tmp_path: Path
) -> None:
    certificate, key = make_certificate(tmp_path)
    with (
        tls_in_front_of(redis_server, certificate, key) as port,
        pytest.raises(RedisUnusable, match="not trusted"),
    ):
        make_client(
            redis_url=f"rediss://localhost:{port}/0", redis_ca_file=certificate, redis_timeout_s=5
        )


@pytest.mark.parametrize("option", ["redis_password_file", "redis_ca_file"])
def test_a_file_that_is_not_there_stops_the_start(
    redis_server: RedisServer, make_client: ClientMaker, tmp_path: Path, option: str
) -> None:
    url = redis_server.url.replace("redis://", "rediss://")
    with pytest.raises(RedisUnusable, match="is not there"):
        make_client(redis_url=url, **{option: tmp_path / "absent"})


def test_sentinels_lead_to_the_server_and_to_the_one_that_replaces_it(
    start_redis: RedisStarter, redis_binary: Path, make_client: ClientMaker, tmp_path: Path
) -> None:
    first = start_redis(*DURABLE, password="secret")
    second = start_redis(
        *DURABLE,
        *("--replicaof", f"127.0.0.1 {first.port}", "--masterauth", "secret"),
        password="secret",
    )
    sentinel = Sentinel(redis_binary, tmp_path / "sentinel", first, "secret").start()
    try:
        url = f"redis+sentinel://:secret@127.0.0.1:{sentinel.port}/main/0"
        client = works(lambda: make_client(redis_url=url, redis_timeout_s=1))
        everything = findings(client)
        eventually(lambda: len(replicas(sentinel)) == 1, "the Sentinel knows the replica")
        first.kill()
        assert findings(client) == everything
        eventually(lambda: role(second) == "master", "the replica takes over")
        until_ready(client)
        assert findings(client) == everything
        assert client.post("/queries", json=OTHER).status_code == 201
        assert OTHER["name"] in findings(client)
    finally:
        sentinel.kill()


def replicas(sentinel: Sentinel) -> list[object]:
    with sentinel.client() as client:
        return list(client.sentinel_slaves("main"))


def role(server: RedisServer) -> str:
    with server.client() as client:
        return str(client.info("replication")["role"])


def test_a_cluster(start_redis: RedisStarter, make_client: ClientMaker) -> None:
    nodes = start_cluster(start_redis)
    url = f"redis+cluster://127.0.0.1:{nodes[1].port},127.0.0.1:{nodes[0].port}"
    client = works(lambda: make_client(redis_url=url, redis_timeout_s=1))
    everything = findings(client)
    for node in nodes:
        node.kill()
    assert findings(client) == everything
    assert client.post("/queries", json=OTHER).status_code == 503
    for node in nodes:
        node.start()
    until_ready(client)
    assert findings(client) == everything
    assert client.post("/queries", json=OTHER).status_code == 201


def test_a_cluster_under_the_url_of_a_server_stops_the_start(
    start_redis: RedisStarter, make_client: ClientMaker
) -> None:
    for node in start_cluster(start_redis):
        with pytest.raises(RedisUnusable, match=r"redis\+cluster://"):
            make_client(redis_url=node.url, redis_timeout_s=1)


def test_a_server_under_the_url_of_a_cluster_stops_the_start(
    redis_server: RedisServer, make_client: ClientMaker
) -> None:
    url = f"redis+cluster://127.0.0.1:{redis_server.port}"
    with pytest.raises(RedisUnusable, match="is no Cluster"):
        make_client(redis_url=url, redis_timeout_s=1)


def test_the_rights_that_the_documentation_names_suffice(
    start_redis: RedisStarter, make_client: ClientMaker
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "operate" / "redis.md").read_text()
    (rights,) = re.findall(r"^user (cardioquery .*)$", text, re.M)
    server = start_redis(*DURABLE)
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", *rights.split())
        client.execute_command("ACL", "SETUSER", "default", "off")
    url = f"redis://cardioquery:password@127.0.0.1:{server.port}/0"
    client = works(lambda: make_client(redis_url=url, redis_timeout_s=5))
    assert client.post("/queries", json=OTHER).status_code == 201
    assert client.post("/queries", json=OTHER).status_code == 200
    errors = re.findall(
        r"^cardioquery_redis_errors_total.* (.*)$", client.get("/metrics").text, re.M
    )
    assert set(errors) == {"0.0"}
    assert metric(client, "cardioquery_rate_limit_fallbacks_total") == 0
