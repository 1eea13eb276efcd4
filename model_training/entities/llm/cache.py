"""Answers on disk, so that no report is asked twice, in this run or after a kill."""

import hashlib
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY,
    content TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    answer_tokens INTEGER NOT NULL
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """A valid answer as the model gave it, with what it took."""

    content: str
    prompt_tokens: int
    answer_tokens: int


class AnswerCache:
    """SQLite file of valid answers; several processes may share it.

    It quotes reports, so it is patient data: only its owner may read it.
    """

    def __init__(self, path: Path) -> None:
        """Opens the file, or makes it.

        Raises:
            sqlite3.DatabaseError: The file is something else.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._connection = sqlite3.connect(path, timeout=60, isolation_level=None)
        # With WAL a killed process loses nothing that `put` has returned from.
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute(_SCHEMA)

    def __enter__(self) -> "AnswerCache":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def get(self, key: bytes) -> StoredAnswer | None:
        """The answer under this key, if there is one."""
        row = self._connection.execute(
            "SELECT content, prompt_tokens, answer_tokens FROM answers WHERE key = ?", (key,)
        ).fetchone()
        return StoredAnswer(*row) if row else None

    def put(self, key: bytes, answer: StoredAnswer) -> None:
        """Store an answer; it is on disk when this returns."""
        self._connection.execute(
            "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)",
            (key, answer.content, answer.prompt_tokens, answer.answer_tokens),
        )

    def __len__(self) -> int:
        count: int = self._connection.execute("SELECT COUNT(*) FROM answers").fetchone()[0]
        return count


def cache_key(model: str, request_digest: str, report: str) -> bytes:
    """The key of a report's answer: the model, all else that is asked, and the report."""
    parts = (model, request_digest, hashlib.sha256(report.encode("utf-8", "replace")).hexdigest())
    return hashlib.sha256("\0".join(parts).encode()).digest()
