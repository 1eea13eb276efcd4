"""A caller who writes cannot change what others are told: names, synonyms and ids are guarded."""

import pytest
from starlette.testclient import TestClient

import api_schemas as wire
from service.errors import ConditionIdTaken
from service.storage.redis_conditions import RedisStore
from service.storage.sqlite import SqliteStore
from tests.support.answers import codes, problem
from tests.support.clients import ClientMaker
from tests.support.recordings import make_wfdb
from tests.support.redis import RedisServer
from tests.support.service import as_upload, make_stored

WANDER = "wandering of the baseline with the breath"


@pytest.fixture
def own(make_client: ClientMaker) -> TestClient:
    return make_client()


def diagnosis(client: TestClient, *queries: str) -> wire.Diagnosis:
    response = client.post(
        "/diagnose", files=as_upload(make_wfdb()), data={"queries": list(queries)}
    )
    return wire.Diagnosis.model_validate_json(response.content)


@pytest.mark.parametrize(
    "name",
    ["atrial fibrillation", "AFib", "Atrial  Fibrillation", "Vorhofflimmern", "sinus rhythm",
     "no atrial fibrillation", "rule out AFib"],
)  # fmt: skip
@pytest.mark.parametrize("field", ["name", "synonyms"])
def test_a_wording_that_names_something_else_is_refused(
    own: TestClient, field: str, name: str
) -> None:
    stated = name if field == "name" else ["fine", name]
    refused = own.post("/queries", json={"text": WANDER, field: stated})
    found = problem(refused, 422, "invalid-query").errors or []
    assert {fault.field for fault in found} == {"name" if field == "name" else "synonyms[1]"}
    assert {fault.code for fault in found} <= {
        "wording_taken", "query_negation_unclear", "query_not_understood"
    }  # fmt: skip
    assert own.get("/queries", params={"limit": 1000}).text.count(WANDER) == 0


@pytest.mark.parametrize(
    "name",
    ["\u0430trial fibrillation", "АТRIAL FIВRILLАТIОN", "αtrial fibrillation",
     "atrial fibrillatiοn", "心房細動", "ɑtrial fibrillation"],
)  # fmt: skip
def test_a_name_that_only_looks_like_another_is_refused(own: TestClient, name: str) -> None:
    refused = own.post("/queries", json={"text": WANDER, "name": name})
    assert ("query_not_understood", "name") in codes(problem(refused, 422, "invalid-query"))


@pytest.mark.parametrize(
    "name", ["Zwerchfellhöhe", "Δ wave", "δ-wave", "1 µV late potentials", "Čermák"]
)
def test_honest_names_are_taken(own: TestClient, name: str) -> None:
    assert own.post("/queries", json={"text": WANDER, "name": name}).status_code == 201


def test_what_another_caller_registered_cannot_be_named_again(own: TestClient) -> None:
    first = {"text": WANDER, "name": "breathing", "synonyms": ["swaying QRS line"]}
    assert own.post("/queries", json=first).status_code == 201
    for wording in ("breathing", "Swaying  QRS line", WANDER):
        later = {"text": "notched slurred forces", "synonyms": [wording]}
        refused = problem(own.post("/queries", json=later), 422, "invalid-query")
        assert ("wording_taken", "synonyms[0]") in codes(refused)


def test_an_answer_says_by_which_wording_it_was_found_and_warns_of_a_callers(
    own: TestClient,
) -> None:
    made = own.post(
        "/queries",
        json={"text": WANDER, "name": "breathing", "synonyms": ["hat-shaped ST segments"]},
    ).json()
    asked = (
        WANDER,
        "breathing",
        "hat-shaped ST segments",
        "AFib",
        "notched slurred terminal forces",
    )
    answer = diagnosis(own, *asked)
    found = {finding.query: finding for finding in answer.findings}
    assert {text: found[text].matched_by for text in asked} == {
        WANDER: "registered_text",
        "breathing": "registered_name",
        "hat-shaped ST segments": "registered_synonym",
        "AFib": "catalogue",
        "notched slurred terminal forces": None,
    }
    assert found["hat-shaped ST segments"].condition_id == made["id"]
    warned = {w.query: w.detail for w in answer.warnings if w.code == "registered_wording"}
    assert set(warned) == {"breathing", "hat-shaped ST segments"}
    # Whoever reads the answer reads what was answered.
    assert all(detail.endswith(f"the text is: {WANDER}") for detail in warned.values())
    # Without queries each is asked for by its name: nobody's words are answered for.
    assert "registered_wording" not in {w.code for w in diagnosis(own).warnings}


def test_texts_whose_short_hashes_collide_have_ids_of_their_own(own: TestClient) -> None:
    texts = ("left early subtle right severe strain", "basal distal focal septal slow strain")
    made = [
        own.post("/queries", json={"text": t, "name": f"one name {n}"}) for n, t in enumerate(texts)
    ]
    ids = [each.json()["id"] for each in made]
    assert [each.status_code for each in made] == [201, 201]
    hashes = [each.rpartition("-")[2] for each in ids]
    assert len(set(hashes)) == 2
    assert {len(each) for each in hashes} == {32}
    for condition_id in ids:
        assert own.delete(f"/queries/{condition_id}").status_code == 204


def test_short_ids_of_earlier_versions_stay_and_can_be_removed(make_client: ClientMaker) -> None:
    first = make_client()
    store = first.app.state.service.runtime.store  # type: ignore[attr-defined]
    store.add(make_stored("breathing-3f2a9c1d", WANDER))
    again = first.post("/queries", json={"text": WANDER})
    assert (again.status_code, again.json()["id"]) == (200, "breathing-3f2a9c1d")
    assert first.delete("/queries/breathing-3f2a9c1d").status_code == 204


def test_two_texts_with_one_id_are_an_error_in_sqlite(tmp_path: object) -> None:
    store = SqliteStore(tmp_path / "conditions.sqlite3")  # type: ignore[operator]
    refuse_a_second_text(store)
    store.close()


def test_two_texts_with_one_id_are_an_error_in_redis(redis_server: RedisServer) -> None:
    from service.observability.metrics import Metrics
    from service.storage.redis.client import connect
    from service.storage.redis.link import RedisLink
    from service.storage.redis.options import RedisOptions

    link = RedisLink(connect(RedisOptions(redis_server.url)), Metrics())
    refuse_a_second_text(RedisStore(link, "misleading"))
    link.close()


def refuse_a_second_text(store: SqliteStore | RedisStore) -> None:
    store.add(make_stored("one-id", "delta wave"))
    with pytest.raises(ConditionIdTaken):
        store.add(make_stored("one-id", "epsilon wave"))
    assert [each.text for each in store.all()] == ["delta wave"]
    assert store.remove("one-id")
    assert store.all() == ()


def test_a_synonym_that_is_read_by_itself_cannot_be_taken(own: TestClient) -> None:
    for synonym in ("tall tented waves", "QTc above 500 ms"):
        refused = own.post("/queries", json={"text": WANDER, "synonyms": [synonym]})
        assert ("wording_taken", "synonyms[0]") in codes(problem(refused, 422, "invalid-query"))
