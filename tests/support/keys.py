"""API keys for tests: real ones, in a real file."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from service.access.key_file import KeyRecord, KeyRing, editing
from service.access.keys import PlainKey, Scope, new_key


def make_record(key: PlainKey, **changes: Any) -> KeyRecord:
    """What the file holds of a key."""
    facts: dict[str, Any] = {
        "id": key.id,
        "name": "a test",
        "sha256": key.sha256,
        "scopes": frozenset({Scope.DIAGNOSE}),
        "created_at": datetime(2025, 1, 31, tzinfo=UTC),
    }
    return KeyRecord(**(facts | changes))


def write_keys(path: Path, *records: KeyRecord) -> None:
    """Replace the file of keys."""
    with editing(path) as replace:
        replace(KeyRing(keys=records))


def make_keys(path: Path, *scopes: Scope, **changes: Any) -> list[PlainKey]:
    """A file with one key for each scope."""
    keys = [new_key() for _ in scopes]
    pairs = zip(keys, scopes, strict=True)
    write_keys(path, *(make_record(key, scopes=frozenset({s}), **changes) for key, s in pairs))
    return keys


def bearer(key: PlainKey) -> dict[str, str]:
    """The header with a key."""
    return {"Authorization": f"Bearer {key.text}"}
