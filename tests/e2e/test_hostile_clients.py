"""Clients that lie about lengths, dawdle or hang up; after each the next request is answered."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from tests.support.recordings import make_wfdb
from tests.support.server import Server, wait_for
from tests.support.service import as_upload
from tests.support.sockets import PART, answer, chunked, head_and_body

HEAD = (
    b"POST /diagnose HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: multipart/form-data; boundary=line\r\n"
)
MAX_UPLOAD_BYTES = 2_000_000
# Time-outs of the server are 1.5 s; by the clock on the wall only a hang is told.
HANG_S = 20.0


@pytest.fixture(autouse=True)
def next_request_is_answered(server: Server) -> Iterator[None]:
    yield
    with server.client() as client:
        response = client.post(
            "/diagnose", files=as_upload(make_wfdb()), data={"queries": ["sinus rhythm"]}
        )
    assert response.status_code == 200


def test_more_than_the_announced_bytes_are_not_read(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(HEAD + b"Content-Length: 20\r\n\r\n" + PART + b"0" * 100_000)
        # The server itself may answer first: what follows the 20 bytes is no request.
        assert b" 400 " in head_and_body(connection)[0].splitlines()[0]


def test_an_announced_length_over_the_limit_is_refused_before_it_is_sent(server: Server) -> None:
    with server.connect() as connection:
        head = HEAD + b"Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n"
        connection.sendall(head)
        # Were the body waited for, it would be 408.
        assert answer(connection)[0] == 413


def test_a_body_without_a_length_is_bounded(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(PART))
        block = chunked(b"0" * 100_000)
        for _ in range(MAX_UPLOAD_BYTES // 100_000 + 1):
            connection.sendall(block)
        status, problem = answer(connection)
    assert (status, problem["type"]) == (413, "urn:cardioquery:problem:upload-too-large")


def test_a_client_that_sends_on_and_on_is_cut_off(server: Server) -> None:
    block = chunked(b"0" * 100_000)
    sent = 0
    with server.connect() as connection, suppress(OSError):
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(PART))
        while sent < 1000:
            connection.sendall(block)
            sent += 1
    assert sent < 500


def test_an_honest_client_gets_to_read_the_refusal(server: Server) -> None:
    files = [("recording", ("a.csv", b"0" * (MAX_UPLOAD_BYTES + 500_000)))]
    with server.client() as client:
        response = client.post("/diagnose", files=files)
    assert response.status_code == 413


def test_a_client_that_announces_more_than_it_sends_is_timed_out(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(HEAD + b"Content-Length: 50000\r\n\r\n" + PART)
        status, problem = answer(connection)
    assert (status, problem["type"]) == (408, "urn:cardioquery:problem:upload-timed-out")


def test_a_client_that_sends_a_byte_at_a_time_is_timed_out(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(HEAD + b"Content-Length: 50000\r\n\r\n" + PART)
        connection.settimeout(0.2)
        started = time.monotonic()
        received = b""
        while not received and time.monotonic() - started < HANG_S:
            connection.sendall(b"0")
            try:
                received = connection.recv(65536)
            except TimeoutError:
                continue
        assert received.startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("sent", [b"", PART, PART + b"0" * 50_000])
def test_a_client_that_hangs_up_half_way_is_forgotten(server: Server, sent: bytes) -> None:
    for _ in range(5):
        with server.connect() as connection:
            connection.sendall(HEAD + b"Content-Length: 100000\r\n\r\n" + sent)


def test_a_client_that_hangs_up_while_it_waits_is_forgotten(server: Server) -> None:
    request = httpx.Request("POST", server.url + "/diagnose", files=as_upload(make_wfdb()))
    body = request.read()
    lines = [f"{name}: {value}\r\n" for name, value in request.headers.items()]
    raw = b"POST /diagnose HTTP/1.1\r\n" + "".join(lines).encode() + b"\r\n" + body
    for _ in range(10):
        with server.connect() as connection:
            connection.sendall(raw)
    with server.client() as client:
        for gauge in ("cardioquery_queue_running 0.0", "cardioquery_queue_waiting 0.0"):
            wait_for(lambda gauge=gauge: gauge in client.get("/metrics").text)


@pytest.mark.parametrize(
    "raw",
    [
        b"rubbish\r\n\r\n",
        b"GET / HTTP/x.y\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nzz\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    ],
    ids=[
        *("rubbish", "no version", "TLS", "negative length", "two lengths", "length and chunks"),
        *("bad chunk", "long header"),
    ],
)
def test_what_is_no_http_is_refused_with_a_problem(server: Server, raw: bytes) -> None:
    with server.connect() as connection:
        # The server may hang up while the rest is still being sent.
        with suppress(OSError):
            connection.sendall(raw)
        try:
            status, problem = answer(connection)
        except ConnectionResetError:
            assert len(raw) > 100_000
            return
    assert (status, problem["type"]) == (400, "urn:cardioquery:problem:unreadable-request")
    assert problem["request_id"]


def test_headers_that_come_a_byte_at_a_time_are_timed_out(server: Server) -> None:
    with server.connect() as connection:
        connection.settimeout(0.2)
        received = b""
        for byte in b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 100:
            connection.sendall(bytes([byte]))
            with suppress(TimeoutError):
                received = connection.recv(65536)
            if received:
                break
        connection.settimeout(20)
        while more := connection.recv(65536):
            received += more
    assert received.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"urn:cardioquery:problem:upload-timed-out" in received


def test_a_connection_without_a_request_is_closed(server: Server) -> None:
    with server.connect() as connection:
        assert connection.recv(1) == b""


def test_slow_headers_after_an_answer_are_timed_out_as_well(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in head_and_body(connection)[0]
        connection.sendall(b"GET /hea")
        assert answer(connection)[0] == 408


def test_a_client_that_never_reads_is_cut_off(server: Server) -> None:
    requests = 2000
    with server.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with suppress(OSError):
            connection.settimeout(1.0)
            connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * requests)
        time.sleep(3.0)
        received = 0
        with suppress(OSError):
            connection.settimeout(5.0)
            while chunk := connection.recv(1 << 20):
                received += chunk.count(b"HTTP/1.1 200")
    assert received < requests


def test_a_websocket_is_not_opened(server: Server) -> None:
    with server.connect() as connection:
        upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        connection.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\n" + upgrade + key + b"\r\n")
        status, problem = answer(connection)
    assert (status, problem["type"]) == (404, "urn:cardioquery:problem:not-found")
