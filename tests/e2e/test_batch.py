"""Batches against a real server: streaming, hanging up, and what is left behind."""

import json
import time

import httpx

from tests.support.recordings import make_recording, make_wfdb, make_zip
from tests.support.server import Server, ServerStarter, wait_for
from tests.support.service import Upload, as_upload

LINES = {"accept": "application/x-ndjson"}
QUERIES = ["sinus rhythm", "atrial fibrillation"]


def upload(count: int) -> Upload:
    """Recordings of a minute: each takes its time."""
    files = make_wfdb(make_recording(duration_s=60, sampling_rate_hz=100))
    return as_upload(
        [make_zip({f"{n}/{file.name}": file.content for n in range(count) for file in files})]
    )


def metric(server: Server, line: str) -> float:
    with server.client() as client:
        found = [text for text in client.get("/metrics").text.splitlines() if text.startswith(line)]
    return float(found[0].split()[-1]) if found else 0.0


def test_lines_come_while_others_are_still_being_scored(server: Server) -> None:
    with (
        server.client() as client,
        client.stream(
            "POST", "/diagnose/batch", files=upload(6), data={"queries": QUERIES}, headers=LINES
        ) as response,
    ):
        chunks = list(response.iter_raw())
    assert len(chunks) > 1
    *items, end = [json.loads(line) for line in b"".join(chunks).splitlines()]
    assert sorted(item["index"] for item in items) == list(range(6))
    assert end == {"done": True, "items": 6, "failed": 0}


def test_when_the_client_hangs_up_the_rest_is_not_scored(start_server: ServerStarter) -> None:
    server = start_server(max_batch_diagnoses=1)
    with server.client() as client:
        request = client.build_request(
            "POST", "/diagnose/batch", files=upload(200), data={"queries": QUERIES}, headers=LINES
        )
        response = client.send(request, stream=True)
        assert next(response.iter_lines())
        response.close()
    hung_up = 'cardioquery_requests_total{method="POST",route="/diagnose/batch",status="499"}'
    wait_for(lambda: metric(server, hung_up) == 1)
    for gauge in ("cardioquery_queue_running", "cardioquery_queue_waiting"):
        wait_for(lambda gauge=gauge: metric(server, gauge) == 0)
    scored = metric(server, 'cardioquery_batch_recordings_total{status="200"}')
    assert 1 <= scored < 200
    time.sleep(0.5)
    assert metric(server, 'cardioquery_batch_recordings_total{status="200"}') == scored


def test_no_line_of_the_log_names_a_file(start_server: ServerStarter) -> None:
    server = start_server(log_level="debug")
    files = make_zip({"Mustermann/19420317.csv": b"zebrafish", "b.pdf": b""})
    with httpx.Client(base_url=server.url, timeout=30) as client:
        answer = client.post("/diagnose/batch", files=as_upload([files]), data={"queries": QUERIES})
        text = client.get("/metrics").text
    assert [item["name"] for item in answer.json()["items"]] == ["Mustermann/19420317.csv", "b.pdf"]
    for secret in ("mustermann", "19420317", "zebrafish", ".pdf"):
        assert secret not in (server.log.read_text() + text).lower()
        assert secret not in json.dumps([i["problem"] for i in answer.json()["items"]]).lower()
