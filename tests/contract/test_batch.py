import json
import threading
import time
from collections.abc import Sequence
from pathlib import PurePosixPath
from random import Random
from typing import Any

import pytest
from starlette.testclient import TestClient

import api_schemas as wire
from ecg_core.errors import InferenceFailed
from ecg_core.leads import LEADS
from ecg_core.readers import UploadedFile
from tests.support.answers import codes, in_folder, problem, zipped
from tests.support.clients import ClientMaker, load_with_gate
from tests.support.doubtful import samples_of, wfdb
from tests.support.recordings import make_csv, make_recording, make_wfdb, make_wfdb_zip, make_zip
from tests.support.service import Gate, as_upload

QUERIES = ["atrial fibrillation", "LBBB", "no inferior infarction", "broad notched waves"]
LINES = {"accept": "application/x-ndjson"}
RATES_BPM = (50.0, 75.0, 100.0, 150.0)


def several(count: int = 4) -> dict[str, list[UploadedFile]]:
    """Recordings that differ, by folder."""
    return {
        f"p{number}": make_wfdb(make_recording(heart_rate_bpm=RATES_BPM[number % 4]))
        for number in range(count)
    }


def send(
    client: TestClient,
    files: Sequence[UploadedFile],
    headers: dict[str, str] | None = None,
    **data: object,
) -> Any:
    return client.post("/diagnose/batch", files=as_upload(files), data=data, headers=headers)


def batch(client: TestClient, files: Sequence[UploadedFile], **data: object) -> wire.BatchDiagnosis:
    response = send(client, files, **data)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    answer = wire.BatchDiagnosis.model_validate_json(response.content)
    assert [item.index for item in answer.items] == list(range(len(answer.items)))
    assert answer.failed == sum(item.problem is not None for item in answer.items)
    return answer


def lines_of(response: Any) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.content.endswith(b"\n")
    return [json.loads(line) for line in response.content.splitlines()]


def essence(diagnosis: dict[str, Any]) -> dict[str, Any]:
    """All of an answer but whose it is and how long it took."""
    return {k: v for k, v in diagnosis.items() if k not in ("request_id", "timings_ms")}


def alone(client: TestClient, files: Sequence[UploadedFile], **data: object) -> dict[str, Any]:
    response = client.post("/diagnose", files=as_upload(files), data=data)
    assert response.status_code == 200, response.text
    return essence(response.json())


@pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "files"])
@pytest.mark.parametrize("as_lines", [True, False], ids=["NDJSON", "JSON"])
@pytest.mark.parametrize("at_once", [1, 3])
def test_every_answer_is_exactly_the_one_that_it_gets_alone(
    make_client: ClientMaker, as_zip: bool, as_lines: bool, at_once: int
) -> None:
    client = make_client(max_batch_diagnoses=at_once, max_concurrent_diagnoses=2)
    recordings = several(6)
    files = [file for name, pair in recordings.items() for file in in_folder(name, pair)]
    upload = [zipped(recordings)] if as_zip else files
    response = send(client, upload, LINES if as_lines else None, queries=QUERIES, top_k="3")
    if as_lines:
        *items, end = lines_of(response)
        assert end == {"done": True, "items": 6, "failed": 0}
    else:
        items = response.json()["items"]
    expected = [alone(client, pair, queries=QUERIES, top_k="3") for pair in recordings.values()]
    assert sorted(item["index"] for item in items) == list(range(6))
    for item in items:
        assert essence(item["diagnosis"]) == expected[item["index"]]
        assert item["diagnosis"]["request_id"] == response.headers["x-request-id"]
        assert (item["name"], item["status"]) == (f"p{item['index']}/record.hea", 200)


def test_without_queries_every_registered_condition_is_asked(client: TestClient) -> None:
    pair = make_wfdb()
    (item,) = batch(client, pair).items
    assert item.diagnosis is not None
    assert essence(item.diagnosis.model_dump(mode="json")) == alone(client, pair)


def test_formats_mix_and_what_is_stated_counts_for_all(client: TestClient) -> None:
    table = make_csv(make_recording(duration_s=10), units="", time_unit=None)
    files = [*make_wfdb(), *table, make_wfdb_zip(folder="inside/")]
    answer = batch(client, files, queries=QUERIES, units="mV", sampling_rate_hz="500")
    assert [item.status for item in answer.items] == [200, 200, 200]
    assert [PurePosixPath(item.name).suffix for item in answer.items] == [".hea", ".csv", ".zip"]
    formats = [item.diagnosis.recording.format for item in answer.items if item.diagnosis]
    assert formats == ["wfdb", "csv", "wfdb"]


