"""What answers hold: problems, findings, metrics."""

import time
from collections.abc import Sequence
from typing import Any

from starlette.testclient import TestClient

from api_schemas import PROBLEM_MEDIA_TYPE, Problem
from ecg_core.readers import UploadedFile
from tests.support.recordings import make_wfdb, make_zip
from tests.support.service import as_upload

PATIENCE_S = 60.0


def problem(response: Any, status: int, slug: str) -> Problem:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM_MEDIA_TYPE
    found = Problem.model_validate_json(response.content)
    assert found.type == f"urn:cardioquery:problem:{slug}"
    assert found.status == status
    assert found.request_id == response.headers["x-request-id"]
    return found


def codes(found: Problem) -> list[tuple[str, str | None]]:
    return [(error.code, error.lead or error.field) for error in found.errors or []]


def in_folder(folder: str, files: Sequence[UploadedFile]) -> list[UploadedFile]:
    return [UploadedFile(f"{folder}/{file.name}", file.content) for file in files]


def zipped(recordings: dict[str, list[UploadedFile]]) -> UploadedFile:
    return make_zip(
        {
            f"{folder}/{file.name}": file.content
            for folder, files in recordings.items()
            for file in files
        }
    )


def findings(client: TestClient, *queries: str) -> dict[str, float]:
    """Probabilities by query; the diagnosis must succeed."""
    data = {"queries": list(queries)}
    response = client.post("/diagnose", files=as_upload(make_wfdb()), data=data)
    assert response.status_code == 200, response.text
    return {found["query"]: found["probability"] for found in response.json()["findings"]}


def metric(client: TestClient, name: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


def until_ready(client: TestClient) -> None:
    """Redis is tried again a second after it failed."""
    end = time.monotonic() + PATIENCE_S
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() < end, "not ready again"
        time.sleep(0.1)


NEW = {"text": "T waves tall and pointed like a tent", "name": "Steeple T waves"}


OTHER = {"text": "R waves notched like a church spire in V1", "name": "Notched R in V1"}


QUERIES = ["atrial flutter", "LBBB", "T waves like a camel's hump", "no pacemaker rhythm"]
