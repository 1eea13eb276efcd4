"""The parts of a model that the engine needs; `onnx.py` is the one implementation."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ecg_core.asking.composing import Leaf
from ecg_core.checkpoint import Checkpoint, no_checkpoint


class EcgEncoder(Protocol):
    """12 leads and their measured signs in, ECG features out."""

    def encode(
        self,
        windows: NDArray[np.float32],
        signs: NDArray[np.float32],
        checkpoint: Checkpoint = no_checkpoint,
    ) -> NDArray[np.float32]:
        """Encode windows.

        Args:
            windows: Shape (window, lead, sample), as `ecg_core.preprocessing.prepare` makes them.
            signs: Shape (window, sign), as `ecg_core.signs.signs_measured` measures them: NaN
                where one cannot be measured.
            checkpoint: Called between the steps of a long computation; may raise.

        Returns:
            ECG features, shape (window, token, dimension); of a fusion of tokens (window, token).

        Raises:
            InferenceFailed: The runtime failed, or a feature is not finite.
        """
        ...


class TextEncoder(Protocol):
    """Texts in, unit vectors out."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts, each for itself.

        Returns:
            Unit vectors, shape (text, dimension).

        Raises:
            InferenceFailed: The runtime failed, or a value is not finite.
        """
        ...

    def known_fraction(self, text: str) -> float:
        """Share of the text's tokens that the vocabulary knows, between 0 and 1."""
        ...

    def fits(self, text: str) -> bool:
        """True if the encoder reads the whole text; else it would cut off its end."""
        ...


class Fusion(Protocol):
    """Queries attend to ECG features; they never see each other."""

    def asked(
        self, leaves: Sequence[Leaf], query_embeddings: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """What is put to `logits`, made of each leaf alone: the same for every recording.

        Args:
            leaves: What is asked.
            query_embeddings: Their unit vectors, shape (query, dimension of the text encoder).

        Returns:
            Shape (query, width).

        Raises:
            InferenceFailed: The runtime failed, or a value is not finite.
        """
        ...

    def logits(
        self,
        features: NDArray[np.float32],
        asked: NDArray[np.float32],
        checkpoint: Checkpoint = no_checkpoint,
    ) -> NDArray[np.float32]:
        """One logit a query, the mean over the recording's windows.

        Args:
            features: As `EcgEncoder.encode` makes them.
            asked: Made by `asked`, shape (query, width).
            checkpoint: Called between the steps of a long computation; may raise.

        Returns:
            Shape (query,).

        Raises:
            InferenceFailed: The runtime failed, or a logit is not finite.
        """
        ...
