"""The embedded store: one SQLite file, shared by the processes of one machine.

Write-ahead logging lets readers go on while one process writes. `synchronous=FULL`: what was
acknowledged outlives a power cut.
"""

import json
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.engine.queries.conditions import Code
from service.errors import ConditionIdTaken, StoreUnavailable
from service.storage.base import StoredCondition, embedding_from_bytes, embedding_to_bytes

_log = logging.getLogger(__name__)

_BUSY_TIMEOUT_S = 5.0
_SCHEMA_VERSION = 1
_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS conditions (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        text TEXT NOT NULL,
        term TEXT NOT NULL UNIQUE,
        synonyms TEXT NOT NULL,
        codes TEXT NOT NULL,
        created_at TEXT NOT NULL,
        embedding BLOB NOT NULL,
        encoder_digest TEXT NOT NULL
    ) STRICT""",
    "CREATE TABLE IF NOT EXISTS revision (number INTEGER NOT NULL) STRICT",
    "INSERT INTO revision SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM revision)",
    f"PRAGMA user_version = {_SCHEMA_VERSION}",
)
_COLUMNS = "id, name, text, term, synonyms, codes, created_at, embedding, encoder_digest"
_INSERT = f"INSERT INTO conditions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_SELECT = f"SELECT {_COLUMNS} FROM conditions"  # noqa: S608

_Row = tuple[str, str, str, str, str, str, str, bytes, str]


class SqliteStore:
    """Registered conditions in one SQLite file; see `ConditionStore`."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _make_private(path)
            self._connection = _connect(path)
        except (OSError, sqlite3.Error) as error:
            raise StoreUnavailable from error

    def add(self, condition: StoredCondition) -> StoredCondition:
        """Keep a condition for good before returning; of one term, the first stays."""
        with self._writing() as connection:
            row = connection.execute(f"{_SELECT} WHERE term = ?", (condition.term,)).fetchone()
            if row is not None:
                return _from_row(row)
            same_id = connection.execute("SELECT 1 FROM conditions WHERE id = ?", (condition.id,))
            if same_id.fetchone() is not None:
                raise ConditionIdTaken
            connection.execute(_INSERT, _to_row(condition))
            _advance(connection)
        return condition

    def remove(self, condition_id: str) -> bool:
        """Remove a condition; False if there is none with this id."""
        with self._writing() as connection:
            cursor = connection.execute("DELETE FROM conditions WHERE id = ?", (condition_id,))
            if cursor.rowcount:
                _advance(connection)
        if cursor.rowcount > 0:
            self._empty_log()
        return cursor.rowcount > 0

    def all(self) -> tuple[StoredCondition, ...]:
        """Every stored condition, in the order in which they were added."""
        with self._using() as connection:
            rows = connection.execute(f"{_SELECT} ORDER BY position").fetchall()
            return tuple(_from_row(row) for row in rows)

    def revision(self) -> int:
        """A number that grows whenever any process changes a condition."""
        with self._using() as connection:
            (number,) = connection.execute("SELECT number FROM revision").fetchone()
        return int(number)

    def update_embedding(
        self, condition_id: str, embedding: NDArray[np.float32], encoder_digest: str
    ) -> None:
        """Replace an embedding that another text encoder made."""
        with self._writing() as connection:
            cursor = connection.execute(
                "UPDATE conditions SET embedding = ?, encoder_digest = ? WHERE id = ?",
                (embedding_to_bytes(embedding), encoder_digest, condition_id),
            )
            if cursor.rowcount:
                _advance(connection)

    def close(self) -> None:
        """Let go of the file."""
        self._empty_log()
        with self._lock:
            self._connection.close()

    def _empty_log(self) -> None:
        """Leave nothing of what was removed in the write-ahead log, unless others read it now."""
        with self._lock, suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """The one connection, one thread at a time; SQLite's errors are translated here."""
        with self._lock:
            try:
                yield self._connection
            except (sqlite3.Error, TypeError, ValueError) as error:
                # Its name alone (SQLITE_FULL, SQLITE_BUSY): a message could quote a row.
                name = getattr(error, "sqlite_errorname", type(error).__name__)
                _log.error("the store of conditions failed: %s", name)
                raise StoreUnavailable from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that takes the write lock at its start, so that it cannot be outrun."""
        with self._using() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")


def _make_private(path: Path) -> None:
    """Let only its owner read the file, and with it the log that SQLite makes beside it.

    Raises:
        OSError: It cannot be made, or is another user's.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # What is removed is overwritten: texts may name patients.
        connection.execute("PRAGMA secure_delete = ON")
        for statement in ("BEGIN IMMEDIATE", *_SCHEMA, "COMMIT"):
            connection.execute(statement)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _advance(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE revision SET number = number + 1")


def _to_row(condition: StoredCondition) -> _Row:
    return (
        condition.id,
        condition.name,
        condition.text,
        condition.term,
        json.dumps(condition.synonyms),
        json.dumps(condition.codes),
        condition.created_at.isoformat(),
        embedding_to_bytes(condition.embedding),
        condition.encoder_digest,
    )


def _from_row(row: _Row) -> StoredCondition:
    condition_id, name, text, term, synonyms, codes, created_at, embedding, digest = row
    return StoredCondition(
        id=condition_id,
        name=name,
        text=text,
        term=term,
        synonyms=tuple(json.loads(synonyms)),
        codes=tuple(Code(*code) for code in json.loads(codes)),
        created_at=datetime.fromisoformat(created_at),
        embedding=embedding_from_bytes(embedding),
        encoder_digest=digest,
    )
