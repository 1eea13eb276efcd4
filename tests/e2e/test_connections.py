"""Connections that cost without asking for anything: each is bounded, and others go on."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from service.access.keys import PlainKey, Scope, new_key
from tests.support.keys import bearer, make_record, write_keys
from tests.support.recordings import make_wfdb
from tests.support.server import Server, running, wait_for
from tests.support.service import as_upload
from tests.support.sockets import PART, answer, chunked, head_and_body

MAX_CONNECTIONS = 12
REFUSALS = 20
# What a socket on loopback may hold beside what was read.
BUFFERED_BYTES = 16 * 1024 * 1024
ENDLESS_BYTES = 64 * 1024 * 1024


class Site:
    """A server that asks for keys, with a key for each purpose."""

    def __init__(self, server: Server, folder: Path, keys: dict[str, PlainKey]) -> None:
        self.server = server
        self.audit = folder / "audit.log"
        self.keys = keys

    def head(self, method: str, path: str, key: str | None = None, *headers: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
        lines += [f"Authorization: Bearer {self.keys[key].text}"] if key else []
        return "\r\n".join([*lines, "", ""]).encode()

    def diagnosed(self) -> int:
        with self.server.client() as client:
            return client.post(
                "/diagnose", headers=bearer(self.keys["good"]), files=as_upload(make_wfdb()),
                data={"queries": ["sinus rhythm"]},
            ).status_code  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("connections")
    keys = {name: new_key() for name in ("good", "metrics", "spent")}
    limits = {"spent": {"rate_limit": "1/hour"}}
    scopes = {"good": Scope.DIAGNOSE, "metrics": Scope.METRICS, "spent": Scope.DIAGNOSE}
    write_keys(
        folder / "keys.json",
        *(
            make_record(key, scopes=frozenset({scopes[name]}), **limits.get(name, {}))
            for name, key in keys.items()
        ),
    )
    options = {
        "store_path": folder / "conditions.sqlite3",
        "api_keys_file": folder / "keys.json",
        "audit_log": folder / "audit.log",
        "max_connections": MAX_CONNECTIONS,
        "refusal_rate_limit": f"{REFUSALS}/minute",
    }
    with running(folder / "log", options) as server:
        with server.client() as client:
            client.get("/model", headers=bearer(keys["spent"]))
        yield Site(server, folder, keys)


REFUSED = {
    401: ("POST", "/diagnose", None),
    403: ("POST", "/diagnose", "metrics"),
    404: ("POST", "/nothing", "good"),
    405: ("PUT", "/diagnose", "good"),
    429: ("POST", "/diagnose", "spent"),
}


@pytest.mark.parametrize("status", REFUSED)
def test_a_body_after_a_refusal_is_read_to_a_mebibyte_and_no_further(
    site: Site, status: int
) -> None:
    head = site.head(*REFUSED[status], "Transfer-Encoding: chunked")
    with site.server.connect() as connection:
        connection.sendall(head)
        assert answer(connection)[0] == status
        assert sent_until_closed(connection, chunked(bytes(65536))) < BUFFERED_BYTES


@pytest.mark.parametrize("status", [401, 404])
def test_a_large_body_that_was_announced_is_left_unread_for_a_while(
    site: Site, status: int
) -> None:
    head = site.head(*REFUSED[status], f"Content-Length: {ENDLESS_BYTES}")
    with site.server.connect() as connection:
        connection.sendall(head)
        assert answer(connection)[0] == status
        refused = time.monotonic()
        assert sent_until_closed(connection, bytes(65536)) < BUFFERED_BYTES
        assert time.monotonic() - refused > 1.5


def test_who_still_sends_after_a_refusal_gives_way(site: Site) -> None:
    head = site.head(*REFUSED[404], f"Content-Length: {ENDLESS_BYTES}")
    with ExitStack() as stack:
        for _ in range(2 * MAX_CONNECTIONS):
            connection = stack.enter_context(site.server.connect())
            connection.sendall(head)
            assert answer(connection)[0] == 404
        assert site.diagnosed() == 200


@pytest.mark.parametrize("status", [401, 404])
def test_a_body_that_trickles_after_a_refusal_is_cut_off_in_seconds(
    site: Site, status: int
) -> None:
    head = site.head(*REFUSED[status], f"Content-Length: {ENDLESS_BYTES}")
    with site.server.connect() as connection:
        connection.sendall(head + b"0")
        assert answer(connection)[0] == status
        connection.settimeout(15)
        assert closed(connection)


def test_a_body_that_breaks_after_its_refusal_is_not_answered_again(site: Site) -> None:
    head = site.head(*REFUSED[404], "Transfer-Encoding: chunked")
    with site.server.connect() as connection:
        connection.sendall(head)
        assert answer(connection)[0] == 404
        connection.sendall(b"rubbish\r\n")
        connection.settimeout(15)
        assert connection.recv(1) == b""


def test_a_small_body_after_a_refusal_leaves_the_connection_to_the_next_request(
    site: Site,
) -> None:
    with site.server.connect() as connection:
        connection.sendall(site.head("POST", "/nothing", "good", "Content-Length: 5"))
        assert answer(connection)[0] == 404
        connection.sendall(b"12345" + site.head("GET", "/healthz"))
        assert b" 200 " in head_and_body(connection)[0].splitlines()[0]


def test_a_body_in_crumbs_is_refused(site: Site) -> None:
    head = site.head(
        "POST", "/diagnose", "good", "Content-Type: multipart/form-data; boundary=line",
        "Transfer-Encoding: chunked",
    )  # fmt: skip
    with site.server.connect() as connection:
        connection.sendall(head + chunked(PART))
        sent_until_closed(connection, b"1\r\n0\r\n" * 2000, at_most=40 * 2000 * 6)
        status, problem = answer(connection)
        # The end of the answer is told, though what is still sent is not read.
        assert connection.recv(1) == b""
    assert (status, problem["type"]) == (400, "urn:cardioquery:problem:unreadable-request")


def test_a_table_sent_line_by_line_is_no_crumbs(site: Site) -> None:
    line = ",".join(["0.125"] * 12).encode() + b"\n"
    head = site.head(
        "POST", "/diagnose", "good", "Content-Type: multipart/form-data; boundary=line",
        "Transfer-Encoding: chunked",
    )  # fmt: skip
    rate = b'\r\n--line\r\nContent-Disposition: form-data; name="sampling_rate_hz"\r\n\r\n500'
    with site.server.connect() as connection:
        connection.sendall(head + chunked(PART + b"I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5,V6\n"))
        connection.sendall(chunked(line) * 10_000)
        connection.sendall(chunked(rate + b"\r\n--line--\r\n") + b"0\r\n\r\n")
        # Constant leads cannot be scored: it was read to its end.
        assert answer(connection)[1]["type"] == "urn:cardioquery:problem:unusable-recording"


def test_idle_connections_give_way(site: Site) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(site.server.connect()) for _ in range(3 * MAX_CONNECTIONS)]
        assert site.diagnosed() == 200
        idle[0].settimeout(15)
        assert closed(idle[0])


def test_when_all_connections_are_busy_health_is_still_told(site: Site) -> None:
    head = site.head(
        "POST", "/diagnose", "good", "Content-Type: multipart/form-data; boundary=line",
        f"Content-Length: {ENDLESS_BYTES // 4}",
    )  # fmt: skip
    with ExitStack() as stack:
        for _ in range(MAX_CONNECTIONS):
            connection = stack.enter_context(site.server.connect())
            connection.sendall(head + PART)
        wait_for(lambda: refused_for_want_of_room(site), within_s=20)
        with site.server.client() as client:
            assert client.get("/healthz").status_code == 200
            assert client.get("/readyz").headers["connection"] == "close"
    wait_for(lambda: site.diagnosed() == 200, within_s=20)


def test_a_flood_of_refusals_is_throttled_and_does_not_fill_the_audit_log(site: Site) -> None:
    with site.server.client() as client:
        statuses = [client.get("/model").status_code for _ in range(3 * REFUSALS)]
        assert statuses[-1] == 429
        last = client.get("/model")
        assert "retry-after" in last.headers
        # Whoever floods has to connect anew for each.
        assert last.headers["connection"] == "close"
    lines = [json.loads(line) for line in site.audit.read_text().splitlines()]
    assert sum("key_id" not in line for line in lines) <= 2 * REFUSALS
    assert site.diagnosed() == 200


def refused_for_want_of_room(site: Site) -> bool:
    response = httpx.get(f"{site.server.url}/model", headers=bearer(site.keys["good"]))
    return response.status_code == 503 and "retry-after" in response.headers


def sent_until_closed(connection: socket.socket, block: bytes, at_most: int = ENDLESS_BYTES) -> int:
    """How many bytes the other side let through."""
    sent = 0
    try:
        while sent < at_most:
            connection.sendall(block)
            sent += len(block)
    except (ConnectionError, TimeoutError):
        pass
    return sent


def closed(connection: socket.socket) -> bool:
    """Whether the other side hangs up before the time-out of the socket."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True
