"""What the engine needs of a runtime; `onnx.py` is the one implementation."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import ModelError
from service.deadline import Checkpoint, no_checkpoint


class ProviderUnavailable(ModelError):
    """An execution provider that the settings ask for is not active: refuse to start."""


class EcgEncoder(Protocol):
    """12 leads in, ECG features out."""

    def encode(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Encode windows.

        Args:
            windows: Shape (window, lead, sample), as `ecg_core.preprocessing.prepare` makes them.

        Returns:
            ECG features, shape (window, token, dimension).

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
        """Whether the encoder reads the whole text, or would cut off its end."""
        ...


class Fusion(Protocol):
    """Query embeddings attend to ECG features; queries never see each other."""

    def logits(
        self,
        features: NDArray[np.float32],
        query_embeddings: NDArray[np.float32],
        checkpoint: Checkpoint = no_checkpoint,
    ) -> NDArray[np.float32]:
        """One logit a query, the mean over the recording's windows.

        Args:
            features: Shape (window, token, dimension).
            query_embeddings: Unit vectors, shape (query, dimension of the text encoder).
            checkpoint: Called between the steps of a long computation; may raise.

        Returns:
            Shape (query,).

        Raises:
            InferenceFailed: The runtime failed, or a logit is not finite.
        """
        ...
