import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access.audit import AuditLog, AuditMiddleware
from service.access.request_state import AccessRecord, RequestState, attach_state
from service.errors import AccessMisconfigured
from service.observability.tracing.spans import ContextOnly, RequestTrace

pytestmark = pytest.mark.anyio

KNOWN = AccessRecord(key_id="abcdefgh", condition="tall-t-waves-of-john-doe")


AuditTo = Callable[..., AuditLog]


@pytest.fixture
def audit_to() -> Iterator[AuditTo]:
    """Opens audit logs, and closes them in the end."""

    def nobody_told() -> None:
        raise AssertionError("a line was lost")

    with ExitStack() as stack:

        def opened(
            destination: object, *, names_clients: bool = True, on_failure: Any = nobody_told
        ) -> AuditLog:
            made = AuditLog(str(destination), names_clients, on_failure)
            stack.callback(made.close)
            return made

        yield opened


def scope_with(record: AccessRecord | None) -> Scope:
    trace = RequestTrace(ContextOnly().begin(None))
    known = RequestState("R1", trace, record or AccessRecord(), model_digest="d" * 64)
    route = type("Route", (), {"path": "/queries/{condition_id}"})()
    scope = {
        "type": "http", "method": "DELETE", "path": "/queries/john-doe",
        "client": ("192.0.2.7", 1234), "route": route, "query_string": b"name=doe", "headers": [],
    }  # fmt: skip
    attach_state(scope, known)
    return scope


async def serve(app: ASGIApp, audit: AuditLog, scope: Scope) -> None:
    async def receive() -> Message:
        raise AssertionError

    async def send(_: Message) -> None:
        pass

    await AuditMiddleware(app, audit)(scope, receive, send)


async def removed(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise KeyError("john doe")


async def left_alone(scope: Scope, receive: Receive, send: Send) -> None:
    raise ClientDisconnect


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_a_line_says_who_did_what_when_with_which_model_and_how_it_ended(
    tmp_path: Path, audit_to: AuditTo
) -> None:
    path = tmp_path / "log" / "audit.log"
    await serve(removed, audit_to(path), scope_with(KNOWN))
    (line,) = lines(path)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "event": "access",
        "request_id": "R1",
        "key_id": "abcdefgh",
        "client": "192.0.2.7",
        "method": "DELETE",
        "route": "/queries/{condition_id}",
        "condition_sha256": hashlib.sha256(b"tall-t-waves-of-john-doe").hexdigest(),
        "model_digest": "d" * 64,
        "status": 204,
    }
    assert "doe" not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


async def test_client_addresses_can_be_left_out(tmp_path: Path, audit_to: AuditTo) -> None:
    path = tmp_path / "audit.log"
    await serve(removed, audit_to(path, names_clients=False), scope_with(KNOWN))
    assert "client" not in lines(path)[0]


async def test_a_refusal_says_why(tmp_path: Path, audit_to: AuditTo) -> None:
    path = tmp_path / "audit.log"
    record = AccessRecord(refusal="key_missing")
    await serve(removed, audit_to(path), scope_with(record))
    assert lines(path)[0]["refusal"] == "key_missing"
    assert "key_id" not in lines(path)[0]


@pytest.mark.parametrize("record", [None, AccessRecord()])
async def test_a_request_about_which_nobody_decided_leaves_no_line(
    tmp_path: Path, audit_to: AuditTo, record: AccessRecord | None
) -> None:
    path = tmp_path / "audit.log"
    await serve(removed, audit_to(path), scope_with(record))
    assert path.read_text() == ""


@pytest.mark.parametrize(("app", "error", "status"), [
    (broken, KeyError, 500), (left_alone, ClientDisconnect, 499),
])  # fmt: skip
async def test_a_request_that_failed_leaves_a_line_too(
    tmp_path: Path, audit_to: AuditTo, app: ASGIApp, error: type[Exception], status: int
) -> None:
    path = tmp_path / "audit.log"
    with pytest.raises(error):
        await serve(app, audit_to(path), scope_with(KNOWN))
    assert lines(path)[0]["status"] == status
    assert "doe" not in path.read_text()


async def test_a_moved_file_is_made_anew_and_private(tmp_path: Path, audit_to: AuditTo) -> None:
    path, moved = tmp_path / "audit.log", tmp_path / "audit.log.1"
    audit = audit_to(path)
    await serve(removed, audit, scope_with(KNOWN))
    path.rename(moved)
    await serve(removed, audit, scope_with(KNOWN))
    audit.close()
    assert len(lines(moved)) == len(lines(path)) == 1
    assert path.stat().st_mode & 0o777 == 0o600


async def test_standard_output_is_a_destination_and_off_is_none(
    capsys: pytest.CaptureFixture[str], audit_to: AuditTo
) -> None:
    await serve(removed, audit_to("off"), scope_with(KNOWN))
    await serve(removed, audit_to("stdout"), scope_with(KNOWN))
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["event"] == "access"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
async def test_a_full_disk_loses_the_line_and_not_the_request(audit_to: AuditTo) -> None:
    lost: list[int] = []
    audit = audit_to("/dev/full", on_failure=lambda: lost.append(1))
    await serve(removed, audit, scope_with(KNOWN))
    assert lost == [1]


def test_a_file_that_cannot_be_opened_stops_the_start(tmp_path: Path, audit_to: AuditTo) -> None:
    with pytest.raises(AccessMisconfigured, match="CARDIOQUERY_AUDIT_LOG"):
        audit_to(tmp_path)
