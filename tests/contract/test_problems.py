import threading
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from ecg_core.leads import LEADS
from ecg_core.readers import UploadedFile
from service.runtime.assembly import RuntimeLoader
from tests.support.answers import codes, problem
from tests.support.clients import ClientMaker, load_with_gate
from tests.support.recordings import edit_header, make_recording, make_wfdb
from tests.support.service import Gate, as_upload

JSON = {"content-type": "application/json"}


def send(
    client: TestClient, files: Sequence[UploadedFile] | None = None, **data: Any
) -> httpx.Response:
    upload = as_upload(make_wfdb() if files is None else files)
    return client.post("/diagnose", files=upload, data=data)  # type: ignore[return-value]


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "multipart/form-data"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "multipart/form-data; boundary=x", "content-length": "-5"},
    ],
)
def test_400_a_multipart_that_cannot_be_read(client: TestClient, headers: dict[str, str]) -> None:
    problem(
        client.post("/diagnose", content=b"rubbish", headers=headers), 400, "unreadable-request"
    )


@pytest.mark.parametrize(
    "body", ["", "{", '{"text": NaN}', '{"text": "a", "text": "b"}', "[" * 9999]
)
def test_400_a_json_that_cannot_be_read(client: TestClient, body: str) -> None:
    response = client.post("/queries", content=body, headers=JSON)
    problem(response, 400, "unreadable-request")


@pytest.mark.parametrize(
    ("path", "slug"), [("/nope", "not-found"), ("/queries/nope", "condition-not-found")]
)
def test_404(client: TestClient, path: str, slug: str) -> None:
    problem(client.get(path), 404, slug)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/diagnose"), ("PUT", "/queries/x"), ("POST", "/model"), ("DELETE", "/healthz")],
)
def test_405_names_what_is_allowed(client: TestClient, method: str, path: str) -> None:
    response = client.request(method, path)
    problem(response, 405, "method-not-allowed")
    assert response.headers["allow"]


def test_409_a_built_in_condition_stays(client: TestClient) -> None:
    path = "/queries/atrial-fibrillation"
    problem(client.delete(path), 409, "built-in-condition")
    assert client.get(path).status_code == 200


def test_413_an_upload_over_the_limit(make_client: ClientMaker) -> None:
    client = make_client(max_upload_bytes=200_000)
    assert send(client, queries=["AFib"]).status_code == 200
    long = make_wfdb(make_recording(duration_s=30))
    problem(send(client, long), 413, "upload-too-large")
    assert send(client, queries=["AFib"]).status_code == 200


def test_413_a_json_over_the_limit(client: TestClient) -> None:
    body = '{"text": "' + "x" * 300_000 + '"}'
    problem(client.post("/queries", content=body, headers=JSON), 413, "upload-too-large")


@pytest.mark.parametrize("name", ["ecg.pdf", "ecg", "ecg.csv.gz"])
def test_415_no_reader_for_the_format(client: TestClient, name: str) -> None:
    found = problem(send(client, [UploadedFile(name, b"%PDF")]), 415, "unsupported-format")
    assert codes(found) == [("unsupported_format", None)]


def test_415_a_content_type_that_the_route_does_not_take(client: TestClient) -> None:
    response = client.post("/diagnose", json={"queries": ["AFib"]})
    problem(response, 415, "unsupported-media-type")
    response = client.post("/queries", data={"text": "a"})
    problem(response, 415, "unsupported-media-type")


def test_422_every_missing_lead_by_name(client: TestClient) -> None:
    leads = [lead for lead in LEADS if lead not in ("V3", "V5", "aVF")]
    found = problem(send(client, make_wfdb(make_recording(leads=leads))), 422, "unusable-recording")
    assert codes(found) == [("missing_lead", "V3"), ("missing_lead", "V5")]


def test_422_faults_of_recording_and_queries_at_once(client: TestClient) -> None:
    leads = [lead for lead in LEADS if lead != "V3"]
    files = make_wfdb(make_recording(leads=leads))
    found = problem(send(client, files, queries=["AFib", " "]), 422, "unusable-recording")
    assert codes(found) == [("missing_lead", "V3"), ("empty_query", "queries[1]")]


def test_422_a_broken_recording(client: TestClient) -> None:
    header, signal = make_wfdb()
    cut = UploadedFile(signal.name, signal.content[:-100])
    found = problem(send(client, [header, cut]), 422, "unreadable-recording")
    assert codes(found)[0][0] == "signal_file_mismatch"
    broken = edit_header([header, signal], (" 12 500 ", " 12 zero "))
    problem(send(client, broken), 422, "unreadable-recording")


def test_422_too_short(client: TestClient) -> None:
    found = problem(
        send(client, make_wfdb(make_recording(duration_s=0.5))), 422, "unusable-recording"
    )
    assert ("too_short", None) in codes(found)


def test_422_every_field_at_once(client: TestClient) -> None:
    wrong = {"top_k": "0", "units": "V", "sampling_rate_hz": "nan", "lead_order": "I,I"}
    found = problem(
        send(client, queries=[""], allow_missing_leads="perhaps", unheard_of="x", **wrong),
        422,
        "invalid-parameter",
    )
    fields = {field for code, field in codes(found) if code == "invalid_parameter"}
    assert fields == {*wrong, "allow_missing_leads", None}
    assert ("empty_query", "queries[0]") in codes(found)


