"""The HTTP/1.1 protocol of uvicorn, with bounds on clients that it waits for without end.

A client that sends the head of a request a byte at a time, or that does not read its answer, keeps
a connection for as long as it likes. What is no HTTP is answered in plain text. Both happen before,
or after, the application sees anything of the request, so they are mended here. The same goes for a
body that goes on after its refusal, for one that comes in crumbs, and for connections without end.
"""

import asyncio
from functools import partial
from http import HTTPStatus
from typing import Any, ClassVar

import h11
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from ecg_core.errors import EcgError, Overloaded
from service.api.error_responses import problem_response
from service.api.problems import problem_type
from service.api.telemetry import REQUEST_ID_HEADER
from service.errors import UnreadableRequest, UploadTimedOut
from service.observability.request_ids import new_request_id
from service.settings import Settings

_LINGER_S = 2.0
_LINGER_BYTES = 1024 * 1024
# A body that is no HTTP is refused so late: who sends one after another cannot do so more often.
_BROKEN_BODY_REFUSED_AFTER_S = 0.25
# A body may come in so many pieces, and in one more for each so many bytes of it: enough for tables
# that are sent line by line. Each piece costs the parser some ten microseconds.
_FREE_PIECES = 16_384
_FREE_PIECES_REFUSED = 1024
_BYTES_A_PIECE = 256
# Beyond so many pieces they are lines: a line of twelve leads has more bytes than this. So few, for
# who is refused comes again at once.
_FREE_CRUMBS = 128
_LARGEST_CRUMB_BYTES = 16
# Places beyond the bound for whoever asks whether the process is well.
_PLACES_FOR_HEALTH = 16
_HEALTH_PATHS = ("/healthz", "/readyz")


def bounded_http(settings: Settings) -> type[asyncio.Protocol]:
    """The protocol's class with the settings' bounds, as uvicorn takes it."""
    bounds = {
        "head_timeout_s": settings.head_timeout_s,
        "answer_timeout_s": settings.answer_timeout_s,
        "max_connections": settings.max_connections,
    }
    return type("BoundedHttp", (BoundedHttp,), bounds)


class _PieceCounter(h11.Connection):
    """Parses HTTP, and takes a body in crumbs for a broken one."""

    _pieces = 0
    _bytes = 0
    _announced = 0
    free_pieces = _FREE_PIECES

    @property
    def remaining(self) -> int:
        """Bytes of the body that were announced and have not come; 0 where none were."""
        return max(0, self._announced - self._bytes)

    def next_event(self) -> Any:
        """The next event, as h11 has it.

        Raises:
            h11.RemoteProtocolError: What came is no HTTP, or comes in too small pieces.
        """
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._pieces = self._bytes = 0
            lengths = (value for name, value in event.headers if name == b"content-length")
            self._announced = int(next(lengths, b"0"))
            self.free_pieces = _FREE_PIECES
        elif isinstance(event, h11.Data):
            self._pieces += 1
            self._bytes += len(event.data)
            are_crumbs = (
                self._pieces > _FREE_CRUMBS and self._bytes <= _LARGEST_CRUMB_BYTES * self._pieces
            )
            if are_crumbs or self._pieces > self.free_pieces + self._bytes // _BYTES_A_PIECE:
                raise h11.RemoteProtocolError("the body comes in too small pieces")
        return event


