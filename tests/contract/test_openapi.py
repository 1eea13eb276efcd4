import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from api_schemas import PROBLEM_MEDIA_TYPE
from service.api.problems import PROBLEM_TYPES

# What api.md says each route answers.
REFUSALS = {401, 403, 429}
STATUSES = {
    ("post", "/diagnose"): {200, 400, 408, 413, 415, 422, 500, 503, 504, *REFUSALS},
    ("post", "/diagnose/batch"): {200, 400, 408, 413, 415, 422, 500, 503, 504, *REFUSALS},
    ("post", "/queries"): {200, 201, 400, 408, 409, 413, 415, 422, 500, 503, 504, *REFUSALS},
    ("get", "/queries"): {200, 422, 500, 503, *REFUSALS},
    ("get", "/queries/{condition_id}"): {200, 404, 422, 500, 503, *REFUSALS},
    ("delete", "/queries/{condition_id}"): {204, 404, 409, 422, 500, 503, *REFUSALS},
    ("get", "/model"): {200, 422, 500, 503, *REFUSALS},
    ("get", "/healthz"): {200, 422, 500},
    ("get", "/readyz"): {200, 422, 500, 503},
    ("get", "/metrics"): {200, 422, 500, *REFUSALS},
}


@pytest.fixture(scope="module")
def schema(client: TestClient) -> dict[str, Any]:
    response = client.get("/openapi.json")
    assert response.status_code == 200
    document: dict[str, Any] = response.json()
    return document


def operations(schema: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }


def test_every_route_and_status_of_the_contract_is_there(schema: dict[str, Any]) -> None:
    found = {
        key: {int(status) for status in operation["responses"]}
        for key, operation in operations(schema).items()
    }
    assert found == STATUSES


def test_every_error_is_problem_json(schema: dict[str, Any]) -> None:
    for operation in operations(schema).values():
        for status, response in operation["responses"].items():
            if status >= "400":
                (media_type,) = response["content"]
                assert media_type == PROBLEM_MEDIA_TYPE
                reference = response["content"][media_type]["schema"]["$ref"]
                assert reference == "#/components/schemas/Problem"


def test_every_domain_error_is_there(schema: dict[str, Any]) -> None:
    known = schema["components"]["schemas"]["Problem"]["properties"]["type"]["examples"]
    assert set(known) == {kind.uri for kind in PROBLEM_TYPES.values()}


def test_the_form_of_an_upload_is_described(schema: dict[str, Any]) -> None:
    body = operations(schema)[("post", "/diagnose")]["requestBody"]
    form = body["content"]["multipart/form-data"]["schema"]
    assert set(form["properties"]) == {
        "recording", "queries", "top_k", "sampling_rate_hz", "units", "lead_order",
        "allow_missing_leads", "fhir_subject", "fhir_encounter", "fhir_effective",
    }  # fmt: skip


def test_both_forms_of_a_batchs_answer_are_described(schema: dict[str, Any]) -> None:
    operation = operations(schema)[("post", "/diagnose/batch")]
    content = operation["responses"]["200"]["content"]
    assert set(content) == {
        "application/json", "application/x-ndjson", "application/fhir+json",
    }  # fmt: skip
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert "zip" in form["recording"]["description"]
    assert set(form) == {
        "recording", "queries", "top_k", "sampling_rate_hz", "units", "lead_order",
        "allow_missing_leads",
    }  # fmt: skip


def test_examples_are_shown(schema: dict[str, Any]) -> None:
    for name in (
        "Diagnosis",
        "BatchDiagnosis",
        "BatchItem",
        "Condition",
        "ModelDescription",
        "Problem",
    ):
        assert schema["components"]["schemas"][name]["examples"], name


def test_the_docs_page_is_there_and_loads_nothing_from_elsewhere(client: TestClient) -> None:
    pytest.importorskip("fastapi_offline")
    page = client.get("/docs")
    assert page.status_code == 200
    assert "://" not in page.text
    links = re.findall(r'(?:src|href)="(docs/[^"]+)"', page.text)
    assert len(links) == 3
    for link in links:
        file = client.get(f"/{link}")
        assert (file.status_code, file.headers["x-content-type-options"]) == (200, "nosniff")
        assert file.headers["content-type"].startswith(("text/javascript", "text/css"))
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert 'url: "openapi.json"' in client.get("/docs/start.js").text


@pytest.mark.parametrize("path", ["/diagnose", "/diagnose/batch"])
def test_fhir_is_described_beside_json(schema: dict[str, Any], path: str) -> None:
    answers = operations(schema)[("post", path)]["responses"]["200"]["content"]
    assert answers["application/fhir+json"]["schema"]["properties"]["resourceType"] == {
        "const": "Bundle"
    }
    assert answers["application/json"]["schema"]["$ref"].startswith("#/components/schemas/")


def test_a_batch_has_no_field_of_one_recording(schema: dict[str, Any]) -> None:
    body = operations(schema)[("post", "/diagnose/batch")]["requestBody"]
    form = body["content"]["multipart/form-data"]["schema"]
    assert not [field for field in form["properties"] if field.startswith("fhir")]
