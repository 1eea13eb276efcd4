"""How a query was read stands in the answer, and what cannot be answered gets no probability."""

import pytest
from starlette.testclient import TestClient

import api_schemas as wire
from tests.support.recordings import make_wfdb
from tests.support.service import as_upload


def found(client: TestClient, *queries: str) -> dict[str, wire.Finding]:
    response = client.post("/diagnose", files=as_upload(make_wfdb()), data={"queries": queries})
    assert response.status_code == 200, response.text
    answer = wire.Diagnosis.model_validate_json(response.content)
    return {finding.query: finding for finding in answer.findings}


def refused(client: TestClient, query: str) -> list[str]:
    response = client.post("/diagnose", files=as_upload(make_wfdb()), data={"queries": [query]})
    assert response.status_code == 422
    return [error["code"] for error in response.json()["errors"]]


def test_every_finding_says_how_it_was_read(client: TestClient) -> None:
    texts = {
        "bloc de branche gauche": "condition",
        "no P waves": "sign",
        "heart rate above 40": "measurement",
        "no LBBB": "not",
        "AF and LBBB": "all_of",
        "sinus rhythm or LBBB": "any_of",
        "AF, ST elevation in V1, wide QRS complexes": "description",
        "COVID-19": "not_answerable",
    }
    findings = found(client, *texts)
    assert {text: findings[text].interpreted_as.kind for text in texts} == texts
    read = findings["bloc de branche gauche"].interpreted_as
    assert (read.condition_id, read.name) == (
        "complete-left-bundle-branch-block",
        "complete left bundle branch block",
    )


def test_a_question_gets_the_same_probability_as_the_name(client: TestClient) -> None:
    texts = (
        "LBBB",
        "Does the patient have LBBB?",
        "Linksschenkelblock",
        "left bundel branch block",
    )
    probabilities = {finding.probability for finding in found(client, *texts).values()}
    assert len(probabilities) == 1


def test_what_cannot_be_answered_comes_last_without_rank_and_probability(
    client: TestClient,
) -> None:
    response = client.post(
        "/diagnose",
        files=as_upload(make_wfdb()),
        data={"queries": ["no heart failure", "AF", "asdfgh", "LBBB"]},
    )
    findings = response.json()["findings"]
    assert [f["rank"] for f in findings] == [1, 2, None, None]
    assert [(f["query"], f["reason"]) for f in findings[2:]] == [
        ("no heart failure", "not_a_finding_of_an_ecg"),
        ("asdfgh", "not_understood"),
    ]
    assert all(f["probability"] is None and not f["answerable"] for f in findings[2:])
    assert all(f["answerable"] and f["reason"] is None for f in findings[:2])


def test_a_measurement_query_carries_its_measurement(client: TestClient) -> None:
    findings = found(client, "heart rate above 20", "heart rate above 40", "heart rate below 300")
    for finding in findings.values():
        assert finding.measured is not None
        assert finding.measured.unit == "/min"
        assert finding.probability is not None
        assert finding.probability > 0.99


def test_what_is_not_read_is_warned_of_without_its_words(client: TestClient) -> None:
    response = client.post(
        "/diagnose", files=as_upload(make_wfdb()), data={"queries": ["severe LBBB"]}
    )
    warnings = [w for w in response.json()["warnings"] if w["query"] == "severe LBBB"]
    assert [w["code"] for w in warnings] == ["not_read"]
    assert "severe LBBB" not in warnings[0]["detail"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("AF, LBBB", "several_conditions"),
        ('["AF", "LBBB"]', "several_conditions"),
        ("AF and no AF", "query_contradictory"),
    ],
)
def test_a_query_that_is_none_is_refused(client: TestClient, query: str, code: str) -> None:
    assert refused(client, query) == [code]


def test_broader_conditions_are_never_less_probable(client: TestClient) -> None:
    response = client.post("/diagnose", files=as_upload(make_wfdb()))
    by_id = {f["condition_id"]: f["probability"] for f in response.json()["findings"]}
    for narrower, broader in (
        ("atrial-fibrillation", "atrial-fibrillation-or-flutter"),
        ("complete-right-bundle-branch-block", "bundle-branch-block"),
        ("septal-myocardial-infarction", "myocardial-infarction"),
    ):
        assert by_id[broader] >= by_id[narrower] - 1e-9


def test_a_dry_run_says_how_a_text_is_read_and_stores_nothing(client: TestClient) -> None:
    before = client.get("/queries", params={"limit": 1000}).json()
    response = client.post(
        "/queries", params={"dry_run": "true"}, json={"text": "tall peaked T waves, QRS 140 ms"}
    )
    assert response.status_code == 200, response.text
    read = wire.ReadCondition.model_validate_json(response.content)
    assert read.interpreted_as.kind == "description"
    assert read.existing is None
    assert client.get("/queries", params={"limit": 1000}).json() == before


def test_a_text_that_cannot_be_answered_cannot_be_registered(client: TestClient) -> None:
    response = client.post("/queries", json={"text": "COVID-19"})
    assert response.status_code == 422
    assert [error["code"] for error in response.json()["errors"]] == ["query_not_answerable"]
