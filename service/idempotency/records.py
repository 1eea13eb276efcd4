"""What is kept of a request that has a key: who is answering it, or the answer."""

import json
from dataclasses import dataclass, field
from typing import Any, Protocol

_SEPARATOR = b"\n"


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer to be given again.

    Attributes:
        status: Its HTTP status.
        headers: Those that belong to it, not to its transport.
        body: All of it.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Record:
    """One key's record.

    Attributes:
        fingerprint: Of the payload that the key came with first.
        owner: Random; who is answering may know it is still their turn.
        answer: None while it is being made.
    """

    fingerprint: str
    owner: str
    answer: KeptAnswer | None = None

    def encoded(self) -> bytes:
        """As bytes: one line of JSON, and the answer's body behind it."""
        meta: dict[str, object] = {"fingerprint": self.fingerprint, "owner": self.owner}
        if self.answer is None:
            return json.dumps(meta).encode()
        meta |= {"status": self.answer.status, "headers": self.answer.headers}
        return json.dumps(meta).encode() + _SEPARATOR + self.answer.body


def decoded(content: bytes) -> Record:
    """The record that these bytes hold.

    Raises:
        ValueError: They hold none.
    """
    line, separator, body = content.partition(_SEPARATOR)
    try:
        meta: dict[str, Any] = json.loads(line)
        answer = None
        if separator:
            headers = tuple((str(name), str(value)) for name, value in meta["headers"])
            answer = KeptAnswer(int(meta["status"]), headers, body)
        return Record(str(meta["fingerprint"]), str(meta["owner"]), answer)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("no record of ours") from error


class RecordsUnavailable(Exception):
    """Records cannot be kept or read at the moment."""


class Records(Protocol):
    """Where records are kept; its calls may block, and come from several threads."""

    def begin(self, record_id: str, record: Record, seconds: float) -> Record | None:
        """Keep a record without an answer unless there is one; then give that one.

        Args:
            record_id: Of the key.
            record: To be kept.
            seconds: When it is forgotten if no answer replaces it: its owner may have died.

        Raises:
            RecordsUnavailable: Nothing was kept.
        """
        ...

    def finish(self, record_id: str, begun: Record, answered: Record, seconds: float) -> None:
        """Put the record with the answer in the place of the one that was begun.

        Raises:
            RecordsUnavailable: The place has been taken by another, or there is no room.
        """
        ...

    def forget(self, record_id: str, begun: Record) -> None:
        """Let the next request with this key begin anew; nothing if the place is another's.

        Raises:
            RecordsUnavailable: It will be forgotten later.
        """
        ...
