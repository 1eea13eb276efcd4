import json
import logging
import re
import warnings

import pytest
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecg_core.errors import InferenceFailed, Overloaded
from service.access.request_state import request_state
from service.api.telemetry import TelemetryMiddleware, new_request_id, request_id_of, server_timing
from service.observability.logs import JsonFormatter, configure_logging
from service.observability.metrics import Metrics

pytestmark = pytest.mark.anyio


async def call(
    app: ASGIApp, metrics: Metrics | None = None, *, method: str = "GET", request_id: str = ""
) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [(b"x-request-id", request_id.encode())] if request_id else []
    scope = {"type": "http", "method": method, "path": "/secret", "headers": headers}
    await TelemetryMiddleware(app, metrics or Metrics())(scope, receive, send)
    return sent


async def fine(scope: Scope, receive: Receive, send: Send) -> None:
    scope["route"] = type("Route", (), {"path": "/queries/{condition_id}"})()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise KeyError("John Doe")


async def left_alone(scope: Scope, receive: Receive, send: Send) -> None:
    raise ClientDisconnect


async def broken_half_way(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise KeyError("John Doe")


def test_new_request_ids_are_ulids_that_sort_by_time() -> None:
    ids = [new_request_id() for _ in range(100)]
    assert len(set(ids)) == 100
    assert all(re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", request_id) for request_id in ids)
    assert [request_id[:10] for request_id in ids] == sorted(r[:10] for r in ids)


@pytest.mark.parametrize("stated", ["a", "req-1_2.3:4", "x" * 128])
def test_a_sane_request_id_is_taken_over(stated: str) -> None:
    assert request_id_of(Headers({"x-request-id": stated})) == stated


@pytest.mark.parametrize("stated", ["", "x" * 129, "a b", 'a"b', "ä", "a\n"])
def test_any_other_is_replaced(stated: str) -> None:
    assert len(request_id_of(Headers({"x-request-id": stated}))) == 26


async def test_the_request_id_is_echoed() -> None:
    start, _ = await call(fine, request_id="mine")
    assert dict(start["headers"])[b"x-request-id"] == b"mine"


async def test_one_line_a_request_names_the_routes_template(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    await call(fine, request_id="mine")
    (record,) = caplog.records
    line = json.loads(JsonFormatter().format(record))
    assert line["duration_ms"] >= 0
    assert {k: line[k] for k in ("request_id", "method", "route", "status", "level")} == {
        "request_id": "mine",
        "method": "GET",
        "route": "/queries/{condition_id}",
        "status": 200,
        "level": "info",
    }


async def test_a_method_that_is_none_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await call(fine, method="MUSTERMANN")
    (record,) = caplog.records
    assert json.loads(JsonFormatter().format(record))["method"] == "other"


async def test_an_unexpected_error_is_answered_and_logged_without_its_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    start, body = await call(broken, request_id="mine")
    assert start["status"] == 500
    assert json.loads(body["body"])["request_id"] == "mine"
    lines = [JsonFormatter().format(record) for record in caplog.records]
    assert "Doe" not in "".join(lines)
    trace = json.loads(lines[0])
    assert trace["exception"] == "KeyError"
    assert any("broken" in frame for frame in trace["frames"])


async def test_a_client_that_hung_up_is_sent_nothing() -> None:
    metrics = Metrics()
    assert await call(left_alone, metrics) == []
    assert b'status="499"' in metrics.render()


async def test_an_error_after_the_response_has_begun_breaks_it_off() -> None:
    with pytest.raises(KeyError):
        await call(broken_half_way)


async def test_requests_and_problems_are_counted_under_few_labels() -> None:
    metrics = Metrics()

    async def busy(scope: Scope, receive: Receive, send: Send) -> None:
        request_state(scope).error = Overloaded()
        await send({"type": "http.response.start", "status": 503, "headers": []})

    await call(fine, metrics, method="BREW")
    await call(busy, metrics)
    text = metrics.render().decode()
    labels = 'method="other",route="/queries/{condition_id}",status="200"'
    assert f"cardioquery_requests_total{{{labels}}} 1.0" in text
    assert 'cardioquery_errors_total{type="overloaded"} 1.0' in text
    assert "secret" not in text


def test_a_traceback_handed_over_as_a_message_is_not_passed_on() -> None:
    trace = "Traceback (most recent call last):\n  ...\nKeyError: 'John Doe'"
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, trace, None, None)
    assert "Doe" not in JsonFormatter().format(record)


def test_messages_of_libraries_are_withheld() -> None:
    record = logging.LogRecord("wfdb", logging.ERROR, "", 0, "John Doe", None, None)
    line = json.loads(JsonFormatter().format(record))
    assert (line["logger"], line["message"]) == ("wfdb", "(withheld)")


async def test_a_failure_behind_an_error_is_logged_by_its_class(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def failed(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            try:
                raise OSError("John Doe")
            except OSError as error:
                raise InferenceFailed("fusion.onnx") from error
        except InferenceFailed as error:
            request_state(scope).error = error
        await send({"type": "http.response.start", "status": 500, "headers": []})

    await call(failed)
    lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    assert [(line["exception"], line["cause"]) for line in lines] == [
        ("InferenceFailed", "OSError")
    ]


def test_logging_goes_to_standard_output_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        configure_logging("info")
        logging.getLogger("service.x").info("hello")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("John Doe", UserWarning, stacklevel=1)
    finally:
        logging.captureWarnings(False)
        root.handlers[:], root.level = before, level
        logging.getLogger("uvicorn.access").disabled = False
    first, *others = capsys.readouterr().out.splitlines()
    assert json.loads(first)["message"] == "hello"
    assert "Doe" not in "".join(others)


def test_server_timing_is_in_milliseconds() -> None:
    assert server_timing({"parse": 0.0061, "total": 0.01}) == "parse;dur=6.100, total;dur=10.000"
