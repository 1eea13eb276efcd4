import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from starlette.testclient import TestClient

from ecg_core.readers import UploadedFile
from service.runtime import RuntimeLoader
from tests.builders import make_recording, make_wfdb, make_zip
from tests.contract.conftest import ClientMaker, load_with_gate
from tests.contract.test_batch import zipped
from tests.contract.test_problems import problem
from tests.redis_fixtures import RedisServer, RedisStarter
from tests.service_fixtures import Gate, as_upload

KEY = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}
NEW = {"text": "T waves tall and pointed like a tent"}

# Made once: a zip holds the time at which it was made.
TWO = zipped({"a": make_wfdb(), "b": make_wfdb()})
LONGER = make_wfdb(make_recording(duration_s=12))

Post = Callable[..., Any]


def diagnose(
    client: TestClient, files: Sequence[UploadedFile] = (), headers: dict[str, str] = KEY,
    **data: object,
) -> Any:  # fmt: skip
    upload = as_upload(files or make_wfdb())
    return client.post("/diagnose", files=upload, data={"queries": "LBBB"} | data, headers=headers)


def batch(client: TestClient, files: Sequence[UploadedFile] = (), **data: object) -> Any:
    upload = as_upload(files or [TWO])
    return client.post(
        "/diagnose/batch", files=upload, data={"queries": "LBBB"} | data, headers=KEY
    )


def register(client: TestClient, text: str = NEW["text"]) -> Any:
    return client.post("/queries", json={"text": text}, headers=KEY)


@pytest.fixture(params=["memory", "redis"])
def keeping(request: pytest.FixtureRequest, redis_server: RedisServer) -> dict[str, object]:
    """Settings: where answers are kept."""
    if request.param == "memory":
        return {}
    return {"redis_url": redis_server.url, "redis_timeout_s": 5.0}


def replayed(response: Any) -> bool:
    assert "idempotency-stored" not in response.headers
    return bool(response.headers.get("idempotency-replayed") == "true")


@pytest.mark.parametrize("post", [diagnose, batch, register])
def test_the_same_request_again_gets_the_same_answer(
    make_client: ClientMaker, keeping: dict[str, object], post: Post
) -> None:
    client = make_client(**keeping)
    first, again = post(client), post(client)
    assert first.status_code in (200, 201)
    assert (replayed(first), replayed(again)) == (False, True)
    assert again.status_code == first.status_code
    assert again.content == first.content
    for name in ("content-type", "location"):
        assert again.headers.get(name) == first.headers.get(name)
    # It is another request all the same.
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    text = client.get("/metrics").text
    assert 'cardioquery_idempotency_total{result="began"} 1.0' in text
    assert 'cardioquery_idempotency_total{result="replayed"} 1.0' in text


def test_a_refusal_is_given_again_as_well(client: TestClient) -> None:
    headers = {"Idempotency-Key": "refusal"}
    broken = [UploadedFile("a.csv", b"rubbish")]
    first, again = diagnose(client, broken, headers), diagnose(client, broken, headers)
    assert (first.status_code, again.status_code) == (422, 422)
    assert again.headers["content-type"] == "application/problem+json"
    assert (again.content, replayed(again)) == (first.content, True)


@pytest.mark.parametrize(
    ("post", "others"),
    [
        (diagnose, [{"queries": "AFib"}, {"top_k": "1"}, {"files": LONGER}]),
        (batch, [{"queries": "AFib"}, {"files": [make_zip({"a.csv": b"1"})]}]),
        (register, [{"text": "T waves like a church steeple"}]),
    ],
)  # fmt: skip
def test_the_same_key_with_another_payload_is_refused(
    make_client: ClientMaker, keeping: dict[str, object], post: Post, others: list[dict[str, Any]]
) -> None:
    client = make_client(**keeping)
    first = post(client)
    for other in others:
        problem(post(client, **other), 422, "idempotency-key-reused")
    assert post(client).content == first.content


def test_a_key_means_something_on_its_own_route_only(client: TestClient) -> None:
    headers = {"Idempotency-Key": "shared"}
    assert diagnose(client, headers=headers).status_code == 200
    response = client.post("/queries", json={"text": "no heart block"}, headers=headers)
    assert response.json()["type"] != "urn:cardioquery:problem:idempotency-key-reused"