def test_422_no_recording(client: TestClient) -> None:
    response = client.post(
        "/diagnose", files=[("queries", (None, b"AFib")), ("recording", (None, b"a.csv"))]
    )
    found = problem(response, 422, "invalid-parameter")
    assert {field for _, field in codes(found)} == {"recording"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "empty_query"),
        ("x" * 1_000_000, "query_too_long"),
        ("atrial\u202efibrillation", "query_control_characters"),
        ("atrial\x00fibrillation", "query_control_characters"),
        ("心房颤动", "query_not_understood"),
    ],
    ids=["empty", "1 MB", "bidi", "NUL", "Chinese"],
)
def test_422_a_query_that_cannot_be_asked(client: TestClient, query: str, code: str) -> None:
    found = problem(send(client, queries=["AFib", query]), 422, "invalid-query")
    assert (code, "queries[1]") in codes(found)


def test_422_too_many_queries(make_client: ClientMaker) -> None:
    client = make_client(max_queries=3)
    found = problem(send(client, queries=["a", "b", "c", "d"]), 422, "invalid-query")
    assert codes(found) == [("too_many_queries", "queries")]
    problem(send(client, queries=["a"] * 500), 413, "upload-too-large")


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "cursor=%00", "cursor=ä"])
def test_422_a_query_string_that_makes_no_sense(client: TestClient, query: str) -> None:
    found = problem(client.get(f"/queries?{query}"), 422, "invalid-parameter")
    assert codes(found) == [("invalid_parameter", query.split("=")[0])]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/diagnose"),
        ("POST", "/diagnose/batch"),
        ("POST", "/queries"),
        ("GET", "/queries"),
        ("GET", "/queries/lbbb"),
        ("DELETE", "/queries/lbbb"),
        ("GET", "/model"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
    ],
)
def test_422_a_query_string_that_the_route_does_not_know(
    client: TestClient, method: str, path: str
) -> None:
    response = client.request(method, path, params={"units": "uV John Doe"})
    assert codes(problem(response, 422, "invalid-parameter")) == [("invalid_parameter", None)]
    assert "John" not in response.text


def test_422_a_parameter_of_the_query_string_given_twice(client: TestClient) -> None:
    found = problem(client.get("/queries?limit=1&limit=2"), 422, "invalid-parameter")
    assert codes(found) == [("invalid_parameter", "limit")]


def test_500_a_failed_inference_says_nothing_more(
    make_client: ClientMaker, failing_load: RuntimeLoader
) -> None:
    response = send(make_client(failing_load), queries=["AFib"])
    found = problem(response, 500, "inference-failed")
    assert set(response.json()) == {"type", "title", "status", "request_id"}
    assert found.title == "Internal error"


def test_500_a_bug_says_nothing_more(make_client: ClientMaker) -> None:
    gate = Gate()
    gate.open()
    response = send(make_client(load_with_gate(gate, KeyError("John Doe"))), queries=["AFib"])
    problem(response, 500, "internal-error")
    assert set(response.json()) == {"type", "title", "status", "request_id"}


def test_503_the_queue_is_full_and_the_others_are_answered(make_client: ClientMaker) -> None:
    gate = Gate()
    client = make_client(load_with_gate(gate), max_concurrent_diagnoses=1, max_waiting_diagnoses=0)
    answers: list[int] = []
    first = threading.Thread(
        target=lambda: answers.append(send(client, queries=["AFib"]).status_code)
    )
    first.start()
    assert gate.reached.wait(60)
    response = send(client, queries=["AFib"])
    problem(response, 503, "overloaded")
    assert int(response.headers["retry-after"]) >= 1
    assert client.get("/healthz").status_code == 200
    gate.open()
    first.join()
    assert answers == [200]
    assert send(client, queries=["AFib"]).status_code == 200


def test_503_the_store_does_not_answer(client: TestClient, make_client: ClientMaker) -> None:
    other = make_client()
    other.app.state.service.runtime.store.close()  # type: ignore[attr-defined]
    for response in (
        other.get("/readyz"),
        other.post("/queries", json={"text": "T waves like a tent"}),
        other.delete("/queries/nope"),
    ):
        problem(response, 503, "store-unavailable")
        assert int(response.headers["retry-after"]) >= 1
    assert send(other, queries=["AFib"]).status_code == 200
    assert client.get("/readyz").status_code == 200


def test_503_before_the_model_is_there(make_client: ClientMaker) -> None:
    client = make_client()
    client.app.state.service.runtime.close()  # type: ignore[attr-defined]
    runtime = client.app.state.service.runtime  # type: ignore[attr-defined]
    client.app.state.service.runtime = None  # type: ignore[attr-defined]
    for response in (client.get("/readyz"), client.get("/model"), send(client)):
        problem(response, 503, "model-not-ready")
    assert client.get("/healthz").status_code == 200
    client.app.state.service.runtime = runtime  # type: ignore[attr-defined]


def test_504_the_deadline_passed_and_the_next_is_answered(make_client: ClientMaker) -> None:
    gate = Gate()
    client = make_client(load_with_gate(gate), request_deadline_s=2.0, max_concurrent_diagnoses=1)
    problem(send(client, queries=["AFib"]), 504, "deadline-exceeded")
    gate.open()
    assert send(client, queries=["AFib"]).status_code == 200


def test_a_sane_request_id_is_echoed_in_problems(client: TestClient) -> None:
    response = client.get("/nope", headers={"x-request-id": "mine"})
    assert problem(response, 404, "not-found").request_id == "mine"
