import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from service.access import key_file
from service.access.key_file import KeyFile, KeyRing, editing, read_key_ring
from service.access.keys import PlainKey, Scope, new_key
from service.errors import InvalidKeyFile
from tests.support.keys import make_record, write_keys


@pytest.fixture(autouse=True)
def looked_at_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_file, "_CHECK_EVERY_S", 0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def faults() -> list[str]:
    return []


def opened(path: Path, faults: list[str]) -> KeyFile:
    return KeyFile(path, lambda error: faults.append(str(error)))


def test_a_key_is_found_by_its_secret_and_not_by_its_id(path: Path, faults: list[str]) -> None:
    key, other = new_key(), new_key()
    write_keys(path, make_record(key))
    keys = opened(path, faults)
    found = keys.find(key)
    assert found is not None
    assert (found.id, found.state) == (key.id, "active")
    assert keys.find(other) is None
    assert keys.find(PlainKey(key.id, other.text)) is None


def test_no_key_is_in_the_file_and_only_its_owner_reads_it(path: Path) -> None:
    key = new_key()
    write_keys(path, make_record(key))
    text = path.read_text()
    assert key.text not in text
    assert key.text.split("_")[2] not in text
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_change_is_seen_without_a_restart(path: Path, faults: list[str]) -> None:
    key = new_key()
    write_keys(path)
    keys = opened(path, faults)
    assert keys.find(key) is None
    write_keys(path, make_record(key))
    assert keys.find(key) is not None
    write_keys(path, make_record(key, revoked_at=datetime.now(UTC)))
    found = keys.find(key)
    assert found is not None
    assert found.state == "revoked"


def test_the_file_is_not_looked_at_for_every_request(
    path: Path, faults: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(key_file, "monotonic", lambda: now)
    monkeypatch.setattr(key_file, "_CHECK_EVERY_S", 0.5)
    key = new_key()
    write_keys(path)
    keys = opened(path, faults)
    write_keys(path, make_record(key))
    now = 100.4
    assert keys.find(key) is None
    now = 100.6
    assert keys.find(key) is not None


def test_an_expired_key_is_told_as_such() -> None:
    past, future = (datetime.now(UTC) + timedelta(hours=hours) for hours in (-1, 1))
    assert make_record(new_key(), expires_at=past).state == "expired"
    assert make_record(new_key(), expires_at=future).state == "active"
    assert make_record(new_key(), expires_at=past, revoked_at=past).state == "revoked"


@pytest.mark.parametrize("broken", ["", "{", '{"version": 2}', '{"keys": [{"id": "x"}]}', "gone"])
def test_a_file_that_becomes_unreadable_changes_nothing_and_is_told_once(
    path: Path, faults: list[str], broken: str
) -> None:
    key = new_key()
    write_keys(path, make_record(key))
    keys = opened(path, faults)
    if broken == "gone":
        path.unlink()
    else:
        path.write_text(broken)
    assert keys.find(key) is not None
    assert keys.find(key) is not None
    assert len(faults) == 1
    write_keys(path)
    assert keys.find(key) is None


@pytest.mark.parametrize("text", ["", "[]", '{"keys": 1}', '{"keys": [], "more": 1}'])
def test_a_broken_file_is_refused_from_the_start(path: Path, faults: list[str], text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(InvalidKeyFile, match=str(path)):
        opened(path, faults)


def test_a_file_that_is_not_there_is_refused_from_the_start(path: Path, faults: list[str]) -> None:
    with pytest.raises(InvalidKeyFile, match="No such file"):
        opened(path, faults)


def test_a_file_that_others_may_write_is_refused(path: Path) -> None:
    write_keys(path)
    path.chmod(0o620)
    with pytest.raises(InvalidKeyFile, match="chmod 600"):
        read_key_ring(path)
    # As Kubernetes mounts a secret: readable, and nobody may write it.
    path.chmod(0o444)
    assert read_key_ring(path) == KeyRing()


def test_a_mounted_secret_that_is_swapped_is_seen(tmp_path: Path, faults: list[str]) -> None:
    key, link = new_key(), tmp_path / "keys.json"
    for name, records in (("one", ()), ("two", (make_record(key),))):
        (tmp_path / name).mkdir()
        write_keys(tmp_path / name / "keys.json", *records)
    data = tmp_path / "data"
    data.symlink_to("one")
    link.symlink_to("data/keys.json")
    keys = opened(link, faults)
    assert keys.find(key) is None
    fresh = tmp_path / "fresh"
    fresh.symlink_to("two")
    fresh.replace(data)
    assert keys.find(key) is not None


def test_two_editors_lose_nothing(path: Path) -> None:
    write_keys(path)

    def add() -> None:
        for _ in range(10):
            with editing(path) as replace:
                replace(KeyRing(keys=(*read_key_ring(path).keys, make_record(new_key()))))

    editors = [threading.Thread(target=add) for _ in range(4)]
    for editor in editors:
        editor.start()
    for editor in editors:
        editor.join()
    assert len(read_key_ring(path).keys) == 40


def test_an_edit_keeps_the_file_readable_for_those_who_could_read_it(path: Path) -> None:
    write_keys(path)
    path.chmod(0o644)
    with editing(path) as replace:
        replace(KeyRing())
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o666)
    with editing(path) as replace:
        replace(KeyRing())
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_failed_edit_leaves_the_old_file_and_nothing_else(path: Path) -> None:
    write_keys(path, make_record(new_key()))
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError), editing(path):
        raise ZeroDivisionError
    assert path.read_bytes() == before
    assert {file.name for file in path.parent.iterdir()} == {path.name, path.name + ".lock"}


def test_an_edit_of_a_link_keeps_the_link(tmp_path: Path) -> None:
    write_keys(tmp_path / "real.json")
    link = tmp_path / "link.json"
    link.symlink_to("real.json")
    write_keys(link, make_record(new_key()))
    assert link.is_symlink()
    assert len(read_key_ring(tmp_path / "real.json").keys) == 1


@pytest.mark.parametrize(
    "change",
    [{"scopes": frozenset()}, {"id": "short"}, {"rate_limit": "often"}, {"name": ""}],
)
def test_a_record_that_makes_no_sense_is_refused(change: dict[str, object]) -> None:
    stated = make_record(new_key()).model_dump() | change
    with pytest.raises(ValidationError):
        key_file.KeyRecord.model_validate(stated)


def test_an_id_stands_for_one_key() -> None:
    record = make_record(new_key(), scopes=frozenset({Scope.ADMIN}))
    with pytest.raises(ValidationError, match="twice"):
        KeyRing(keys=(record, record))
