import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from ecg_core.readers import UploadedFile
from service.errors import TracingUnavailable
from service.runtime.assembly import RuntimeLoader
from tests.support.clients import ClientMaker
from tests.support.recordings import make_wfdb, make_zip
from tests.support.service import as_upload
from tests.support.traces import Collector, attributes_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "rojo=1"}
STAGES = ["queue", "parse", "quality", "embed_queries", "preprocess", "measure", "encode", "fuse"]


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    # OpenTelemetry reads it: batches are sent soon.
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    made = Collector()
    yield made
    made.stop()


def send(client: TestClient, headers: dict[str, str] | None = None, query: str = "LBBB") -> Any:
    header, signal = make_wfdb()
    text = header.content.replace(b"record", b"mustermann") + b"# Mustermann, born 19420317\n"
    files = [UploadedFile("mustermann.hea", text), UploadedFile("mustermann.dat", signal.content)]
    response = client.post(
        "/diagnose", files=as_upload(files), data={"queries": [query]}, headers=headers
    )
    assert response.status_code == 200, response.text
    return response


def test_the_callers_trace_is_taken_over_and_told_back(client: TestClient) -> None:
    response = client.get("/model", headers=PARENT)
    found = re.fullmatch(rf"00-{TRACE}-([0-9a-f]{{16}})-01", response.headers["traceresponse"])
    assert found is not None
    assert found.group(1) != SPAN


def test_without_one_there_is_a_new_trace(client: TestClient) -> None:
    one, other = (client.get("/model").headers["traceresponse"] for _ in range(2))
    assert one[3:35] != other[3:35]
    spoilt = client.get("/model", headers={"traceparent": "Mustermann"})
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", spoilt.headers["traceresponse"])


def test_problems_belong_to_the_trace_as_well(client: TestClient) -> None:
    for response in (client.get("/nope", headers=PARENT), client.get("/readyz", headers=PARENT)):
        assert response.headers["traceresponse"][3:35] == TRACE


def test_a_request_is_a_span_with_its_stages(
    make_client: ClientMaker, collector: Collector
) -> None:
    client = make_client(otlp_endpoint=collector.url)
    response = send(client, PARENT)
    spans = collector.wait_for(lambda spans: any(span.name == "POST /diagnose" for span in spans))
    (server,) = [span for span in spans if span.name == "POST /diagnose"]
    assert collector.paths == {"/v1/traces"}
    assert (server.trace_id.hex(), server.parent_span_id.hex()) == (TRACE, SPAN)
    assert server.trace_state == "rojo=1"
    assert server.kind == server.SPAN_KIND_SERVER
    assert response.headers["traceresponse"] == f"00-{TRACE}-{server.span_id.hex()}-01"
    digest = client.get("/model").json()["model"]["digest"].removeprefix("sha256:")
    assert attributes_of(server) == {
        "http.request.method": "POST",
        "http.route": "/diagnose",
        "http.response.status_code": 200,
        "cardioquery.model.digest": digest,
        "cardioquery.recording.format": "wfdb",
        "cardioquery.queries": 1,
    }
    children = [span for span in spans if span.parent_span_id == server.span_id]
    assert list(dict.fromkeys(span.name for span in children)) == STAGES
    for child in children:
        assert child.trace_id == server.trace_id
        assert server.start_time_unix_nano <= child.start_time_unix_nano
        assert child.start_time_unix_nano <= child.end_time_unix_nano
        assert child.end_time_unix_nano <= server.end_time_unix_nano
    assert abs(server.end_time_unix_nano / 1e9 - time.time()) < 600


def test_a_batch_is_one_span(make_client: ClientMaker, collector: Collector) -> None:
    client = make_client(otlp_endpoint=collector.url)
    members = {f"{n}/{file.name}": file.content for n in "ab" for file in make_wfdb()}
    archive = make_zip(members | {"c.pdf": b""})
    client.post("/diagnose/batch", files=as_upload([archive]), data={"queries": ["AFib", "LBBB"]})
    spans = collector.wait_for(lambda spans: bool(spans))
    found = attributes_of(spans[0])
    assert found["cardioquery.recordings"] == 3
    assert found["cardioquery.recordings.failed"] == 1
    assert found["cardioquery.queries"] == 2


