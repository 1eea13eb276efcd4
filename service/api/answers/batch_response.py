"""The answer of `POST /diagnose/batch`, written while the recordings are being scored."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import TypeAdapter
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

import api_schemas as wire
from api_schemas.fhir import FHIR_MEDIA_TYPE, Identifier
from service.api.answers.fhir import REQUEST_ID_SYSTEM, now
from service.api.disconnection import unless_disconnected

_STRING = TypeAdapter(str)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ItemAnswer:
    """One recording's part of the answer.

    Attributes:
        index: Its place in the batch.
        body: A `BatchItem`, or an entry of a FHIR bundle, as JSON without line ends.
        failed: Whether it holds a problem.
    """

    index: int
    body: bytes = field(repr=False)
    failed: bool


@dataclass(frozen=True, slots=True)
class BatchRun:
    """The work that is left when the answer begins.

    Attributes:
        request_id: The request's id.
        count: How many recordings there are.
        at_once: How many are being scored at the same time.
        answer: Scores one; it never raises but when it is cancelled.
        seconds: Longest time for all of it; a client that does not read is left then.
        held: What the batch holds until it is over.
    """

    request_id: str
    count: int
    at_once: int
    answer: Callable[[int], Awaitable[ItemAnswer]]
    seconds: float
    held: ExitStack


class BatchResponse(Response):
    """Writes one line a recording as soon as it is done, or one JSON document in order.

    Neither is ever held as a whole. A client that hangs up, or reads too slowly, gets no more, and
    the rest is not scored.
    """

    def __init__(self, run: BatchRun, *, as_lines: bool, as_fhir: bool = False) -> None:
        self._run = run
        self._as_lines = as_lines
        self._as_fhir = as_fhir
        self.status_code = 200
        self.background = None
        whole = FHIR_MEDIA_TYPE if as_fhir else "application/json"
        self.media_type = wire.NDJSON_MEDIA_TYPE if as_lines else whole
        # Proxies that gather an answer before they pass it on would undo the streaming.
        self.init_headers({"X-Accel-Buffering": "no"} if as_lines else None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Score and write."""
        with self._run.held:
            await unless_disconnected(receive, self._written(send))

    async def _written(self, send: Send) -> None:
        try:
            async with asyncio.timeout(self._run.seconds):
                await self._write(send)
        except OSError as error:  # a broken connection, or TimeoutError
            raise ClientDisconnect from error

    async def _write(self, send: Send) -> None:
        run = self._run
        writer = _Lines(send) if self._as_lines else self._document(send)
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        await writer.begin()
        await answer_each(run.count, run.at_once, run.answer, writer.take)
        await writer.end()

    def _document(self, send: Send) -> "_Document":
        if self._as_fhir:
            return _FhirDocument(send, self._run.request_id)
        return _Document(send, self._run.request_id)


class _Lines:
    """NDJSON in the order in which answers are there, and a last line that says it is complete."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._taken = 0
        self._failed = 0

    async def begin(self) -> None:
        pass

    async def take(self, item: ItemAnswer) -> None:
        self._taken += 1
        self._failed += item.failed
        await _body(self._send, item.body + b"\n")

    async def end(self) -> None:
        end = wire.BatchEnd(items=self._taken, failed=self._failed)
        await _body(self._send, end.model_dump_json().encode() + b"\n", more=False)


class _Document:
    """A `BatchDiagnosis`, its items in the recordings' order."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self._next = 0
        self._failed = 0
        self._advanced = asyncio.Condition()

    async def begin(self) -> None:
        await _body(self._send, b'{"request_id":%s,"items":[' % _STRING.dump_json(self._request_id))

    async def take(self, item: ItemAnswer) -> None:
        async with self._advanced:
            await self._advanced.wait_for(lambda: self._next == item.index)
            await _body(self._send, (b"," if item.index else b"") + item.body)
            self._failed += item.failed
            self._next += 1
            self._advanced.notify_all()

    async def end(self) -> None:
        await _body(self._send, b'],"failed":%d}' % self._failed, more=False)


class _FhirDocument(_Document):
    """A FHIR bundle, its entries in the recordings' order."""

    async def begin(self) -> None:
        name = Identifier(system=REQUEST_ID_SYSTEM, value=self._request_id).to_json()
        head = '{"resourceType":"Bundle","identifier":%s,"type":"collection","timestamp":"%s"'
        await _body(self._send, (head % (name, now())).encode() + b',"entry":[')

    async def end(self) -> None:
        await _body(self._send, b"]}", more=False)


async def _body(send: Send, content: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": content, "more_body": more})


async def answer_each(
    count: int,
    at_once: int,
    answer: Callable[[int], Awaitable[T]],
    emit: Callable[[T], Awaitable[None]],
) -> None:
    """Answer 0 … count-1, some at once, and hand each over when it is there.

    An answer that is not taken holds up the next ones: no more than `at_once` are ever kept. What
    `emit` raises ends all of it.
    """
    indices = iter(range(count))

    async def work() -> None:
        for index in indices:
            await emit(await answer(index))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(count, at_once)):
                group.create_task(work())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
