"""What hostile callers send, by kind: each kind has as many different members as are wanted.

A member is what one attacker does with a connection, again and again; it returns once all is sent.
"""

import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Thread
from urllib.parse import urlsplit

from ecg_core.leads import LEADS
from ecg_core.readers import UploadedFile
from tests.benchmarks.driver import diagnose_request
from tests.benchmarks.inputs import bench_queries, bench_recording
from tests.benchmarks.memory import largest_table
from tests.support.sockets import PART, chunked

Member = Callable[[socket.socket], None]

# Then an attacker hangs up and comes again.
_TIMEOUT_S = 10.0
# A generator without a pause would measure who gets more of the cores.
_PAUSE_S = 0.1
_ENDLESS_BYTES = 64 * 1024 * 1024
_NEGATED = 500
_IDLE_AT_ONCE = 50
_CHUNKED = (
    "POST /diagnose HTTP/1.1\r\nHost: localhost\r\n{}Transfer-Encoding: chunked\r\n"
    "Content-Type: multipart/form-data; boundary=line\r\n\r\n"
)


def _sends(request: bytes) -> Member:
    return lambda connection: connection.sendall(request)


def integer_table(number: int, url: str, key: str) -> Member:
    """One lead a line, integers with commas between and something at the end."""
    endings = (",NA", ",", ",x", "")
    row = ",1" * (60 + 250 * number)
    text = "\n".join(f"{lead}{row}{endings[number % 4]}" for lead in LEADS)
    return _sends(_asks(url, key, text.encode(), ["AFib"]))


def negated_queries(number: int, url: str, key: str) -> Member:
    """Hundreds of texts that deny something, no two alike."""
    texts = [f"no {text} of kind {number}" for text in bench_queries(_NEGATED)]
    return _sends(diagnose_request(url, bench_recording(), texts, key))


def largest_upload(number: int, url: str, key: str) -> Member:
    """A table as large as may be, every other with a character of four bytes."""
    return _sends(_asks(url, key, largest_table(wide=bool(number % 2)), ["AFib"]))


def endless_body(number: int, url: str, key: str) -> Member:
    """A body that goes on after its refusal, for want of a key, in pieces of some size."""
    del url, key
    block = chunked(b"0" * (1000 + 5000 * number))

    def send(connection: socket.socket) -> None:
        connection.sendall(_CHUNKED.format("").encode() + chunked(PART))
        for _ in range(_ENDLESS_BYTES // len(block)):
            connection.sendall(block)

    return send


def crumbs(number: int, url: str, key: str) -> Member:
    """A body in pieces of a few bytes."""
    del url
    head = _CHUNKED.format(f"Authorization: Bearer {key}\r\n").encode() + chunked(PART)
    return _sends(head + chunked(b"1" * (1 + number % 5)) * 200_000)


def idle_connections(number: int, url: str, key: str) -> Member:
    """Connections that ask for nothing, or for half of something."""
    del key
    parts = urlsplit(url)
    begun = b"GET /healthz HTTP/1.1\r\nHost: localh" if number % 2 else b""

    def send(connection: socket.socket) -> None:
        more = [
            socket.create_connection((parts.hostname, parts.port)) for _ in range(_IDLE_AT_ONCE)
        ]
        for each in (connection, *more):
            with suppress(OSError):
                each.sendall(begun)
        time.sleep(1.0)
        for each in more:
            each.close()

    return send


def wrong_key(number: int, url: str, key: str) -> Member:
    """A flood of requests with keys that nobody was given."""
    wrong = f"{key[:-1]}{'xyz'[number % 3]}{number}"
    lines = f"GET /queries HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {wrong}\r\n\r\n"
    return _sends(lines.encode() * 20)


KINDS: dict[str, Callable[[int, str, str], Member]] = {
    "integer tables": integer_table,
    "negated queries": negated_queries,
    "largest uploads": largest_upload,
    "endless bodies": endless_body,
    "crumbs": crumbs,
    "idle connections": idle_connections,
    "wrong keys": wrong_key,
}


def attack(kind: str, members: int, url: str, key: str, seconds: float) -> Counter[str]:
    """Let so many attackers go on for so long, each with a member of its own.

    Returns:
        How often which status was answered, or what became of the connection.
    """
    outcomes: Counter[str] = Counter()
    made = [KINDS[kind](number, url, key) for number in range(members)]
    end = time.monotonic() + seconds
    threads = [Thread(target=_again_and_again, args=(m, url, end, outcomes)) for m in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def _again_and_again(member: Member, url: str, end: float, outcomes: Counter[str]) -> None:
    parts = urlsplit(url)
    while time.monotonic() < end:
        outcomes[_outcome(member, (parts.hostname or "", parts.port or 80))] += 1
        time.sleep(_PAUSE_S)


def _outcome(member: Member, address: tuple[str, int]) -> str:
    """The status of the first answer, or what became of the connection."""
    try:
        with socket.create_connection(address, timeout=_TIMEOUT_S) as connection:
            # Who is refused while it sends may still read why.
            with suppress(BrokenPipeError, ConnectionResetError):
                member(connection)
            return connection.recv(4096).split(b" ", 2)[1].decode()
    except (OSError, IndexError) as error:
        return type(error).__name__


def _asks(url: str, key: str, table: bytes, queries: Sequence[str]) -> bytes:
    stated = {"sampling_rate_hz": "500", "units": "mV"}
    return diagnose_request(url, [UploadedFile("a.csv", table)], queries, key, stated)
