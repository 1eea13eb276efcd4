"""Without keys only this machine may ask; nothing redirects; what was removed is off the disk."""

import stat
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.access.control import AccessControl, check_exposure
from service.errors import AccessMisconfigured
from service.observability.metrics import Metrics
from service.settings import Settings
from service.storage.sqlite import SqliteStore
from tests.support.answers import problem
from tests.support.clients import ClientMaker
from tests.support.keys import Scope, bearer, make_keys
from tests.support.service import make_stored


def test_a_proxy_on_the_same_machine_counts_as_exposure() -> None:
    proxied = Settings(trusted_proxies=("127.0.0.1",))
    with pytest.raises(AccessMisconfigured, match="behind a proxy"):
        AccessControl(proxied, Metrics())
    check_exposure(Settings(trusted_proxies=("127.0.0.1",), allow_anonymous=True))


def test_behind_a_proxy_anonymous_callers_are_no_administrators(make_client: ClientMaker) -> None:
    client = make_client(allow_anonymous=True, trusted_proxies=("127.0.0.1",))
    assert client.get("/metrics").status_code == 403
    assert client.get("/model", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        {"Forwarded": "for=192.0.2.7"},
        {"X-Forwarded-For": "192.0.2.7"},
        {"x-forwarded-host": "ecg.hospital.test"},
        {"X-Forwarded-Proto": "https"},
        {"X-Real-IP": "192.0.2.7"},
        {"Host": "ecg.hospital.test"},
        {"Host": "localhost.attacker.test"},
        {"Host": "127.0.0.1.nip.test:8000"},
        {"Host": "192.0.2.7"},
        {"Host": ""},
    ],
)
def test_without_keys_what_a_proxy_or_a_web_page_sends_is_refused(
    client: TestClient, header: dict[str, str]
) -> None:
    for method, path in (("GET", "/model"), ("POST", "/diagnose"), ("DELETE", "/queries/a")):
        problem(client.request(method, path, headers=header), 403, "foreign-request")
    assert client.get("/healthz", headers=header).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:80", "[::1]:8000"])
def test_without_keys_every_name_of_this_machine_is_taken(client: TestClient, host: str) -> None:
    assert client.get("/model", headers={"Host": host}).status_code == 200


def test_with_keys_any_name_is_taken(make_client: ClientMaker, tmp_path: Path) -> None:
    (key,) = make_keys(tmp_path / "keys.json", Scope.DIAGNOSE)
    client = make_client(api_keys_file=tmp_path / "keys.json")
    headers = bearer(key) | {"Host": "ecg.hospital.test", "X-Forwarded-For": "192.0.2.7"}
    assert client.get("/model", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/diagnose/", "/diagnose/batch/", "/queries/", "/healthz/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_redirects(client: TestClient, method: str, path: str) -> None:
    response = client.request(method, path, follow_redirects=False)
    assert response.status_code in (404, 405)
    assert "location" not in response.headers


def test_only_its_owner_may_read_the_store(tmp_path: Path) -> None:
    path = tmp_path / "conditions.sqlite3"
    path.touch(0o644)
    store = SqliteStore(path)
    store.add(make_stored())
    files = list(tmp_path.glob("conditions.sqlite3*"))
    assert len(files) > 1
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    store.close()


def test_a_removed_text_is_nowhere_on_the_disk(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "conditions.sqlite3")
    for number in range(40):
        store.add(make_stored(f"kept-{number}", f"some other wave {number}"))
    store.add(make_stored("gone", "qzpatient with a wave of her own"))
    assert b"qzpatient" in on_disk(tmp_path)
    assert store.remove("gone")
    assert b"qzpatient" not in on_disk(tmp_path)
    assert b"some other wave 7" in on_disk(tmp_path)
    store.close()


def on_disk(folder: Path) -> bytes:
    return b"".join(each.read_bytes() for each in folder.glob("conditions.sqlite3*"))