def test_nothing_of_the_patient_is_in_a_trace(
    make_client: ClientMaker, failing_load: RuntimeLoader, collector: Collector
) -> None:
    client = make_client(otlp_endpoint=collector.url)
    send(client, {"X-Request-ID": "Mustermann-1"}, query="zebrafish stripes sign")
    files = as_upload([make_zip({"Mustermann/19420317.csv": b"zebrafish"})])
    client.post("/diagnose/batch", files=files, data={"queries": ["LBBB"]})
    client.post("/diagnose?name=Mustermann", files=files, data={"queries": "zebrafish\x00"})
    client.get("/queries/Mustermann")
    client.get("/Mustermann")
    client.request("MUSTERMANN", "/Mustermann")
    failing = make_client(failing_load, otlp_endpoint=collector.url)
    failing.post("/diagnose", files=as_upload(make_wfdb()), data={"queries": "zebrafish sign"})
    spans = collector.wait_for(lambda spans: sum(not span.parent_span_id for span in spans) == 7)
    assert {span.name for span in spans if not span.parent_span_id} == {
        "POST /diagnose", "POST /diagnose/batch", "GET /queries/{condition_id}", "GET unmatched",
        "other unmatched",
    }  # fmt: skip
    (failed,) = [s for s in spans if attributes_of(s).get("http.response.status_code") == 500]
    assert failed.status.code == failed.status.STATUS_CODE_ERROR
    assert failed.status.message == ""
    assert not any(span.events for span in spans)
    wire = b"".join(collector.bodies).lower()
    for secret in (b"mustermann", b"19420317", b"zebrafish", b"john doe"):
        assert secret not in wire


def test_a_trace_that_the_caller_does_not_record_is_not_exported(
    make_client: ClientMaker, collector: Collector
) -> None:
    client = make_client(otlp_endpoint=collector.url)
    unsampled = client.get("/model", headers={"traceparent": f"00-{TRACE}-{SPAN}-00"})
    assert unsampled.headers["traceresponse"][3:35] == TRACE
    client.get("/healthz")
    client.get("/queries/nope")
    spans = collector.wait_for(lambda spans: bool(spans))
    time.sleep(0.2)
    assert [span.name for span in spans] == ["GET /queries/{condition_id}"]


@pytest.mark.parametrize("fault", ["slow", "failing", "gone"])
def test_a_collector_in_trouble_costs_spans_and_no_request(
    make_client: ClientMaker, collector: Collector, fault: str
) -> None:
    endpoint = "http://127.0.0.1:9" if fault == "gone" else collector.url
    collector.delay_s = 30.0 if fault == "slow" else 0.0
    collector.status = 400 if fault == "failing" else 200
    client = make_client(otlp_endpoint=endpoint)
    started = time.monotonic()
    for _ in range(5):
        send(client)
    # Were the exporter waited for, it would be its time-out or the collector's delay each time.
    assert time.monotonic() - started < 30
    if fault == "failing":
        lost = 'cardioquery_spans_exported_total{result="lost"}'
        end = time.monotonic() + 60
        while lost not in client.get("/metrics").text:
            assert time.monotonic() < end
            time.sleep(0.05)


def test_closing_hands_over_what_is_left(
    make_client: ClientMaker, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")
    client = make_client(otlp_endpoint=collector.url)
    client.get("/model")
    assert collector.spans == []
    client.app.state.service.tracer.close()  # type: ignore[attr-defined]
    assert [span.name for span in collector.spans] == ["GET /model"]


def test_without_the_extra_the_service_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, make_client: ClientMaker
) -> None:
    monkeypatch.setitem(sys.modules, "service.observability.tracing.otlp", None)
    with pytest.raises(TracingUnavailable, match=r"cardioquery\[otel\]"):
        make_client(otlp_endpoint="http://127.0.0.1:4318")


def test_without_an_endpoint_the_exporter_is_not_loaded() -> None:
    program = "import sys, service.app; print('opentelemetry.exporter' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
