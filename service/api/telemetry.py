"""The traces of a request: its id, one JSON log line, metrics, its span. Nothing of a patient.

No log line, metric label or header holds signal data, file names, header comments, query texts or
query strings; a route is named by its template.
"""

import logging
import re
import time
from collections.abc import Callable, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecg_core.errors import EcgError
from service.access.request_state import RequestState, attach_state
from service.api.error_responses import error_response
from service.api.problems import INTERNAL_ERROR, http_problem_type, problem_type
from service.observability.metrics import Metrics, method_label
from service.observability.request_ids import new_request_id
from service.observability.tracing.context import RESPONSE_HEADER, TraceContext, caller_context
from service.observability.tracing.spans import ContextOnly, RequestTrace, Tracer

REQUEST_ID_HEADER = "X-Request-ID"
CLIENT_CLOSED_REQUEST = 499

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

_log = logging.getLogger("service.access")


def request_id_of(headers: Headers) -> str:
    """The caller's request id if it is a sane one, else a new one."""
    stated = headers.get(REQUEST_ID_HEADER, "")
    return stated if _SANE_REQUEST_ID.fullmatch(stated) else new_request_id()


def server_timing(durations_s: Mapping[str, float]) -> str:
    """The `Server-Timing` header: each stage in milliseconds."""
    return ", ".join(f"{stage};dur={1000 * s:.3f}" for stage, s in durations_s.items())


class TelemetryMiddleware:
    """Gives each request an id, answers what nobody else caught, and writes down how it went."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, tracer: Callable[[], Tracer] = ContextOnly
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; other scopes pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = request_id_of(headers)
        trace = RequestTrace(self._tracer().begin(caller_context(headers)))
        state = RequestState(request_id, trace)
        attach_state(scope, state)
        started = time.perf_counter()
        response = _ObservedSend(send, request_id, trace.span.context)
        try:
            await self._app(scope, receive, response)
        except ClientDisconnect:
            response.status = CLIENT_CLOSED_REQUEST
        except Exception as error:
            state.error = error
            if response.status is not None:
                raise
            await error_response(error, request_id)(scope, receive, response)
        finally:
            self._write_down(scope, state, response.status, time.perf_counter() - started)
            # It holds the frames that it passed through, with the upload, and they hold this.
            state.error = None

    def _write_down(
        self, scope: Scope, state: RequestState, status: int | None, duration_s: float
    ) -> None:
        method, trace, error = method_label(scope["method"]), state.trace, state.error
        route = getattr(scope.get("route"), "path", "unmatched")
        # Nothing was sent: the server went down, or the client did.
        status = CLIENT_CLOSED_REQUEST if status is None else status
        self._metrics.request(route, method, status, duration_s)
        if status >= 400 and status != CLIENT_CLOSED_REQUEST:
            self._metrics.error(_problem_slug(error, status))
        self._metrics.answers.refused(error)
        trace.end(method, route, status)
        named = {"request_id": state.request_id, "trace_id": trace.span.context.trace_id}
        # A client's fault is none of the service's, whatever it was noticed by.
        is_ours = status >= INTERNAL_ERROR.status
        if error is not None and is_ours and (status == INTERNAL_ERROR.status or error.__cause__):
            _log.error("failed", exc_info=error, extra=named)
        _log.info(
            "request",
            extra={
                **named,
                "method": method,
                "route": route,
                "status": status,
                "duration_ms": round(1000 * duration_s, 2),
            },
        )


class _ObservedSend:
    """Adds the request's ids to the response and remembers its status."""

    def __init__(self, send: Send, request_id: str, context: TraceContext) -> None:
        self._send = send
        self._ids = {REQUEST_ID_HEADER: request_id, RESPONSE_HEADER: context.header()}
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message).update(self._ids)
        await self._send(message)


def _problem_slug(error: object, status: int) -> str:
    if isinstance(error, EcgError):
        return problem_type(type(error)).slug
    return (
        INTERNAL_ERROR.slug if status == INTERNAL_ERROR.status else http_problem_type(status).slug
    )
