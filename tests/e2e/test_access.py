"""API keys, limits and the audit log of real servers."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cardioquery import AccessDenied, Client
from cardioquery.cli.exits import ExitCode
from cardioquery.demo.server import running_server
from cardioquery.demo.simulator import csv_of, simulate
from service.access.keys import Scope
from tests.support.keys import bearer, make_keys
from tests.support.redis import RedisStarter
from tests.support.server import ServerStarter, run, wait_for

REVOKED_WITHIN_S = 60.0


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "keys.json"


@pytest.fixture
def url(key_file: Path) -> Iterator[str]:
    """A server that asks for keys; the file holds one that is not used."""
    run("keys", "create", "nobody", CARDIOQUERY_API_KEYS_FILE=str(key_file))
    options = {
        "CARDIOQUERY_API_KEYS_FILE": str(key_file),
        "CARDIOQUERY_AUDIT_LOG": str(key_file.with_name("audit.log")),
    }
    with running_server(ready_within_s=120.0, options=options) as (address, _):
        yield address


def ask_on(url: str, key: str) -> None:
    deadline = time.monotonic() + REVOKED_WITHIN_S
    with Client(url, api_key=key) as client:
        while time.monotonic() < deadline:
            client.model()


def test_a_key_from_its_making_to_its_end(url: str, key_file: Path, tmp_path: Path) -> None:
    file = {"CARDIOQUERY_API_KEYS_FILE": str(key_file)}
    table = tmp_path / "mustermann.csv"
    table.write_bytes(csv_of(simulate()))
    asked = ("diagnose", table, "-q", "sinus rhythm", "--url", url)

    without = run(*asked)
    assert without.returncode == ExitCode.REFUSED
    assert "An API key is needed (401)" in without.stderr

    key = run("keys", "create", "PACS", **file).stdout.strip()
    deadline = time.monotonic() + REVOKED_WITHIN_S
    while run("model", "--url", url, CARDIOQUERY_API_KEY=key).returncode != ExitCode.OK:
        assert time.monotonic() < deadline
    answered = run(*asked, CARDIOQUERY_API_KEY=key)
    assert answered.returncode == ExitCode.OK, answered.stderr
    forbidden = run("conditions", "add", "anything", "--url", url, CARDIOQUERY_API_KEY=key)
    assert forbidden.returncode == ExitCode.REFUSED
    assert "(403)" in forbidden.stderr

    key_id = key.split("_")[1]
    assert run("keys", "revoke", key_id, **file).returncode == ExitCode.OK
    with pytest.raises(AccessDenied):
        ask_on(url, key)

    # A line is written once its answer was sent.
    audit_log = key_file.with_name("audit.log")
    wait_for(
        lambda: json.loads(audit_log.read_text().splitlines()[-1]).get("refusal") == "key_revoked"
    )
    audit = audit_log.read_text()
    lines = [json.loads(line) for line in audit.splitlines()]
    changes = [(line["event"], line["key_id"]) for line in lines if line["event"] != "access"]
    assert changes == [("key_created", key_id), ("key_revoked", key_id)]
    accesses = [line for line in lines if line["event"] == "access"]
    outcomes = [(line.get("key_id"), line["status"], line.get("refusal")) for line in accesses]
    assert outcomes[0] == (None, 401, "key_missing")
    assert (key_id, 200, None) in outcomes
    assert (key_id, 403, "scope_missing") in outcomes
    assert outcomes[-1] == (key_id, 401, "key_revoked")
    assert "mustermann" not in audit
    assert "sinus" not in audit
    assert key.split("_")[2] not in audit


def test_without_a_server_no_key_is_asked_for(key_file: Path, tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_bytes(csv_of(simulate()))
    store = str(tmp_path / "conditions.sqlite3")
    result = run(
        "diagnose", table, "-q", "sinus rhythm", "--local",
        CARDIOQUERY_API_KEYS_FILE=str(key_file), CARDIOQUERY_STORE_PATH=store,
    )  # fmt: skip
    assert result.returncode == ExitCode.OK, result.stderr


def test_a_large_upload_with_a_wrong_key_is_answered_and_the_connection_goes_on(
    start_server: ServerStarter, key_file: Path
) -> None:
    (key,) = make_keys(key_file, Scope.DIAGNOSE)
    server = start_server(api_keys_file=key_file)
    files = {"recording": ("a.csv", bytes(8_000_000))}
    with server.client() as client:
        for _ in range(2):
            assert client.post("/diagnose", files=files).status_code == 401
            assert client.get("/model", headers=bearer(key)).status_code == 200


def test_the_address_that_a_caller_claims_is_not_believed(start_server: ServerStarter) -> None:
    def statuses(url: str) -> list[int]:
        claims = ({"X-Forwarded-For": f"192.0.2.{number}"} for number in range(3))
        return [httpx.get(f"{url}/model", headers=claim).status_code for claim in claims]

    plain = start_server(anonymous_rate_limit="1/hour", allow_anonymous=True)
    assert statuses(plain.url) == [200, 429, 429]
    proxied = start_server(
        anonymous_rate_limit="1/hour", allow_anonymous=True, trusted_proxies='["127.0.0.1"]'
    )
    assert statuses(proxied.url) == [200, 200, 200]


def test_replicas_share_limits_through_redis_and_do_without_it(
    start_server: ServerStarter, start_redis: RedisStarter, key_file: Path
) -> None:
    (key,) = make_keys(key_file, Scope.ADMIN, rate_limit="4/hour")
    redis = start_redis()
    options = {"api_keys_file": key_file, "redis_url": redis.url}
    servers = [start_server(**options) for _ in range(2)]

    def ask(number: int) -> int:
        return httpx.get(f"{servers[number].url}/model", headers=bearer(key)).status_code

    assert [ask(number) for number in (0, 1, 0, 1, 0, 1)] == [200, 200, 200, 200, 429, 429]
    redis.kill()
    # Each counts for itself now: nobody is refused because of Redis, and nobody is unbounded.
    assert [ask(0) for _ in range(5)] == [200, 200, 200, 200, 429]


def test_beyond_loopback_without_keys_a_server_stops_and_says_what_to_do() -> None:
    result = run("serve", CARDIOQUERY_HOST="0.0.0.0", CARDIOQUERY_PORT="0")
    assert result.returncode == ExitCode.CANNOT_START
    assert "cardioquery keys create" in result.stderr
