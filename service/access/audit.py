"""The audit log: one JSON line for each request with a key, and for each that was refused.

It says when, with which key, from where, what kind of request, which model and how it ended. It
never holds a key, signal data, a file's name or a text; a condition is named by a digest of its id.
"""

import hashlib
import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from io import FileIO, TextIOWrapper
from logging.handlers import WatchedFileHandler
from pathlib import Path

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access.key_file import KeyRecord
from service.access.request_state import AccessRecord, RequestState, find_state
from service.errors import AccessMisconfigured

_CLIENT_CLOSED_REQUEST = 499
_INTERNAL_ERROR = 500


class AuditLog:
    """The audit lines' destination.

    A line that cannot be written (a full disk) stops nobody's diagnosis: `on_failure` is told.

    Args:
        destination: `stdout`, `off`, or the path of a file.
        names_clients: Whether client addresses are written down.
        on_failure: Told about each line that is lost.

    Raises:
        AccessMisconfigured: The file cannot be opened.
    """

    def __init__(
        self, destination: str, names_clients: bool, on_failure: Callable[[], None]
    ) -> None:
        self._names_clients = names_clients
        self._handler = None if destination == "off" else _handler(destination)
        if self._handler is not None:
            self._handler.handleError = lambda record: on_failure()  # type: ignore[method-assign]

    def write(self, scope: Scope, state: RequestState, status: int) -> None:
        """One line about a request that has been answered."""
        if self._handler is None:
            return
        record = state.access
        client = scope["client"] if self._names_clients else None
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "event": "access",
            "request_id": state.request_id,
            "key_id": record.key_id,
            "client": client and client[0],
            "method": scope["method"],
            "route": getattr(scope.get("route"), "path", None),
            "condition_sha256": record.condition and _sha256(record.condition),
            "model_digest": state.model_digest,
            "status": status,
            "refusal": record.refusal,
        }
        text = json.dumps({name: value for name, value in line.items() if value is not None})
        self._handler.handle(logging.LogRecord("audit", logging.INFO, "", 0, text, None, None))

    def write_key_change(self, event: str, record: KeyRecord) -> None:
        """One line about a key that was created, changed, revoked or removed while this ran."""
        if self._handler is None:
            return
        expires = record.expires_at and record.expires_at.isoformat()
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "event": event,
            "key_id": record.id,
            "scopes": sorted(record.scopes),
            "expires_at": expires,
        }
        text = json.dumps({name: value for name, value in line.items() if value is not None})
        self._handler.handle(logging.LogRecord("audit", logging.INFO, "", 0, text, None, None))

    def close(self) -> None:
        """Let go of the file."""
        if self._handler is not None:
            self._handler.close()


class AuditMiddleware:
    """Writes down requests about which somebody decided."""

    def __init__(self, app: ASGIApp, audit: AuditLog) -> None:
        self._app = app
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; other scopes pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = _CLIENT_CLOSED_REQUEST

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, observed)
        except ClientDisconnect:
            raise
        except Exception:
            status = _INTERNAL_ERROR
            raise
        finally:
            state = find_state(scope)
            if state is not None and _is_to_be_written(state.access):
                self._audit.write(scope, state, status)


def _is_to_be_written(access: AccessRecord) -> bool:
    # A flood of wrong keys must not fill the log; metrics go on counting it.
    return access.key_id is not None or (access.refusal is not None and not access.throttled)


class _PrivateFileHandler(WatchedFileHandler):
    """Appends to a file that only its owner may read, also when it makes it anew."""

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        # Unbuffered: a line that a full disk did not take must not come back later.
        return TextIOWrapper(FileIO(descriptor, "a"), encoding="utf-8", write_through=True)


def _handler(destination: str) -> logging.Handler:
    if destination == "stdout":
        return logging.StreamHandler(sys.stdout)
    try:
        Path(destination).parent.mkdir(parents=True, exist_ok=True)
        return _PrivateFileHandler(destination, encoding="utf-8")
    except OSError as error:
        raise AccessMisconfigured(
            f"the audit log {destination} cannot be written: {error.strerror} "
            "(CARDIOQUERY_AUDIT_LOG)"
        ) from None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
