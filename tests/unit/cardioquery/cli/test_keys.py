import json
import os
from pathlib import Path

import pytest

from cardioquery.cli.exits import ExitCode
from service.access.key_file import read_key_ring
from service.access.keys import Scope, parse_key
from tests.unit.cardioquery.fakes import Run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "keys.json"


def test_a_key_is_shown_once_and_alone_on_standard_output(run: Run, path: Path) -> None:
    result = run(
        "keys", "create", "PACS", "--file", str(path),
        "--scope", "diagnose", "--scope", "queries:write",
        "--expires-in-days", "30", "--rate-limit", "60/minute",
    )  # fmt: skip
    assert result.exit_code == ExitCode.OK
    key = parse_key(result.stdout.strip())
    assert key is not None
    assert key.text not in result.stderr
    (record,) = read_key_ring(path).keys
    assert (record.id, record.name, record.rate_limit) == (key.id, "PACS", "60/minute")
    assert record.scopes == {Scope.DIAGNOSE, Scope.QUERIES_WRITE}
    assert record.expires_at is not None
    assert (record.expires_at - record.created_at).days == 30
    assert key.matches(record.sha256)
    assert path.stat().st_mode & 0o777 == 0o600


def test_by_default_a_key_is_good_for_diagnoses_only_and_for_a_year(run: Run, path: Path) -> None:
    run("keys", "create", "PACS", "--file", str(path))
    (record,) = read_key_ring(path).keys
    assert record.expires_at is not None
    assert record.scopes == {Scope.DIAGNOSE}
    assert (record.expires_at - record.created_at).days == 365


def test_a_key_that_never_expires_has_to_be_asked_for(run: Run, path: Path) -> None:
    run("keys", "create", "Prometheus", "--file", str(path), "--never-expires")
    (record,) = read_key_ring(path).keys
    assert record.expires_at is None


def test_the_last_use_of_each_key_is_told_from_the_audit_log(run: Run, path: Path) -> None:
    for name in ("PACS", "cart", "spare"):
        run("keys", "create", name, "--file", str(path))
    pacs, cart, spare = (record.id for record in read_key_ring(path).keys)
    log = path.with_name("audit.log")
    uses = [(pacs, "2025-01-31T10:00"), (cart, "2025-02-01T11:00"), (pacs, "2025-02-02T12:00")]
    lines = [json.dumps({"time": t, "event": "access", "key_id": key}) for key, t in uses]
    lines += ["half a li", json.dumps({"event": "key_created", "key_id": spare, "time": "9"})]
    log.write_text("\n".join(lines))
    asked = ("keys", "list", "--file", str(path), "--audit-log", str(log))
    assert "2025-02-02T12:00" in run(*asked).stdout
    listed = json.loads(run(*asked, "--json").stdout)["keys"]
    assert {key["id"]: key["last_used_at"] for key in listed} == {
        pacs: "2025-02-02T12:00", cart: "2025-02-01T11:00", spare: None,
    }  # fmt: skip


def test_keys_are_listed_without_their_digests(run: Run, path: Path) -> None:
    for name in ("PACS", "Prometheus \x1b[31m"):
        run("keys", "create", name, "--file", str(path))
    records = read_key_ring(path).keys
    table = run("keys", "list", "--file", str(path)).stdout
    document = run("keys", "list", "--file", str(path), "--json").stdout
    assert all(record.id in table and record.id in document for record in records)
    assert not any(record.sha256 in table + document for record in records)
    assert "\x1b" not in table
    assert [key["name"] for key in json.loads(document)["keys"]] == [r.name for r in records]


def test_a_revoked_key_stays_in_the_list_as_such(run: Run, path: Path) -> None:
    run("keys", "create", "PACS", "--file", str(path))
    run("keys", "create", "other", "--file", str(path))
    first, _ = read_key_ring(path).keys
    for _ in range(2):
        assert run("keys", "revoke", first.id, "--file", str(path)).exit_code == ExitCode.OK
        assert [record.state for record in read_key_ring(path).keys] == ["revoked", "active"]
    assert "revoked" in run("keys", "list", "--file", str(path)).stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["create", ""], "name"),
        (["create", "x", "--rate-limit", "often"], "600/minute"),
        (["create", "x", "--scope", "everything"], "everything"),
        (["create", "x", "--expires-in-days", "0"], "expires-in-days"),
        (["revoke", "abcdefgh"], "No such file"),
        (["list"], "No such file"),
    ],
)
def test_wrong_usage_is_told(run: Run, path: Path, arguments: list[str], says: str) -> None:
    result = run("keys", *arguments, "--file", str(path))
    assert result.exit_code == ExitCode.USAGE
    assert says in result.stderr
    assert not path.exists()


def test_an_unknown_id_is_told(run: Run, path: Path) -> None:
    run("keys", "create", "PACS", "--file", str(path))
    result = run("keys", "revoke", "abcdefgh", "--file", str(path))
    assert result.exit_code == ExitCode.USAGE
    assert "abcdefgh" in result.stderr


def test_a_broken_file_is_not_overwritten(run: Run, path: Path) -> None:
    path.parent.mkdir()
    path.write_text("precious")
    result = run("keys", "create", "PACS", "--file", str(path))
    assert result.exit_code == ExitCode.USAGE
    assert path.read_text() == "precious"


def test_a_folder_that_cannot_be_written_is_told(run: Run) -> None:
    result = run("keys", "create", "PACS", "--file", os.devnull + "/keys.json")
    assert result.exit_code == ExitCode.USAGE
    assert result.stderr.startswith("error: ")