def test_a_bad_recording_is_told_in_its_place_and_harms_no_other(client: TestClient) -> None:
    header, signal = make_wfdb()
    no_v3 = make_wfdb(make_recording(leads=[lead for lead in LEADS if lead != "V3"]))
    files = [
        *in_folder("a", [header, signal]),
        *in_folder("b", [header, UploadedFile(signal.name, signal.content[:-100])]),
        *in_folder("c", [header]),
        UploadedFile("d/report.pdf", b"%PDF"),
        *in_folder("e", no_v3),
        UploadedFile("f/broken.zip", b"PK\x03\x04"),
        *in_folder("g", [header, signal]),
    ]
    answer = batch(client, files, queries=["LBBB"])
    assert [item.status for item in answer.items] == [200, 422, 422, 415, 422, 422, 200]
    assert answer.failed == 5
    found = [item.problem for item in answer.items if item.problem]
    assert [[fault.code for fault in each.errors or []] for each in found] == [
        ["signal_file_mismatch"],
        ["incomplete_upload"],
        ["unsupported_format"],
        ["missing_lead"],
        ["archive_refused"],
    ]
    assert answer.items[0].diagnosis is not None
    assert answer.items[6].diagnosis is not None
    assert answer.items[0].diagnosis.findings == answer.items[6].diagnosis.findings


def test_leads_in_two_signal_files_are_read_beside_other_recordings(client: TestClient) -> None:
    header, (limb, chest) = wfdb(samples_of(Random(1)), split=6)
    split = [UploadedFile("a.hea", header.encode()), UploadedFile("a.dat", limb)]
    split.append(UploadedFile("a2.dat", chest))
    response = send(client, [*split[::-1], *make_wfdb()], queries=["LBBB"])
    items = {item["name"]: item for item in response.json()["items"]}
    assert {name: item["status"] for name, item in items.items()} == {
        "a.hea": 200,
        "record.hea": 200,
    }
    assert essence(items["a.hea"]["diagnosis"]) == alone(client, split, queries=["LBBB"])


def test_a_damaged_file_in_the_zip_harms_no_other(client: TestClient) -> None:
    recordings = several(3)
    archive = zipped(recordings)
    at = archive.content.index(b"p1/record.dat") + 200
    content = bytearray(archive.content)
    content[at : at + 20] = bytes(20)
    answer = batch(client, [UploadedFile("all.zip", bytes(content))], queries=["LBBB"])
    assert [item.status for item in answer.items] == [200, 422, 200]


def test_a_bug_or_a_failure_stays_with_its_recording(make_client: ClientMaker) -> None:
    gate = Gate()
    gate.open()
    for error, slug in [
        (KeyError("John Doe"), "internal-error"),
        (InferenceFailed("John Doe"), "inference-failed"),
    ]:
        client = make_client(load_with_gate(gate, error))
        response = send(client, [zipped(several(2))], queries=["LBBB"])
        assert "Doe" not in response.text
        items = response.json()["items"]
        assert [item["status"] for item in items] == [500, 500]
        assert items[0]["problem"]["type"] == f"urn:cardioquery:problem:{slug}"
        assert set(items[0]["problem"]) == {"type", "title", "status", "request_id"}


def test_what_is_wrong_with_form_queries_and_archive_refuses_the_batch_at_once(
    client: TestClient,
) -> None:
    found = problem(
        send(client, [UploadedFile("a.zip", b"no zip")], queries=["", "LBBB"], top_k="0"),
        422,
        "invalid-parameter",
    )
    assert codes(found) == [
        ("invalid_parameter", "top_k"),
        ("archive_refused", None),
        ("empty_query", "queries[0]"),
    ]
    response = client.post("/diagnose/batch", files=[("queries", (None, b"AFib"))])
    assert codes(problem(response, 422, "invalid-parameter")) == [
        ("invalid_parameter", "recording")
    ]
    found = problem(send(client, [make_zip({"folder/": b""})]), 422, "unreadable-recording")
    assert codes(found) == [("incomplete_upload", None)]


@pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "files"])
def test_too_many_recordings_refuse_the_batch(make_client: ClientMaker, as_zip: bool) -> None:
    client = make_client(max_batch_recordings=2)
    tables = {f"{n}.csv": b"I\n1\n" for n in range(3)}
    files = [make_zip(tables)] if as_zip else [UploadedFile(*item) for item in tables.items()]
    found = problem(send(client, files), 422, "invalid-parameter")
    assert codes(found) == [("too_many_recordings", "recording")]


def test_too_many_bytes_refuse_the_batch(make_client: ClientMaker) -> None:
    client = make_client(max_batch_bytes=200_000)
    problem(send(client, [UploadedFile("a.csv", b"0" * 300_000)]), 413, "upload-too-large")
    bomb = make_zip({f"{n}.csv": b"0" * 900_000 for n in range(2)})
    found = problem(send(client, [bomb]), 413, "recording-too-large")
    assert codes(found) == [("archive_refused", None)]
    assert client.app.state.service.upload_budget.held_bytes == 0  # type: ignore[attr-defined]


