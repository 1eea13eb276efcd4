"""Keys that come and go while a service runs are written down."""

import json
from pathlib import Path

import pytest

from service.access import key_file
from service.access.audit import AuditLog
from service.access.key_file import KeyFile, KeyRecord
from service.access.keys import new_key
from tests.support.keys import make_record, write_keys


def test_every_change_of_a_key_is_a_line_of_the_audit_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_file, "_CHECK_EVERY_S", 0.0)
    path, log = tmp_path / "keys.json", tmp_path / "audit.log"
    audit = AuditLog(str(log), names_clients=True, on_failure=lambda: None)
    one, other = new_key(), new_key()
    records = [make_record(one), make_record(other)]
    write_keys(path, records[0])
    keys = KeyFile(path, lambda error: pytest.fail(str(error)), audit.write_key_change)

    def replace(*new: KeyRecord) -> None:
        write_keys(path, *new)
        keys.find(one)

    replace(*records)
    replace(records[0], make_record(other, rate_limit="1/hour"))
    replace(records[0], make_record(other, revoked_at=records[0].created_at))
    replace(records[0])
    audit.close()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["event"] for line in lines] == [
        "key_created", "key_changed", "key_revoked", "key_removed",
    ]  # fmt: skip
    assert {line["key_id"] for line in lines} == {other.id}
    assert lines[0]["scopes"] == ["diagnose"]
    assert other.text not in log.read_text()
    assert records[1].sha256 not in log.read_text()