class _HealthOnly:
    """An app that says whether the process is well, and to everything else that it is full."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # As if the client had asked for it: the place is needed.
        scope["headers"].append((b"connection", b"close"))
        if scope["path"] in _HEALTH_PATHS:
            await self._app(scope, receive, send)
        else:
            full = problem_response(
                problem_type(Overloaded), new_request_id(), headers={"Retry-After": "1"}
            )
            await full(scope, receive, send)


class BoundedHttp(H11Protocol):
    """One connection.

    Attributes:
        head_timeout_s: Longest time from a connection, or from the first byte of a later request,
            until all headers are there.
        answer_timeout_s: Longest time for which the client may leave the answer unread.
        max_connections: Most of one process. One more takes the place of one that was refused and
            still sends, else of the one that has been idle longest; where there is neither, it is
            told so, unless it asks for health.
    """

    head_timeout_s: ClassVar[float] = 10.0
    answer_timeout_s: ClassVar[float] = 30.0
    max_connections: ClassVar[int] = 1000

    _head_timer: asyncio.TimerHandle | None = None
    _answer_timer: asyncio.TimerHandle | None = None
    _linger_timer: asyncio.TimerHandle | None = None
    _lingered_bytes = 0
    _idle_since = 0.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        most = self.config.h11_max_incomplete_event_size
        self._counted = (
            _PieceCounter(h11.SERVER) if most is None else _PieceCounter(h11.SERVER, most)
        )
        self.conn = self._counted

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected: it has to send a request."""
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        if len(self.connections) > self.max_connections:
            self._make_room()
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, and nothing is waited for any more."""
        self._stop_waiting_for_head()
        self._stop_waiting_for_reader()
        self._stop_lingering()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a head or of a body have come."""
        if self._is_between_requests():
            self._wait_for_head()
        if self._linger_timer is not None:
            self._lingered_bytes += len(data)
            if self._lingered_bytes > _LINGER_BYTES:
                # At once: who got rid of all that it sends would take the connection for alive.
                self.transport.abort()
                return
        super().data_received(data)

    def handle_events(self) -> None:
        """Go on with what has come; called for requests that were sent ahead as well."""
        super().handle_events()
        if not self._is_between_requests():
            self._stop_waiting_for_head()
        elif self._linger_timer is not None:
            self._stop_lingering()
            self._wait_for_head()

    def on_response_complete(self) -> None:
        """The answer was sent, perhaps before its request had come whole."""
        super().on_response_complete()
        self._idle_since = self.loop.time()
        if self.conn.their_state is h11.SEND_BODY and not self.transport.is_closing():
            # Closed at once, a client that still sends would miss the answer.
            self._counted.free_pieces = _FREE_PIECES_REFUSED
            self._lingered_bytes = 0
            if self._counted.remaining > _LINGER_BYTES:
                # Not read to its end, so no other request can follow: who is left waiting for the
                # timer cannot come again so soon.
                self.flow.pause_reading()
            self._linger()

    def pause_writing(self) -> None:
        """The client does not read as fast as it is written to."""
        super().pause_writing()
        if self._answer_timer is None:
            # Nothing more can be told to a client that does not read.
            self._answer_timer = self.loop.call_later(self.answer_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._stop_waiting_for_reader()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or broken within its body."""
        if self._linger_timer is not None:
            # Its answer was sent before.
            self.transport.close()
        elif self.cycle is None or not self.cycle.more_body:
            self._refuse(UnreadableRequest)
        else:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self.flow.pause_reading()
            later = partial(self._refuse, UnreadableRequest)
            self._linger_timer = self.loop.call_later(_BROKEN_BODY_REFUSED_AFTER_S, later)

    def _make_room(self) -> None:
        idle = [
            each
            for each in self.connections
            if isinstance(each, BoundedHttp)
            and each is not self
            and (each._is_between_requests() or each._linger_timer is not None)
        ]
        if idle:
            longest = min(idle, key=lambda each: (each._linger_timer is None, each._idle_since))
            self.connections.discard(longest)
            longest.transport.abort()
        elif len(self.connections) > self.max_connections + _PLACES_FOR_HEALTH:
            self.transport.abort()
        else:
            self.app = _HealthOnly(self.app)

    def _linger(self) -> None:
        self._stop_lingering()
        self._linger_timer = self.loop.call_later(_LINGER_S, self.transport.abort)

    def _stop_lingering(self) -> None:
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None

    def _is_between_requests(self) -> bool:
        return self.conn.their_state is h11.IDLE

    def _wait_for_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_timeout_s, self._give_up_on_head)

    def _give_up_on_head(self) -> None:
        begun, _ = self.conn.trailing_data
        if begun:
            self._refuse(UploadTimedOut)
        else:
            self.transport.close()

    def _stop_waiting_for_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_waiting_for_reader(self) -> None:
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None

    def _refuse(self, error: type[EcgError]) -> None:
        """Answer with a problem, if there is no answer yet, and hang up."""
        is_in_body = self.cycle is not None and self.cycle.more_body
        if self.cycle is not None:
            self.cycle.disconnected = True
        if not self.transport.is_closing() and self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            request_id = new_request_id()
            response = problem_response(problem_type(error), request_id)
            headers = [
                *response.raw_headers,
                (REQUEST_ID_HEADER.encode(), request_id.encode()),
                (b"connection", b"close"),
            ]
            status = HTTPStatus(response.status_code)
            head = h11.Response(status_code=status, headers=headers, reason=status.phrase)
            for event in (head, h11.Data(data=bytes(response.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        if is_in_body and not self.transport.is_closing() and self.transport.can_write_eof():
            # It was told that the connection ends. Until the timer, it cannot come again.
            self.transport.write_eof()
            self.flow.pause_reading()
            self._linger()
        else:
            self.transport.close()
