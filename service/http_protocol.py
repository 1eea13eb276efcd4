"""The HTTP/1.1 protocol of uvicorn, with bounds on clients that it waits for without end.

A client that sends the head of a request a byte at a time, or that does not read its answer, keeps
a connection for as long as it likes. What is no HTTP is answered in plain text. Both happen before,
or after, the application sees anything of the request, so they are mended here.
"""

import asyncio
from http import HTTPStatus
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from ecg_core.errors import EcgError
from service.errors import problem_response, problem_type
from service.faults import UnreadableRequest, UploadTimedOut
from service.settings import Settings
from service.telemetry import REQUEST_ID_HEADER, new_request_id


def bounded_http(settings: Settings) -> type[asyncio.Protocol]:
    """The protocol's class with the settings' bounds, as uvicorn takes it."""
    bounds = {
        "head_timeout_s": settings.head_timeout_s,
        "answer_timeout_s": settings.answer_timeout_s,
    }
    return type("BoundedHttp", (BoundedHttp,), bounds)


class BoundedHttp(H11Protocol):
    """One connection.

    Attributes:
        head_timeout_s: Longest time from a connection, or from the first byte of a later request,
            until all headers are there.
        answer_timeout_s: Longest time for which the client may leave the answer unread.
    """

    head_timeout_s: ClassVar[float] = 10.0
    answer_timeout_s: ClassVar[float] = 30.0

    _head_timer: asyncio.TimerHandle | None = None
    _answer_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected: it has to send a request."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, and nothing is waited for any more."""
        self._stop_waiting_for_head()
        self._stop_waiting_for_reader()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a head or of a body have come."""
        if self._is_between_requests():
            self._wait_for_head()
        super().data_received(data)

    def handle_events(self) -> None:
        """Go on with what has come; called for requests that were sent ahead as well."""
        super().handle_events()
        if not self._is_between_requests():
            self._stop_waiting_for_head()

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
        """What came is no HTTP, or broken within its body."""
        self._refuse(UnreadableRequest)

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
        self.transport.close()
