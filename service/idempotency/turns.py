"""A route's turn with a key: begin, be given the kept answer, or keep the one that is made.

Where records cannot be kept (Redis is down, the memory full, the answer too large), the request is
answered as it would be without a key, and says so in `Idempotency-Stored: false`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import uuid4

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from service.idempotency.errors import IdempotencyKeyInUse, IdempotencyKeyReused
from service.idempotency.records import KeptAnswer, Record, Records, RecordsUnavailable

REPLAYED_HEADER = "Idempotency-Replayed"
STORED_HEADER = "Idempotency-Stored"

_KEPT_HEADERS = frozenset({"content-type", "location"})
# A retry of these is to run: the service was busy or failed, or the client was too slow.
_NOT_KEPT = frozenset({408, 409, 429})

ErrorAnswer = Callable[[Exception], Response]


class Observer(Protocol):
    """What counts keys."""

    def idempotency(self, result: str) -> None:
        """A request with a key began, was replayed, refused or could not be kept."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How answers are kept.

    Attributes:
        records: Where.
        seconds: How long.
        max_answer_bytes: Up to which size.
        observer: What is told about it.
    """

    records: Records
    seconds: float
    max_answer_bytes: int
    observer: Observer


class Turn:
    """What a route may do: answer with `replay`, if there is one, else with `kept(response)`."""

    replay: Response | None = None

    def kept(self, response: Response, is_final: Callable[[], bool] = lambda: True) -> Response:
        """The response, which is kept while it is being sent.

        Args:
            response: To be sent.
            is_final: Asked once it is complete: whether a retry would get the same.
        """
        return response


@asynccontextmanager
async def turn(
    keeping: Keeping,
    record_id: str | None,
    fingerprint: Callable[[], str],
    answering_s: float,
    error_answer: ErrorAnswer,
) -> AsyncIterator[Turn]:
    """Around what a route does with a request whose payload is there.

    Args:
        keeping: How answers are kept.
        record_id: Of the request's key; None without one.
        fingerprint: Of its payload; called in a thread.
        answering_s: When the answer must have been sent at the latest.
        error_answer: How an error will be answered: refusals are kept as well.

    Raises:
        IdempotencyKeyReused: The key came with another payload before.
        IdempotencyKeyInUse: The first request with it has not been answered yet.
    """
    if record_id is None:
        yield Turn()
        return
    begun = Record(await asyncio.to_thread(fingerprint), uuid4().hex)
    try:
        known = await asyncio.to_thread(keeping.records.begin, record_id, begun, answering_s)
    except RecordsUnavailable:
        keeping.observer.idempotency("not_kept")
        try:
            yield _NotKept()
        finally:
            # It may have been begun all the same, if only the reply was lost.
            await _forget(keeping, record_id, begun)
        return
    if known is not None:
        yield _replaying(known, begun, keeping)
        return
    keeping.observer.idempotency("began")
    own = _Own(keeping, record_id, begun)
    try:
        yield own
    except Exception as error:
        await own.finish(_answer_of(error_answer(error)))
        raise
    finally:
        if not own.handed_over:
            await own.give_up()


async def _forget(keeping: Keeping, record_id: str, begun: Record) -> None:
    with suppress(RecordsUnavailable):
        await asyncio.to_thread(keeping.records.forget, record_id, begun)


def _replaying(known: Record, begun: Record, keeping: Keeping) -> Turn:
    if known.fingerprint != begun.fingerprint:
        keeping.observer.idempotency("reused")
        raise IdempotencyKeyReused
    if known.answer is None:
        keeping.observer.idempotency("in_use")
        raise IdempotencyKeyInUse
    keeping.observer.idempotency("replayed")
    made = Turn()
    headers = dict(known.answer.headers) | {REPLAYED_HEADER: "true"}
    made.replay = Response(known.answer.body, known.answer.status, headers)
    return made


class _NotKept(Turn):
    """The turn of a request whose answer will not be kept."""

    def kept(self, response: Response, is_final: Callable[[], bool] = lambda: True) -> Response:
        response.headers[STORED_HEADER] = "false"
        return response


class _Own(Turn):
    """The turn of the first request with a key."""

    def __init__(self, keeping: Keeping, record_id: str, begun: Record) -> None:
        self.max_answer_bytes = keeping.max_answer_bytes
        self.handed_over = False
        self._keeping = keeping
        self._record_id = record_id
        self._begun = begun

    def kept(self, response: Response, is_final: Callable[[], bool] = lambda: True) -> Response:
        self.handed_over = True
        return _KeptResponse(response, self, is_final)

    async def finish(self, answer: KeptAnswer) -> bool:
        """Keep the answer if it is of a kind to be kept; whether it will be given again."""
        if answer.status >= 500 or answer.status in _NOT_KEPT:
            await self.give_up()
            return False
        self.handed_over = True
        records, answered = self._keeping.records, replace(self._begun, answer=answer)
        try:
            await asyncio.to_thread(
                records.finish, self._record_id, self._begun, answered, self._keeping.seconds
            )
        except RecordsUnavailable:
            await self.give_up(unkept=True)
            return False
        return True

    async def give_up(self, *, unkept: bool = False) -> None:
        """Let a retry run; `unkept`: although there is an answer."""
        self.handed_over = True
        if unkept:
            self._keeping.observer.idempotency("not_kept")
        await _forget(self._keeping, self._record_id, self._begun)


class _KeptResponse(Response):
    """Gathers a response while it is made, keeps it, and only then sends it.

    One that grows larger than what is kept is passed on as it comes.
    """

    def __init__(self, response: Response, own: _Own, is_final: Callable[[], bool]) -> None:
        self.status_code = response.status_code
        self.raw_headers = response.raw_headers
        self.background = None
        self._response = response
        self._own = own
        self._is_final = is_final

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make, keep and send it."""
        gathering = _Gathering(send, self._own, self._is_final)
        try:
            await self._response(scope, receive, gathering)
        finally:
            if not gathering.settled:
                await self._own.give_up()


class _Gathering:
    """Holds an answer back until it is complete and kept, or too large to be kept."""

    def __init__(self, send: Send, own: _Own, is_final: Callable[[], bool]) -> None:
        self.settled = False
        self._is_final = is_final
        self._send = send
        self._own = own
        self._start: Message = {}
        self._chunks: list[bytes] = []
        self._size = 0

    async def __call__(self, message: Message) -> None:
        if self.settled:
            await self._send(message)
        elif message["type"] == "http.response.start":
            self._start = message
        else:
            await self._gather(message)

    async def _gather(self, message: Message) -> None:
        self._chunks.append(message.get("body", b""))
        self._size += len(self._chunks[-1])
        too_large = self._size > self._own.max_answer_bytes
        if message.get("more_body", False) and not too_large:
            return
        self.settled = True
        body = b"".join(self._chunks)
        kept = False
        if too_large or not self._is_final():
            await self._own.give_up(unkept=True)
        else:
            kept = await self._own.finish(_answer(self._start, body))
        if not kept:
            stored = (STORED_HEADER.lower().encode(), b"false")
            self._start["headers"] = [*self._start["headers"], stored]
        await self._send(self._start)
        await self._send({**message, "body": body})


def _answer_of(response: Response) -> KeptAnswer:
    start = {"status": response.status_code, "headers": response.raw_headers}
    return _answer(start, bytes(response.body))


def _answer(start: Message, body: bytes) -> KeptAnswer:
    headers = (
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]
    )
    kept = tuple((name, value) for name, value in headers if name.lower() in _KEPT_HEADERS)
    return KeptAnswer(start["status"], kept, body)
