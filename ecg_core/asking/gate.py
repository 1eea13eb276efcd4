"""Whether a text that names nothing known asks for a finding of an ECG: learned from texts.

A linear score over the text's embedding. The weights are fitted when the bundle is made (see
`model_training.evaluation.gate`) and belong to it; without them only the words of
`ecg_core.conditions.scope` decide.
"""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.special import expit


class ScopeClassifier(BaseModel):
    """P(in scope) = sigmoid(weights · embedding + bias).

    Attributes:
        weights: Of each dimension of the text encoder.
        bias: Added to the score.
        threshold: Below it a text is not answered; chosen so that few honest texts are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: Annotated[tuple[float, ...], Field(min_length=1)]
    bias: float = 0.0
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5

    def probability(self, embedding: NDArray[np.floating]) -> float:
        """How certainly a text with this embedding asks for a finding of an ECG.

        Args:
            embedding: Unit vector, shape (dimension,).

        Raises:
            ValueError: The dimension is not that of the weights.
        """
        weights = np.asarray(self.weights)
        if embedding.shape != weights.shape:
            raise ValueError(f"weights of {len(weights)} dimensions, not of {embedding.shape}")
        # Not `@`: its threads would compete with those that run other diagnoses.
        return float(expit(np.einsum("d,d->", weights, embedding) + self.bias))

    def is_in_scope(self, embedding: NDArray[np.floating]) -> bool:
        """Whether a text with this embedding is answered."""
        return self.probability(embedding) >= self.threshold
