"""Every route with no key, a wrong one, a key for something else, and the right one."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ecg_core.readers import UploadedFile
from service.access import key_file
from service.access.key_file import read_key_ring
from service.access.keys import PlainKey, Scope, new_key
from service.api.guards import guards_of
from service.api.routes import ROUTERS
from service.app import create_app
from service.settings import Settings
from tests.support.clients import HERE, ClientMaker
from tests.support.keys import bearer, make_keys, make_record, write_keys
from tests.support.recordings import make_csv, make_wfdb
from tests.support.service import as_upload

GUARDS = guards_of(ROUTERS)
GUARDED = sorted(key for key, guard in GUARDS.items() if guard.any_of)
OPEN = sorted(key for key, guard in GUARDS.items() if not guard.any_of)
Route = tuple[str, str]


class Keyed:
    """A service that asks for keys, and a key for each scope."""

    def __init__(self, client: TestClient, keys: dict[Scope, PlainKey], folder: Path) -> None:
        self.client = client
        self.keys = keys
        self.key_file = folder / "keys.json"
        self.audit = folder / "audit.log"

    def status(self, route: Route, headers: dict[str, str] | None = None) -> int:
        path, method = route
        return self.client.request(
            method, path.replace("{condition_id}", "nothing"), headers=headers
        ).status_code


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    folder = tmp_path_factory.mktemp("keyed")
    keys = dict(zip(Scope, make_keys(folder / "keys.json", *Scope), strict=True))
    settings = Settings(
        store_path=folder / "conditions.sqlite3",
        host="0.0.0.0",
        api_keys_file=folder / "keys.json",
        audit_log=str(folder / "audit.log"),
    )
    with TestClient(create_app(settings), HERE, raise_server_exceptions=False) as client:
        yield Keyed(client, keys, folder)


def test_only_health_is_open() -> None:
    assert OPEN == [("/healthz", "GET"), ("/readyz", "GET")]


def test_what_each_route_asks_for_is_as_decided() -> None:
    either = {Scope.DIAGNOSE, Scope.QUERIES_WRITE}
    decided = {
        ("/diagnose", "POST"): {Scope.DIAGNOSE},
        ("/diagnose/batch", "POST"): {Scope.DIAGNOSE},
        ("/queries", "POST"): {Scope.QUERIES_WRITE},
        ("/queries/{condition_id}", "DELETE"): {Scope.QUERIES_WRITE},
        ("/queries", "GET"): either,
        ("/queries/{condition_id}", "GET"): either,
        ("/model", "GET"): either,
        ("/metrics", "GET"): {Scope.METRICS},
    }
    assert {route: set(GUARDS[route].any_of) for route in decided} == decided


def test_the_route_table_is_the_one_of_the_app(keyed: Keyed) -> None:
    paths = keyed.client.get("/openapi.json").json()["paths"]
    assert {(path, method.upper()) for path in paths for method in paths[path]} == set(GUARDS)


@pytest.mark.parametrize("route", OPEN)
def test_an_open_route_asks_nobody(keyed: Keyed, route: Route) -> None:
    assert keyed.status(route) == 200


@pytest.mark.parametrize("route", GUARDED)
def test_no_key(keyed: Keyed, route: Route) -> None:
    response = keyed.client.request(route[1], route[0])
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="cardioquery"'
    assert response.json()["type"] == "urn:cardioquery:problem:key-missing"


@pytest.mark.parametrize("route", GUARDED)
def test_a_wrong_key(keyed: Keyed, route: Route) -> None:
    right, other = keyed.keys[Scope.ADMIN], new_key()
    stolen_id = PlainKey(right.id, other.text)
    for text in (other.text, stolen_id.text, right.text[:-1], right.text.lower(), "", "x" * 5000):
        response = keyed.client.request(
            route[1], route[0], headers={"Authorization": f"Bearer {text}"}
        )
        assert response.status_code == 401
        assert 'error="invalid_token"' in response.headers["www-authenticate"]
        assert response.json()["type"] == "urn:cardioquery:problem:key-refused"


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("route", GUARDED)
def test_a_key_is_good_for_its_scope_and_nothing_else(
    keyed: Keyed, route: Route, scope: Scope
) -> None:
    status = keyed.status(route, bearer(keyed.keys[scope]))
    may = scope in (*GUARDS[route].any_of, Scope.ADMIN)
    assert status not in (401, 403) if may else status == 403


def test_a_missing_scope_is_named(keyed: Keyed) -> None:
    response = keyed.client.post("/diagnose", headers=bearer(keyed.keys[Scope.QUERIES_WRITE]))
    assert response.json()["type"] == "urn:cardioquery:problem:scope-missing"
    challenge = response.headers["www-authenticate"]
    assert 'error="insufficient_scope", scope="diagnose"' in challenge


def test_the_key_is_taken_from_one_bearer_header_only(keyed: Keyed) -> None:
    key = keyed.keys[Scope.ADMIN].text
    client = keyed.client
    assert client.get("/model", headers={"Authorization": f"bearer {key}"}).status_code == 200
    for headers in (
        {"X-API-Key": key},
        {"Authorization": key},
        {"Authorization": f"Basic {key}"},
        {"Authorization": f"Bearer {key}, Bearer {key}"},
        {"Cookie": f"key={key}"},
    ):
        assert client.get("/model", headers=headers).status_code == 401
    assert client.get("/model", params={"api_key": key, "access_token": key}).status_code == 401
    twice = [("Authorization", f"Bearer {key}")] * 2
    assert client.get("/model", headers=twice).status_code == 401  # type: ignore[arg-type]


def test_a_key_diagnoses(keyed: Keyed) -> None:
    response = keyed.client.post(
        "/diagnose",
        files=as_upload(make_wfdb()),
        data={"queries": "AFib"},
        headers=bearer(keyed.keys[Scope.DIAGNOSE]),
    )
    assert response.status_code == 200


def test_an_expired_or_revoked_key_is_refused_and_a_change_needs_no_restart(
    make_client: ClientMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_file, "_CHECK_EVERY_S", 0.0)
    path, key = tmp_path / "keys.json", new_key()
    write_keys(path, make_record(key))
    client = make_client(api_keys_file=path, audit_log=str(tmp_path / "audit.log"))
    assert client.get("/model", headers=bearer(key)).status_code == 200
    past = datetime.now(UTC) - timedelta(seconds=1)
    for change in ({"revoked_at": past}, {"expires_at": past}):
        write_keys(path, make_record(key, **change))
        refused = client.get("/model", headers=bearer(key))
        assert refused.status_code == 401
        assert refused.json()["type"] == "urn:cardioquery:problem:key-refused"
    write_keys(path, make_record(key))
    assert client.get("/model", headers=bearer(key)).status_code == 200
    written = [json.loads(line) for line in (tmp_path / "audit.log").read_text().splitlines()]
    lines = [line for line in written if line["event"] == "access"]
    changes = [line["event"] for line in written if line["event"] != "access"]
    assert changes == ["key_revoked", "key_changed", "key_changed"]
    reasons = [line.get("refusal") for line in lines]
    assert reasons == [None, "key_revoked", "key_expired", None]
    assert {line["key_id"] for line in lines} == {key.id}


def test_a_broken_file_of_keys_is_counted_and_logged_and_the_keys_stay(
    make_client: ClientMaker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(key_file, "_CHECK_EVERY_S", 0.0)
    path = tmp_path / "keys.json"
    (key,) = make_keys(path, Scope.ADMIN)
    client = make_client(api_keys_file=path)
    path.write_text("{")
    assert "cardioquery_key_file_faults_total 1.0" in client.get(
        "/metrics", headers=bearer(key)
    ).text  # fmt: skip
    assert any("the keys stay as they were" in record.getMessage() for record in caplog.records)


def test_anonymous_callers_beyond_loopback_are_no_administrators(make_client: ClientMaker) -> None:
    client = make_client(host="0.0.0.0", allow_anonymous=True)
    assert client.get("/model").status_code == 200
    assert client.get("/queries").status_code == 200
    assert client.get("/metrics").status_code == 403
    assert "security" not in client.get("/openapi.json").json()["paths"]["/diagnose"]["post"]


def test_metrics_are_open_on_loopback_and_where_the_settings_say_so(
    client: TestClient, make_client: ClientMaker
) -> None:
    assert client.get("/metrics").status_code == 200
    opened = make_client(host="0.0.0.0", allow_anonymous=True, open_metrics=True)
    assert opened.get("/metrics").status_code == 200


def test_the_openapi_says_which_keys_are_good(keyed: Keyed) -> None:
    schema = keyed.client.get("/openapi.json").json()
    assert schema["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    for (path, method), guard in GUARDS.items():
        operation = schema["paths"][path][method.lower()]
        good = [[scope] for scope in (*guard.any_of, Scope.ADMIN)] if guard.any_of else []
        assert [each["apiKey"] for each in operation.get("security", [])] == good


def test_a_limit_is_answered_with_when_to_come_back(
    make_client: ClientMaker, tmp_path: Path
) -> None:
    (key,) = make_keys(tmp_path / "keys.json", Scope.DIAGNOSE, rate_limit="2/hour")
    client = make_client(api_keys_file=tmp_path / "keys.json", key_rate_limit="1/hour")
    answers = [client.get("/model", headers=bearer(key)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["ratelimit-policy"] == '"requests";q=2;w=3600'
    assert answers[0].headers["ratelimit"].startswith('"requests";r=1;t=')
    refused = answers[2]
    assert refused.json()["type"] == "urn:cardioquery:problem:rate-limited"
    assert 3590 <= int(refused.headers["retry-after"]) <= 3600
    assert refused.headers["ratelimit"].startswith('"requests";r=0;t=')
    # What watches over the service is never refused.
    assert client.get("/readyz").status_code == 200


def test_keys_have_limits_of_their_own(make_client: ClientMaker, tmp_path: Path) -> None:
    one, other = make_keys(tmp_path / "keys.json", Scope.DIAGNOSE, Scope.ADMIN)
    client = make_client(api_keys_file=tmp_path / "keys.json", key_rate_limit="1/hour")
    statuses = [client.get("/model", headers=bearer(key)).status_code for key in (one, other, one)]
    assert statuses == [200, 200, 429]


def test_a_batch_counts_its_recordings_and_at_most_the_whole_limit(
    make_client: ClientMaker, tmp_path: Path
) -> None:
    small, large = make_keys(tmp_path / "keys.json", Scope.DIAGNOSE, Scope.DIAGNOSE)
    client = make_client(api_keys_file=tmp_path / "keys.json", key_rate_limit="3/hour")

    def send(key: PlainKey, count: int) -> tuple[int, str]:
        tables = [UploadedFile(f"{n}.csv", make_csv()[0].content) for n in range(count)]
        response = client.post(
            "/diagnose/batch",
            files=as_upload(tables),
            data={"queries": "AFib"},
            headers=bearer(key),
        )
        return response.status_code, response.headers["ratelimit"].partition(";t=")[0]

    assert send(small, 2) == (200, '"requests";r=1')
    assert send(small, 2) == (429, '"requests";r=0')
    assert send(large, 5) == (200, '"requests";r=0')


def test_anonymous_callers_can_be_limited_by_address(make_client: ClientMaker) -> None:
    client = make_client(anonymous_rate_limit="1/hour")
    assert [client.get("/model").status_code for _ in range(2)] == [200, 429]


def test_the_audit_log_says_who_registered_and_removed_what_and_no_text(keyed: Keyed) -> None:
    headers = bearer(keyed.keys[Scope.QUERIES_WRITE])
    made = keyed.client.post(
        "/queries", json={"text": "T waves like zebrafish stripes"}, headers=headers
    )
    keyed.client.delete(f"/queries/{made.json()['id']}", headers=headers)
    added, removed = [json.loads(line) for line in keyed.audit.read_text().splitlines()][-2:]
    assert (added["method"], added["status"]) == ("POST", 201)
    assert (removed["method"], removed["status"]) == ("DELETE", 204)
    assert added["condition_sha256"] == removed["condition_sha256"]
    assert len(added["model_digest"]) == 64
    assert added["request_id"] == made.headers["x-request-id"]
    assert "zebrafish" not in keyed.audit.read_text()


def test_keys_are_nowhere_but_with_their_holders(
    keyed: Keyed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    revoked = keyed.keys[Scope.DIAGNOSE]
    answers = [
        keyed.client.get(path, headers=bearer(key)).text
        for path in ("/model", "/metrics", "/queries/nothing", f"/queries/{revoked.text}")
        for key in (*keyed.keys.values(), new_key())
    ]
    logs = [record.getMessage() for record in caplog.records if not record.name.startswith("httpx")]
    texts = [*answers, *logs, keyed.audit.read_text(), keyed.key_file.read_text()]
    for key in keyed.keys.values():
        secret = key.text.split("_")[2]
        assert not [text for text in texts if secret in text]
    for record in read_key_ring(keyed.key_file).keys:
        assert not [text for text in texts[:-1] if record.sha256 in text]


@pytest.mark.parametrize("path", ["/healthz", "/model", "/queries/nothing", "/nowhere", "/docs"])
def test_every_response_has_the_security_headers(keyed: Keyed, path: str) -> None:
    headers = keyed.client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "strict-transport-security" not in headers
    assert not [name for name in headers if name.startswith("access-control-")]


def test_no_page_of_another_origin_may_read_answers(client: TestClient) -> None:
    headers = {"Origin": "https://elsewhere.test", "Access-Control-Request-Method": "POST"}
    preflight = client.options("/queries", headers=headers)
    assert preflight.status_code == 405
    for response in (preflight, client.get("/model", headers=headers)):
        assert not [name for name in response.headers if name.startswith("access-control-")]


def test_pages_of_a_stated_origin_may(make_client: ClientMaker) -> None:
    client = make_client(cors_allowed_origins=("https://viewer.hospital.test",))
    asked = {"Access-Control-Request-Method": "POST"}
    asked["Access-Control-Request-Headers"] = "authorization"
    allowed = client.options(
        "/diagnose", headers={"Origin": "https://viewer.hospital.test"} | asked
    )
    assert allowed.headers["access-control-allow-origin"] == "https://viewer.hospital.test"
    assert "access-control-allow-credentials" not in allowed.headers
    other = client.options("/diagnose", headers={"Origin": "https://elsewhere.test"} | asked)
    assert "access-control-allow-origin" not in other.headers
    assert other.status_code == 400
