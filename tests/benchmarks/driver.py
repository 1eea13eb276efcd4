"""A load generator that costs little: it shares the cores with the service that it measures.

Requests are bytes made once; answers are read as far as their status and length. Closed loop: so
many clients, each asking again when it is answered. Open loop: so many requests a second whatever
comes back, each timed from when it was due, so that a stalled service cannot hide its stalls.
"""

import asyncio
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from ecg_core.readers import UploadedFile

BROKEN = 0
"""The status of a request whose connection broke."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One request.

    Attributes:
        due_s: When it was to be sent, by the monotonic clock.
        took_s: From then until the whole answer was there.
        status: Of the answer; `BROKEN` if there was none.
    """

    due_s: float
    took_s: float
    status: int


def span_s(samples: Sequence[Sample]) -> float:
    """From when the first was due until the last was answered."""
    return max(s.due_s + s.took_s for s in samples) - min(s.due_s for s in samples)


def diagnose_request(
    url: str,
    files: Sequence[UploadedFile],
    queries: Sequence[str],
    key: str | None = None,
    stated: Mapping[str, str] | None = None,
) -> bytes:
    """The bytes of a `POST /diagnose`, with a key and facts about the files if stated."""
    upload = [("recording", (file.name, file.content)) for file in files]
    data = {"queries": [*queries], **(stated or {})}
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return _bytes_of(
        httpx.Request("POST", f"{url}/diagnose", files=upload, data=data, headers=headers)
    )


def post_request(url: str, body: bytes) -> bytes:
    """The bytes of a POST of JSON."""
    headers = {"Content-Type": "application/json"}
    return _bytes_of(httpx.Request("POST", url, content=body, headers=headers))


def _bytes_of(request: httpx.Request) -> bytes:
    body, path = request.read(), request.url.path
    lines = [f"{name}: {value}\r\n" for name, value in request.headers.items()]
    return f"POST {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode() + body


class _Connection(asyncio.Protocol):
    """One kept connection, one request at a time."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._head = b""
        self._total = 0
        self._answer: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> int:
        """The status of the answer, once all of it is there."""
        if self._transport is None or self._transport.is_closing():
            return BROKEN
        self._received.clear()
        self._total = 0
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._total:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head = bytes(self._received[:end]).lower() + b"\r\n"
            length = self._head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0]
            self._total = end + 4 + int(length)
        if len(self._received) >= self._total:
            if b"connection: close" in self._head and self._transport is not None:
                self._transport.close()
            self._tell(int(self._head.split(b" ", 2)[1]))

    def connection_lost(self, exc: Exception | None) -> None:
        self._tell(BROKEN)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _tell(self, status: int) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(status)


class _Pool:
    """Idle connections to one server; more are opened as they are needed."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._idle: list[_Connection] = []

    async def ask(self, request: bytes, due_s: float) -> Sample:
        try:
            connection = await self._taken()
            status = await connection.ask(request)
        except OSError:
            return Sample(due_s, time.monotonic() - due_s, BROKEN)
        if connection.usable:
            self._idle.append(connection)
        return Sample(due_s, time.monotonic() - due_s, status)

    async def _taken(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        _, made = await asyncio.get_running_loop().create_connection(_Connection, *self._address)
        return made

    def close(self) -> None:
        for connection in self._idle:
            connection.close()


class OneClient:
    """A client that asks when it is told to, on one kept connection."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._pool = _Pool(url)

    def ask(self, request: bytes) -> Sample:
        """The answer to one request."""
        return self._loop.run_until_complete(self._pool.ask(request, time.monotonic()))

    def close(self) -> None:
        """Hang up."""
        self._pool.close()
        # The transport closes in the loop's next turn.
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()


def closed_loop(url: str, request: bytes, clients: int, seconds: float) -> list[Sample]:
    """What so many clients see, each asking anew once it is answered."""

    async def one(pool: _Pool, end: float) -> list[Sample]:
        samples = []
        while (now := time.monotonic()) < end:
            samples.append(await pool.ask(request, now))
        return samples

    async def all_of_them() -> list[Sample]:
        pool = _Pool(url)
        end = time.monotonic() + seconds
        found = await asyncio.gather(*(one(pool, end) for _ in range(clients)))
        pool.close()
        return [sample for samples in found for sample in samples]

    return asyncio.run(all_of_them())


def open_loop(url: str, request: bytes, rate: float, seconds: float) -> list[Sample]:
    """What clients see that come at so many a second, evenly, whatever is answered."""

    async def all_of_them() -> list[Sample]:
        pool, pending = _Pool(url), list[Awaitable[Sample]]()
        start = time.monotonic()
        for number in range(round(rate * seconds)):
            due = start + number / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            pending.append(asyncio.create_task(pool.ask(request, due)))
        samples = await asyncio.gather(*pending)
        pool.close()
        return samples

    return asyncio.run(all_of_them())