def test_while_the_first_is_under_way_the_next_is_told_to_come_back(
    make_client: ClientMaker, keeping: dict[str, object]
) -> None:
    gate = Gate()
    client = make_client(load_with_gate(gate), **keeping)
    answers: list[Any] = []
    first = threading.Thread(target=lambda: answers.append(diagnose(client)))
    first.start()
    assert gate.reached.wait(60)
    response = diagnose(client)
    problem(response, 409, "idempotency-key-in-use")
    assert int(response.headers["retry-after"]) >= 1
    gate.open()
    first.join()
    again = diagnose(client)
    assert (again.content, replayed(again)) == (answers[0].content, True)


@pytest.mark.parametrize("post", [diagnose, batch])
def test_a_failure_is_not_kept_and_a_retry_runs(
    make_client: ClientMaker, failing_load: RuntimeLoader, keeping: dict[str, object], post: Post
) -> None:
    client = make_client(failing_load, **keeping)
    failed = post(client)
    assert failed.status_code == (500 if post is diagnose else 200)
    engine = client.app.state.runtime.engine  # type: ignore[attr-defined]
    engine.ecg_encoder.error = None
    again = post(client)
    assert "idempotency-replayed" not in again.headers
    assert again.status_code == 200
    assert "problem" not in again.text
    assert replayed(post(client))


def test_a_missed_deadline_is_not_kept(make_client: ClientMaker) -> None:
    gate = Gate()
    client = make_client(load_with_gate(gate), request_deadline_s=1.0)
    problem(diagnose(client), 504, "deadline-exceeded")
    gate.open()
    assert diagnose(client).status_code == 200


def test_two_replicas_share_what_redis_keeps(
    make_client: ClientMaker, redis_server: RedisServer
) -> None:
    options = {"redis_url": redis_server.url, "redis_timeout_s": 5.0}
    first = diagnose(make_client(**options))
    again = diagnose(make_client(**options))
    assert (again.content, replayed(again)) == (first.content, True)
    with redis_server.client() as client:
        kept = b"".join(key + client.get(key) for key in client.keys("*:idempotency:*"))
    # Neither the key nor a file is told; the answer is, to whoever may read Redis.
    assert b"8e03978e" not in kept
    assert b"record.hea" not in kept
    assert b"probability" in kept


def test_without_redis_the_answer_is_right_and_says_that_it_is_not_kept(
    make_client: ClientMaker, start_redis: RedisStarter
) -> None:
    server = start_redis()
    client = make_client(redis_url=server.url, redis_timeout_s=5.0)
    whole = diagnose(client).json()["findings"]
    server.kill()
    for _ in range(3):
        response = diagnose(client)
        assert (response.status_code, response.headers["idempotency-stored"]) == (200, "false")
        assert response.json()["findings"] == whole
    assert 'cardioquery_idempotency_total{result="not_kept"} 3.0' in client.get("/metrics").text


@pytest.mark.parametrize("post", [diagnose, batch])
def test_an_answer_too_large_to_be_kept_is_given_all_the_same(
    make_client: ClientMaker, post: Post
) -> None:
    client = make_client(idempotency_max_answer_bytes=100)
    for _ in range(2):
        response = post(client)
        assert response.status_code == 200
        assert response.headers["idempotency-stored"] == "false"
        assert response.json()


def test_what_is_kept_is_forgotten_in_time(make_client: ClientMaker) -> None:
    client = make_client(idempotency_ttl_s=1.0)
    diagnose(client)
    records = client.app.state.records  # type: ignore[attr-defined]
    assert records.held_bytes > 0
    records._clock = lambda: float("inf")
    assert not replayed(diagnose(client))


@pytest.mark.parametrize("key", ["", "two words", "x" * 300])
@pytest.mark.parametrize("path", ["/diagnose", "/diagnose/batch", "/queries"])
def test_what_is_no_key_is_refused_before_anything_is_read(
    client: TestClient, path: str, key: str
) -> None:
    response = client.post(path, content=b"anything", headers={"Idempotency-Key": key})
    problem(response, 400, "invalid-idempotency-key")


def test_lines_cannot_be_given_again_and_say_so(client: TestClient) -> None:
    headers = KEY | {"accept": "application/x-ndjson"}
    response = client.post("/diagnose/batch", files=as_upload(make_wfdb()), headers=headers)
    problem(response, 400, "invalid-idempotency-key")


def test_a_request_without_a_key_is_never_kept(client: TestClient) -> None:
    before = client.app.state.records.held_bytes  # type: ignore[attr-defined]
    assert diagnose(client, headers={}).status_code == 200
    assert client.app.state.records.held_bytes == before  # type: ignore[attr-defined]
