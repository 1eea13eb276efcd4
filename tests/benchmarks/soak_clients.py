"""The clients of a soak: those that behave, those that do not, and what each has to see."""

import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any

import httpx

from ecg_core.readers import UploadedFile
from tests.e2e.hostile_rows import ROWS, Row
from tests.support.service import as_upload

# What may be answered when there is no room or no time: not wrong, but not counted as an answer.
BUSY = frozenset({429, 503, 504})
TIMEOUT_S = 60.0
# Inputs of several megabytes would only measure how fast this program builds them.
HEAVY = (" MB", "1e7 ", "10,0", "30,000", "50,000", "100,000", "bomb", "1 million", "segments")


@dataclass(frozen=True)
class Question:
    """A recording with queries, and the findings that the engine gives in this process."""

    files: Sequence[UploadedFile]
    queries: Sequence[str]
    findings: list[dict[str, Any]]


@dataclass
class Tally:
    """What was sent and what came of it; shared by all clients."""

    outcomes: Counter[str] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def count(self, outcome: str) -> None:
        """One more of these."""
        with self._lock:
            self.outcomes[outcome] += 1

    def complain(self, what: str) -> None:
        """Something that must not be."""
        with self._lock:
            self.outcomes["WRONG"] += 1
            self.wrong.append(what[:500])

    def took(self, seconds: float) -> None:
        """How long a good request took."""
        with self._lock:
            self.latencies_s.append(seconds)


class SoakClient:
    """One client after another, chosen by lot, until told to stop.

    Args:
        url: Of the server.
        questions: What good clients ask.
        seed: Of the lots.
        tally: Where outcomes are counted.
    """

    def __init__(self, url: str, questions: Sequence[Question], seed: int, tally: Tally) -> None:
        self._url = httpx.URL(url)
        self._questions = questions
        self._random = random.Random(seed)
        self._tally = tally
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_S)
        self._bad = [row for row in ROWS if not any(word in row.name for word in HEAVY)]
        self._ways: dict[Callable[[], None], int] = {
            self.ask: 60,
            self.send_rubbish: 15,
            self.hang_up: 12,
            self.dawdle: 3,
            self.register: 5,
            self.look_around: 5,
        }

    def run(self, stop: Event) -> None:
        """Send until told to stop; nothing that happens ends it earlier."""
        ways, weights = list(self._ways), list(self._ways.values())
        while not stop.is_set():
            (way,) = self._random.choices(ways, weights)
            try:
                way()
            except Exception as error:
                self._tally.complain(f"{way.__name__}: {type(error).__name__}: {error}")
        self._http.close()

    def ask(self) -> None:
        """A good request, whose answer has to be the right one to the last bit."""
        question = self._random.choice(self._questions)
        started = time.perf_counter()
        response = self._http.post(
            "/diagnose", files=as_upload(question.files), data={"queries": list(question.queries)}
        )
        if self._check("good", response.status_code, {200}):
            self._tally.took(time.perf_counter() - started)
            self._compare(response, question)

    def send_rubbish(self) -> None:
        """A hostile input, which has to be refused as it always is."""
        row: Row = self._random.choice(self._bad)
        self._check(f"bad ({row.status})", row.send(self._http).status_code, {row.status}, row.name)

    def hang_up(self) -> None:
        """A good request whose client does not wait: before its end, or before the answer."""
        head, body = self._raw(self._random.choice(self._questions))
        part = self._random.choice((0.0, 0.5, 1.0))
        with self._connected() as connection:
            connection.sendall(head + body[: int(part * len(body))])
            time.sleep(self._random.uniform(0.0, 0.05))
        self._tally.count("cancelled")

    def dawdle(self) -> None:
        """A good request that takes its time to arrive, and is answered all the same."""
        question = self._random.choice(self._questions)
        head, body = self._raw(question)
        step = len(body) // 10 + 1
        with self._connected() as connection:
            connection.sendall(head)
            for start in range(0, len(body), step):
                connection.sendall(body[start : start + step])
                time.sleep(0.2)
            response = _read_answer(connection)
        if self._check("slow", response.status_code, {200}):
            self._compare(response, question)

    def register(self) -> None:
        """A condition that comes and goes."""
        text = f"tall wave of kind {self._random.randrange(40)}"
        made = self._http.post("/queries", json={"text": text})
        if self._check("registered", made.status_code, {200, 201}):
            path = f"/queries/{made.json()['id']}"
            # Another client may have removed it meanwhile.
            self._check("read", self._http.get(path).status_code, {200, 404})
            self._check("removed", self._http.delete(path).status_code, {204, 404})

    def look_around(self) -> None:
        """What a monitor asks."""
        for path in ("/healthz", "/readyz", "/metrics", "/model", "/queries"):
            self._check("other", self._http.get(path).status_code, {200})

    def _check(self, kind: str, status: int, right: set[int], what: str = "") -> bool:
        if status in right:
            self._tally.count(kind)
        elif status in BUSY:
            self._tally.count(f"busy ({status})")
        else:
            self._tally.complain(f"{kind} {what}: status {status}")
        return status in right

    def _compare(self, response: httpx.Response, question: Question) -> None:
        if response.json()["findings"] != question.findings:
            self._tally.complain(f"other findings than in process: {response.text}")

    def _raw(self, question: Question) -> tuple[bytes, bytes]:
        request = httpx.Request(
            "POST",
            self._url.join("/diagnose"),
            files=as_upload(question.files),
            data={"queries": list(question.queries)},
            headers={"Connection": "close"},
        )
        body = request.read()
        lines = [f"{name}: {value}\r\n" for name, value in request.headers.items()]
        return b"POST /diagnose HTTP/1.1\r\n" + "".join(lines).encode() + b"\r\n", body

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        address = (self._url.host, self._url.port or 80)
        with socket.create_connection(address, timeout=TIMEOUT_S) as connection:
            yield connection


def _read_answer(connection: socket.socket) -> httpx.Response:
    """Status and body of an answer after which the server hangs up."""
    received = b""
    while chunk := connection.recv(1 << 20):
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    return httpx.Response(int(head.split()[1]), content=body)
