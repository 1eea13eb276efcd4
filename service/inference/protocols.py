"""What the engine needs of a runtime; `onnx.py` is the one implementation."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


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


class Fusion(Protocol):
    """Query embeddings attend to ECG features; queries never see each other."""

    def logits(
        self, features: NDArray[np.float32], query_embeddings: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """One logit a query, the mean over the recording's windows.

        Args:
            features: Shape (window, token, dimension).
            query_embeddings: Unit vectors, shape (query, dimension of the text encoder).

        Returns:
            Shape (query,).

        Raises:
            InferenceFailed: The runtime failed, or a logit is not finite.
        """
        ...
