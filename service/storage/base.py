"""The store of registered conditions: its rows, and what any store must do."""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC
from typing import Annotated, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    AfterValidator,
    AwareDatetime,
    ConfigDict,
    PlainSerializer,
    PlainValidator,
)

from service.engine.queries.conditions import Code

_UNIT_TOLERANCE = 1e-3


def embedding_to_bytes(embedding: NDArray[np.float32]) -> bytes:
    """An embedding as it is kept: little-endian float32."""
    return embedding.astype("<f4").tobytes()


def embedding_from_bytes(stored: bytes) -> NDArray[np.float32]:
    """Whatever floats are there: the registry checks them, and embeds anew if they are broken."""
    return np.frombuffer(stored[: len(stored) // 4 * 4], dtype="<f4").astype(np.float32)


def _to_base64(embedding: NDArray[np.float32]) -> str:
    return base64.b64encode(embedding_to_bytes(embedding)).decode()


def _from_base64(stored: object) -> NDArray[np.float32]:
    try:
        return embedding_from_bytes(base64.b64decode(str(stored), validate=True))
    except binascii.Error:
        # The registry embeds anew what is no embedding.
        return embedding_from_bytes(b"")


Embedding = Annotated[
    NDArray[np.float32],
    PlainValidator(_from_base64),
    PlainSerializer(_to_base64, return_type=str),
]
"""In JSON, base64 of little-endian float32."""

UtcTime = Annotated[AwareDatetime, AfterValidator(lambda time: time.astimezone(UTC))]


@dataclass(frozen=True, eq=False, slots=True)
class StoredCondition:
    """A condition that was registered, with its embedding.

    Attributes:
        id: Follows from name and term, so that every replica gives it the same one.
        name: Its short name.
        text: What is asked of the model.
        term: The text in its normalised form; no two stored conditions have the same.
        synonyms: Other wordings, as they were given.
        codes: Codes of terminologies.
        created_at: When it was registered, UTC.
        embedding: Unit vector, shape (dimension,).
        encoder_digest: Of the text encoder and prompts that made the embedding.
    """

    # A text may name a patient.
    __pydantic_config__ = ConfigDict(hide_input_in_errors=True)

    id: str
    name: str
    text: str
    term: str
    synonyms: tuple[str, ...]
    codes: tuple[Code, ...]
    created_at: UtcTime
    embedding: Embedding
    encoder_digest: str


class ConditionStore(Protocol):
    """Keeps registered conditions; safe to call from several threads.

    Every method raises StoreUnavailable if the store cannot be reached.
    """

    def add(self, condition: StoredCondition) -> StoredCondition:
        """Keep a condition for good before returning; of one term, the first stays.

        Returns:
            The condition that is kept under this term: the very one given, or an earlier one.

        Raises:
            ConditionIdTaken: Another term has its id.
        """
        ...

    def remove(self, condition_id: str) -> bool:
        """Remove a condition; False if there is none with this id."""
        ...

    def all(self) -> tuple[StoredCondition, ...]:
        """Every stored condition, in the order in which they were added."""
        ...

    def revision(self) -> int:
        """A number that grows whenever any process adds, removes or updates a condition."""
        ...

    def update_embedding(
        self, condition_id: str, embedding: NDArray[np.float32], encoder_digest: str
    ) -> None:
        """Replace an embedding that another text encoder made.

        Of a condition that `all` has told of; nothing is done if it was removed since.
        """
        ...

    def close(self) -> None:
        """Let go of the store."""
        ...


def is_unit_vector(embedding: NDArray[np.float32], dimension: int) -> bool:
    """True if this can be an embedding: of this many finite numbers, of length 1."""
    if embedding.shape != (dimension,):
        return False
    # A number that is not finite makes the length not finite.
    return bool(abs(float(np.linalg.norm(embedding)) - 1.0) < _UNIT_TOLERANCE)
