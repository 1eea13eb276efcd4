import json
import logging

import pytest
from starlette.testclient import TestClient

from ecg_core.readers import UploadedFile
from service.observability.logs import JsonFormatter
from tests.support.clients import ClientMaker, load_with_gate
from tests.support.recordings import make_wfdb
from tests.support.service import Gate, as_upload

SECRETS = ("Mustermann", "19420317", "zebrafish")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> "list[str]":
    caplog.set_level(logging.DEBUG)
    made: list[str] = []

    class Writer(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not record.name.startswith(("httpx", "httpcore", "asyncio")):
                made.append(JsonFormatter().format(record))

    handler = Writer()
    logging.getLogger().addHandler(handler)
    yield made  # type: ignore[misc]
    logging.getLogger().removeHandler(handler)


def patients_files() -> list[UploadedFile]:
    header, signal = make_wfdb()
    text = header.content.replace(b"record", b"mustermann_19420317")
    text += b"# Mustermann, Erika, born 19420317\n"
    return [
        UploadedFile("mustermann_19420317.hea", text),
        UploadedFile("mustermann_19420317.dat", signal.content),
    ]


def assert_no_secret(*texts: str) -> None:
    for text in texts:
        for secret in SECRETS:
            assert secret.lower() not in text.lower()


def test_an_answered_request_leaves_nothing_about_the_patient(
    client: TestClient, lines: list[str]
) -> None:
    response = client.post(
        "/diagnose",
        files=as_upload(patients_files()),
        data={"queries": ["zebrafish stripes sign"]},
    )
    assert response.status_code == 200, response.text
    answer = response.json()
    # The query comes back to the one who asked, and nothing else does.
    assert [finding.pop("query") for finding in answer["findings"]] == ["zebrafish stripes sign"]
    assert_no_secret(str(answer), str(response.headers), client.get("/metrics").text, *lines)
    assert len(lines) >= 1


def test_what_a_client_sends_wrong_is_no_error_of_the_service(
    client: TestClient, lines: list[str]
) -> None:
    sent = [
        ("/queries", {"content": b"{", "headers": {"content-type": "application/json"}}),
        ("/diagnose", {"content": b"{", "headers": {"content-type": "multipart/form-data"}}),
        ("/diagnose", {"files": {"recording": ("a.zip", b"PK\x03\x04no archive")}}),
        ("/diagnose", {"files": {"recording": ("a.dcm", bytes(128) + b"DICM\x00")}}),
    ]
    for path, request in sent:
        assert 400 <= client.post(path, **request).status_code < 500  # type: ignore[arg-type]
    levels = {json.loads(line)["level"] for line in lines}
    assert levels <= {"debug", "info"}


def test_a_fhir_answer_holds_nothing_of_the_file_and_leaves_nothing_behind(
    client: TestClient, lines: list[str]
) -> None:
    response = client.post(
        "/diagnose",
        files=as_upload(patients_files()),
        data={"queries": ["LBBB"], "fhir_subject": "Patient/zebrafish"},
        headers={"accept": "application/fhir+json"},
    )
    assert response.status_code == 200, response.text
    told = response.text.replace('"Patient/zebrafish"', "")
    assert_no_secret(told, str(response.headers), client.get("/metrics").text, *lines)
    assert told != response.text


@pytest.mark.parametrize(
    ("name", "queries", "fields"),
    [
        ("mustermann.pdf", ["zebrafish"], {}),
        ("mustermann_19420317.dat", ["zebrafish"], {}),
        ("mustermann.csv", ["zebrafish " * 100, "no zebrafish or no zebrafish"], {}),
        ("mustermann.csv", ["zebrafish\x00"], {"Mustermann": "19420317", "units": "zebrafish"}),
        (
            "mustermann.csv",
            ["zebrafish"],
            {"fhir_subject": "Mustermann", "fhir_effective": "19420317"},
        ),
    ],
)
def test_a_refusal_repeats_nothing(
    client: TestClient, lines: list[str], name: str, queries: list[str], fields: dict[str, str]
) -> None:
    file = UploadedFile(name, b"Mustermann;zebrafish\n19420317;1\n")
    response = client.post(
        "/diagnose", files=as_upload([file]), data={"queries": queries, **fields}
    )
    assert 400 <= response.status_code < 500
    assert_no_secret(response.text, str(response.headers), client.get("/metrics").text, *lines)


@pytest.mark.parametrize(
    "body",
    [
        {"text": "zebrafish", "Mustermann": 1},
        {"text": "no zebrafish or zebrafish", "name": "sinus rhythm"},
        {"text": ["Mustermann"], "codes": "zebrafish"},
    ],
)
def test_a_refused_condition_repeats_nothing(
    client: TestClient, lines: list[str], body: dict[str, object]
) -> None:
    response = client.post("/queries", json=body)
    assert response.status_code == 422
    assert_no_secret(response.text, str(response.headers), client.get("/metrics").text, *lines)


def test_a_bug_repeats_nothing(make_client: ClientMaker, lines: list[str]) -> None:
    gate = Gate()
    gate.open()
    client = make_client(load_with_gate(gate, ValueError("Mustermann 19420317 zebrafish")))
    response = client.post("/diagnose", files=as_upload(patients_files()), data={"queries": "AFib"})
    assert response.status_code == 500
    assert_no_secret(response.text, client.get("/metrics").text, *lines)
    assert any('"exception": "ValueError"' in line for line in lines)


def test_paths_and_query_strings_are_not_logged(client: TestClient, lines: list[str]) -> None:
    client.get("/Mustermann/19420317?name=zebrafish")
    client.get("/queries/Mustermann-19420317")
    assert_no_secret(client.get("/metrics").text, *lines)
