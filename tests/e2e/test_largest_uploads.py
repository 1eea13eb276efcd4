"""Many of the largest uploads at once: as many are answered as there is room for."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from service.access.keys import Scope
from tests.support.keys import bearer, make_keys
from tests.support.recordings import make_csv, make_recording
from tests.support.server import START_S, Server, ServerStarter, running, wait_for
from tests.support.service import as_upload
from tests.support.sockets import PART, chunked, head_and_body

LARGEST = 1_500_000
STATED = {"queries": ["sinus rhythm"]}
HEAD = (
    "POST /diagnose HTTP/1.1\r\nHost: localhost\r\n{}"
    "Content-Type: multipart/form-data; boundary=line\r\n"
)


def request_of(url: str, headers: dict[str, str] | None = None) -> tuple[bytes, bytes]:
    """Head and body of a request that is nearly as large as may be."""
    (table,) = make_csv(make_recording(duration_s=10.0))
    # Comments: the time goes into sending, not into reading.
    note = b"# " + b"x" * 5000 + b"\n"
    content = note * ((LARGEST - len(table.content) - 2000) // len(note)) + table.content
    files = [("recording", ("a.csv", content))]
    request = httpx.Request("POST", f"{url}/diagnose", files=files, data=STATED, headers=headers)
    body = request.read()
    assert 0.99 * LARGEST < len(body) <= LARGEST
    lines = [f"{name}: {value}\r\n" for name, value in request.headers.items()]
    return b"POST /diagnose HTTP/1.1\r\n" + "".join(lines).encode() + b"\r\n", body


def status_of(connection: socket.socket) -> int:
    return int(head_and_body(connection)[0].split()[1])


def in_chunks(head: bytes) -> bytes:
    lines = head.split(b"\r\n")
    lines = [line for line in lines if not line.lower().startswith(b"content-length")]
    return b"\r\n".join([*lines[:-2], b"Transfer-Encoding: chunked", b"", b""])


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_of_the_largest_uploads_in_parallel_as_many_are_answered_as_there_is_room_for(
    start_server: ServerStarter, announced: bool
) -> None:
    server = start_server(max_upload_bytes=LARGEST, max_uploads_bytes=2 * LARGEST + LARGEST // 2)
    head, body = request_of(server.url)
    step = len(body) // 20
    pieces = [body[start : start + step] for start in range(0, len(body), step)]
    if not announced:
        head, pieces = in_chunks(head), [*map(chunked, pieces), b"0\r\n\r\n"]
    for _ in range(3):
        with ExitStack() as stack:
            connections = [stack.enter_context(server.connect()) for _ in range(8)]
            # In turns, as parallel senders on one line: all have begun before one has ended.
            for piece in (head, *pieces):
                for connection in connections:
                    with suppress(OSError):
                        connection.sendall(piece)
            statuses = sorted(map(status_of, connections))
        assert set(statuses) == {200, 503}
        assert statuses.count(200) >= 2


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with room for one of the largest uploads."""
    folder = tmp_path_factory.mktemp("narrow")
    options = {
        "store_path": folder / "conditions.sqlite3",
        "max_upload_bytes": LARGEST,
        "max_uploads_bytes": LARGEST,
        "upload_timeout_s": 2.0,
    }
    with running(folder / "log", options) as made:
        yield made


def announce(connection: socket.socket, content: bytes = PART) -> None:
    connection.sendall(HEAD.format("").encode() + f"Content-Length: {LARGEST}\r\n\r\n".encode())
    connection.sendall(content)


def hang_up(connection: socket.socket) -> None:
    announce(connection)


def send_nothing_more(connection: socket.socket) -> None:
    announce(connection)
    assert status_of(connection) == 408


def send_no_form(connection: socket.socket) -> None:
    announce(connection, b"no boundary" * 1000)
    assert status_of(connection) == 400


def break_http(connection: socket.socket) -> None:
    head = HEAD.format("") + "Transfer-Encoding: chunked\r\n\r\n"
    connection.sendall(head.encode() + chunked(PART) + chunked(b"0" * 500_000) + b"rubbish\r\n")
    assert status_of(connection) == 400


def be_refused(connection: socket.socket) -> None:
    end = b"\r\n--line--\r\n"
    announce(connection, PART + b"0" * (LARGEST - len(PART) - len(end)) + end)
    assert status_of(connection) == 422


@pytest.mark.parametrize("end", [hang_up, send_nothing_more, send_no_form, break_http, be_refused])
def test_what_was_announced_is_given_back_however_it_ends(
    narrow: Server, end: Callable[[socket.socket], None]
) -> None:
    head, body = request_of(narrow.url)

    def largest() -> int:
        with narrow.connect() as connection:
            connection.sendall(head + body)
            return status_of(connection)

    for _ in range(2):
        with narrow.connect() as connection:
            end(connection)
        # A client that has gone is noticed a moment later.
        wait_for(lambda: largest() == 200)


@contextmanager
def announcing(server: Server, key: str, count: int) -> Iterator[list[socket.socket]]:
    """So many requests that announce the largest upload and send hardly anything of it."""
    head = HEAD.format(f"Authorization: Bearer {key}\r\n")
    with ExitStack() as stack:
        made = [stack.enter_context(server.connect()) for _ in range(count)]
        for connection in made:
            connection.sendall(f"{head}Content-Length: {LARGEST}\r\n\r\n".encode() + PART)
        yield made


def test_a_key_that_announces_as_much_as_it_can_keeps_no_other_key_out(
    start_server: ServerStarter, tmp_path: Path
) -> None:
    path = tmp_path / "keys.json"
    greedy, honest = make_keys(path, Scope.DIAGNOSE, Scope.DIAGNOSE)
    server = start_server(
        api_keys_file=path,
        max_upload_bytes=LARGEST,
        max_uploads_bytes=3 * LARGEST,
        upload_timeout_s=START_S,
    )
    head, body = request_of(server.url, bearer(honest))
    with announcing(server, greedy.text, 8) as held, server.client() as client:
        # Until all are there: three would fit, two are let in.
        for refused in _refused(held):
            assert refused == 503
        with server.connect() as connection:
            connection.sendall(head + body)
            assert status_of(connection) == 200
        few = as_upload(make_csv(make_recording()))
        mine = client.post("/diagnose", files=few, data=STATED, headers=bearer(greedy))
        assert mine.status_code == 503
        assert int(mine.headers["retry-after"]) >= 1


def _refused(connections: list[socket.socket]) -> list[int]:
    """The answers of those that get one; two get none, for they are waited for."""
    found = []
    for connection in connections:
        connection.settimeout(5.0)
        with suppress(TimeoutError):
            found.append(status_of(connection))
    assert len(found) == len(connections) - 2
    return found
