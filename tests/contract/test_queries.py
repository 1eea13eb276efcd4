import json

import pytest
from starlette.testclient import TestClient

import api_schemas as wire
from tests.support.answers import codes, problem
from tests.support.clients import ClientMaker
from tests.support.recordings import make_wfdb
from tests.support.service import as_upload

NEW = {
    "text": "T waves tall and pointed like a tent",
    "name": "Steeple T waves",
    "synonyms": ["church-steeple T waves"],
    "codes": [{"system": "http://snomed.info/sct", "code": "251205003"}],
}


@pytest.fixture
def own(make_client: ClientMaker) -> TestClient:
    return make_client()


def asked(client: TestClient, *queries: str) -> list[wire.Finding]:
    response = client.post(
        "/diagnose", files=as_upload(make_wfdb()), data={"queries": list(queries)}
    )
    return wire.Diagnosis.model_validate_json(response.content).findings


def test_a_new_condition_is_stored_and_ranked_from_then_on(own: TestClient) -> None:
    before = {finding.query for finding in asked(own)}
    response = own.post("/queries", json=NEW)
    assert response.status_code == 201
    made = wire.Condition.model_validate_json(response.content)
    assert response.headers["location"] == f"/queries/{made.id}"
    assert {name: response.json()[name] for name in NEW} == NEW
    assert made.id.startswith("steeple-t-waves-")
    assert not made.built_in
    assert made.familiarity in ("near", "unseen")
    assert made.created_at is not None
    assert made.created_at.tzinfo is not None
    assert own.get(response.headers["location"]).json() == response.json()
    after = {finding.query: finding for finding in asked(own)}
    assert set(after) - before == {"Steeple T waves"}
    assert after["Steeple T waves"].condition_id == made.id
    assert not after["Steeple T waves"].calibrated
    assert (made.trained, made.group, made.base_rate) == (False, None, None)
    assert after["Steeple T waves"].trained is False


def test_every_condition_says_whether_the_model_was_trained_on_it(client: TestClient) -> None:
    trained = set(client.get("/model").json()["trained_conditions"])
    said = {}
    cursor: str | None = ""
    while cursor is not None:
        page = client.get(
            "/queries", params={"limit": 100} | ({"cursor": cursor} if cursor else {})
        )
        said |= {one["id"]: one["trained"] for one in page.json()["conditions"]}
        cursor = page.json()["next_cursor"]
    assert trained < set(said)
    assert all(said[name] is (name in trained) for name in said)


def test_the_same_text_again_gives_the_one_that_exists(own: TestClient) -> None:
    first = own.post("/queries", json=NEW)
    again = own.post("/queries", json={"text": NEW["text"], "name": "Other"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()


def test_registering_changes_no_probability(own: TestClient) -> None:
    (before,) = asked(own, str(NEW["text"]))
    made = own.post("/queries", json=NEW).json()
    for wording in (NEW["text"], NEW["name"], "CHURCH-STEEPLE T-wave"):
        (finding,) = asked(own, str(wording))
        assert finding.condition_id == made["id"]
        assert finding.probability == pytest.approx(before.probability, abs=1e-6)


def test_a_text_of_the_catalogue_gives_the_built_in_condition(own: TestClient) -> None:
    response = own.post("/queries", json={"text": "AFib"})
    assert response.status_code == 200
    assert response.json()["id"] == "atrial-fibrillation"
    assert response.json()["built_in"] is True
    assert response.json()["created_at"] is None


def test_a_condition_outlives_a_restart_and_can_be_removed(make_client: ClientMaker) -> None:
    made = make_client().post("/queries", json=NEW).json()
    after_restart = make_client()
    path = f"/queries/{made['id']}"
    assert after_restart.get(path).json() == made
    removed = after_restart.delete(path)
    assert (removed.status_code, removed.content) == (204, b"")
    problem(after_restart.get(path), 404, "condition-not-found")
    problem(after_restart.delete(path), 404, "condition-not-found")


def test_another_process_on_the_same_store_sees_it_at_once(make_client: ClientMaker) -> None:
    one, other = make_client(), make_client()
    made = one.post("/queries", json=NEW).json()
    assert "Steeple T waves" in {finding.query for finding in asked(other)}
    other.delete(f"/queries/{made['id']}")
    assert "Steeple T waves" not in {finding.query for finding in asked(one)}


def test_pages_hold_every_condition_once_sorted_by_id(own: TestClient) -> None:
    own.post("/queries", json=NEW)
    ids: list[str] = []
    cursor = None
    while True:
        page = own.get("/queries", params={"limit": 7} | ({"cursor": cursor} if cursor else {}))
        found = wire.ConditionPage.model_validate_json(page.content)
        assert len(found.conditions) <= 7
        ids += [condition.id for condition in found.conditions]
        cursor = found.next_cursor
        if cursor is None:
            break
    assert ids == sorted(set(ids))
    assert any(i.startswith("steeple") for i in ids)
    assert own.get("/queries", params={"limit": len(ids)}).json()["next_cursor"] is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"text": None}, ("invalid_parameter", "text")),
        ({"text": 5}, ("invalid_parameter", "text")),
        ({"text": "x" * 501}, ("invalid_parameter", "text")),
        ({"text": "wave " * 80}, ("query_too_long", "text")),
        ({"text": "  "}, ("empty_query", "text")),
        ({"text": "no atrial fibrillation"}, ("query_negation_unclear", "text")),
        ({"name": "a\u0000b"}, ("query_control_characters", "name")),
        ({"synonyms": ["fine", "no AFib"]}, ("query_negation_unclear", "synonyms[1]")),
        ({"synonyms": ["a"] * 33}, ("invalid_parameter", "synonyms")),
        ({"codes": [{"system": "s"}]}, ("invalid_parameter", "codes[0].code")),
        ({"surprise": 1}, ("invalid_parameter", None)),
        ({"text": "a \ud800 surrogate"}, ("invalid_parameter", "text")),
    ],
)
def test_a_condition_with_a_fault_is_refused_by_field(
    client: TestClient, change: dict[str, object], expected: tuple[str, str | None]
) -> None:
    body = json.dumps(NEW | change)
    response = client.post("/queries", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 422, response.text
    found = problem(response, 422, response.json()["type"].rsplit(":", 1)[1])
    assert expected in codes(found)


@pytest.mark.parametrize("body", ["[]", "null", '"text"', "5"])
def test_a_json_that_is_no_object_is_refused(client: TestClient, body: str) -> None:
    response = client.post("/queries", content=body, headers={"content-type": "application/json"})
    problem(response, 422, "invalid-parameter")


def test_too_many_conditions_are_refused(make_client: ClientMaker) -> None:
    client = make_client(max_registered_conditions=1)
    assert client.post("/queries", json=NEW).status_code == 201
    found = problem(client.post("/queries", json={"text": "one more T wave"}), 422, "invalid-query")
    assert codes(found) == [("too_many_queries", None)]