def test_the_upload_is_let_go_when_the_answer_is_over(client: TestClient) -> None:
    send(client, [zipped(several(2))], LINES, queries=["LBBB"])
    assert client.app.state.service.upload_budget.held_bytes == 0  # type: ignore[attr-defined]


def test_recordings_are_counted(make_client: ClientMaker) -> None:
    client = make_client()
    send(client, [*make_wfdb(), UploadedFile("x.pdf", b"")], queries=["LBBB"])
    text = client.get("/metrics").text
    assert 'cardioquery_batch_recordings_total{status="200"} 1.0' in text
    assert 'cardioquery_batch_recordings_total{status="415"} 1.0' in text
    assert 'cardioquery_errors_total{type="unsupported-format"} 1.0' in text
    assert 'cardioquery_stage_seconds_count{stage="encode"} 1.0' in text


def test_what_is_not_answered_by_the_batchs_deadline_says_so(make_client: ClientMaker) -> None:
    gate = Gate()
    client = make_client(load_with_gate(gate), batch_deadline_s=0.5)
    try:
        *items, end = lines_of(send(client, [zipped(several(3))], LINES, queries=["LBBB"]))
    finally:
        gate.open()
    assert [item["status"] for item in items] == [504, 504, 504]
    assert end == {"done": True, "items": 3, "failed": 3}


def test_one_that_takes_too_long_does_not_end_the_others(make_client: ClientMaker) -> None:
    gate = Gate()
    client = make_client(load_with_gate(gate), request_deadline_s=4.0, max_batch_diagnoses=1)

    def open_too_late() -> None:
        gate.reached.wait(60)
        time.sleep(4.5)
        gate.open()

    opening = threading.Thread(target=open_too_late)
    opening.start()
    answer = batch(client, [zipped(several(3))], queries=["LBBB"])
    opening.join()
    assert [item.status for item in answer.items] == [504, 200, 200]


def test_a_batch_waits_where_a_single_request_is_refused(make_client: ClientMaker) -> None:
    gate = Gate()
    client = make_client(
        load_with_gate(gate), max_concurrent_diagnoses=1, max_waiting_diagnoses=1,
        max_batch_diagnoses=3, request_deadline_s=20,
    )  # fmt: skip
    answers: list[Any] = []
    thread = threading.Thread(
        target=lambda: answers.append(send(client, [zipped(several(3))], queries=["LBBB"]))
    )
    thread.start()
    assert gate.reached.wait(60)
    # One is computed and two stand in the queue: it is full for everybody else.
    single = client.post("/diagnose", files=as_upload(make_wfdb()), data={"queries": "LBBB"})
    problem(single, 503, "overloaded")
    gate.open()
    thread.join()
    assert [item["status"] for item in answers[0].json()["items"]] == [200, 200, 200]


def test_a_batch_leaves_room_for_single_requests(make_client: ClientMaker) -> None:
    gate = Gate()
    client = make_client(
        load_with_gate(gate), max_concurrent_diagnoses=1, max_waiting_diagnoses=1,
        max_batch_diagnoses=1, request_deadline_s=20,
    )  # fmt: skip
    order: list[str] = []

    def in_a_batch() -> None:
        send(client, [zipped(several(4))], queries=["LBBB"])
        order.append("batch")

    def by_itself() -> None:
        data = {"queries": "LBBB"}
        assert client.post("/diagnose", files=as_upload(make_wfdb()), data=data).status_code == 200
        order.append("single")

    first, second = threading.Thread(target=in_a_batch), threading.Thread(target=by_itself)
    first.start()
    assert gate.reached.wait(60)
    second.start()
    workers = client.app.state.service.runtime.workers  # type: ignore[attr-defined]
    while not workers.is_full():
        time.sleep(0.01)
    gate.open()
    first.join()
    second.join()
    assert order == ["single", "batch"]


@pytest.mark.parametrize(
    ("accept", "as_lines"),
    [
        ("application/x-ndjson", True),
        ("application/json;q=0.5, Application/X-NDJSON", True),
        ("application/x-ndjson; q=0.0, */*", False),
        ("*/*", False),
        ("text/html", False),
    ],
)
def test_the_caller_chooses_the_form(client: TestClient, accept: str, as_lines: bool) -> None:
    response = send(client, make_wfdb(), {"accept": accept}, queries=["LBBB"])
    kind = "application/x-ndjson" if as_lines else "application/json"
    assert response.headers["content-type"] == kind


def test_a_long_name_is_cut_and_an_odd_one_is_sound_json(client: TestClient) -> None:
    names = ["x" * 300 + ".csv", 'a\n"b".csv']
    files = make_zip(dict.fromkeys(names, b"I\n1\n"))
    items = batch(client, [files]).items
    assert [item.name for item in items] == ["x" * 255, names[1]]
