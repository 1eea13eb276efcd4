"""The file of API keys: digests and scopes, never a key. Written whole, read again when it changes.

Replicas share it as a mounted secret. What is written replaces the file in one step, so that a
reader finds the old keys or the new ones and nothing in between.
"""

import fcntl
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkstemp
from time import monotonic
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from service.access.keys import ID_LENGTH, PlainKey, Scope
from service.errors import InvalidKeyFile
from service.settings import RateText

_CHECK_EVERY_S = 0.5
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class KeyRecord(BaseModel):
    """The record of a key.

    Attributes:
        id: Its public part, which logs name.
        name: Who holds it, in the words of who made it.
        sha256: Digest of the whole key.
        scopes: What it is good for.
        created_at, expires_at, revoked_at: Since when, until when, and whether it was taken back.
        rate_limit: Its own limit; None: that of the settings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=rf"^[0-9A-Za-z]{{{ID_LENGTH}}}$")]
    name: Annotated[str, Field(min_length=1, max_length=100)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", repr=False)]
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]
    created_at: AwareDatetime
    expires_at: AwareDatetime | None = None
    revoked_at: AwareDatetime | None = None
    rate_limit: RateText | None = None

    @property
    def state(self) -> Literal["active", "revoked", "expired"]:
        """The state of the key: good, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= datetime.now(UTC):
            return "expired"
        return "active"


class KeyRing(BaseModel):
    """All that the file holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    keys: tuple[KeyRecord, ...] = ()

    @model_validator(mode="after")
    def _ids_are_told_apart(self) -> Self:
        if len({record.id for record in self.keys}) < len(self.keys):
            raise ValueError("an id twice")
        return self


def read_key_ring(path: Path) -> KeyRing:
    """The keys of a file.

    Raises:
        InvalidKeyFile: It is not there, is not such a file, or others than its owner may write it.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & _WRITABLE_BY_OTHERS:
                raise InvalidKeyFile(f"{path}: others than its owner may write it: chmod 600")
            return KeyRing.model_validate_json(file.read())
    except FileNotFoundError:
        message = f"{path}: No such file: make it with `cardioquery keys create`"
        raise InvalidKeyFile(message) from None
    except OSError as error:
        raise InvalidKeyFile(f"{path}: {error.strerror}") from None
    except ValidationError:
        raise InvalidKeyFile(f"{path} is no file of keys, or a broken one") from None


@contextmanager
def editing(path: Path) -> Iterator[Callable[[KeyRing], None]]:
    """The right to replace a file of keys; whoever else edits it waits."""
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lambda ring: _replace(path, ring)
    finally:
        os.close(lock)


def _replace(path: Path, ring: KeyRing) -> None:
    # Made with mode 600, and on the same file system.
    descriptor, name = mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        if path.exists():
            # Whoever let another user read it, say the one in a container, meant it.
            os.fchmod(descriptor, stat.S_IMODE(path.stat().st_mode) & ~_WRITABLE_BY_OTHERS)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(ring.model_dump_json(indent=2, exclude_none=True) + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


class KeyFile:
    """The keys of a file as they are now, for a service that runs.

    A change is seen within half a second. A file that has become unreadable changes nothing: the
    keys that were read last stay good, and `on_fault` is told once for each such state.

    Args:
        path: The file.
        on_fault: Told that the changed file cannot be used.
        on_change: Told what has become of each key that is not as it was: `key_created`,
            `key_changed`, `key_revoked` or `key_removed`.

    Raises:
        InvalidKeyFile: It cannot be used from the start.
    """

    def __init__(
        self,
        path: Path,
        on_fault: Callable[[InvalidKeyFile], None],
        on_change: Callable[[str, KeyRecord], None] = lambda _event, _record: None,
    ) -> None:
        self._path = path
        self._on_fault = on_fault
        self._on_change = on_change
        self._state = _file_state(path)
        self._checked = monotonic()
        self._records = _by_id(read_key_ring(path))

    def find(self, key: PlainKey) -> KeyRecord | None:
        """The record of a key, whatever its state; None if there is none with this secret."""
        self._look_again()
        record = self._records.get(key.id)
        # An unknown id costs the same comparison, so that time does not tell which ids there are.
        matches = key.matches(record.sha256 if record else "0" * 64)
        return record if matches else None

    def _look_again(self) -> None:
        now = monotonic()
        if now - self._checked < _CHECK_EVERY_S:
            return
        self._checked = now
        state = _file_state(self._path)
        if state == self._state:
            return
        self._state = state
        try:
            records = _by_id(read_key_ring(self._path))
        except InvalidKeyFile as error:
            self._on_fault(error)
            return
        before, self._records = self._records, records
        for event, record in _changes(before, records):
            self._on_change(event, record)


def _changes(
    before: Mapping[str, KeyRecord], after: Mapping[str, KeyRecord]
) -> Iterator[tuple[str, KeyRecord]]:
    for key_id in before.keys() - after.keys():
        yield "key_removed", before[key_id]
    for key_id, record in after.items():
        old = before.get(key_id)
        if old is None:
            yield "key_created", record
        elif record.revoked_at is not None and old.revoked_at is None:
            yield "key_revoked", record
        elif record != old:
            yield "key_changed", record


def _by_id(ring: KeyRing) -> Mapping[str, KeyRecord]:
    return {record.id: record for record in ring.keys}


def _file_state(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode
