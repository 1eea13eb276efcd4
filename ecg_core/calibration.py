"""From a logit to a probability: temperature scaling and a bias (Platt 1999; Guo et al. 2017)."""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.special import expit, logit

Familiarity = Literal["known", "near", "unseen"]
_FARTHEST = 1e-12  # a probability from 0 or 1: log odds stay finite


class Calibration(BaseModel):
    """Probability = sigmoid(logit / temperature + bias), fitted on validation recordings.

    Attributes:
        temperature, bias: Of conditions that the model was trained on.
        unseen_temperature, unseen_bias: Of conditions that it was not trained on; findings on
            them are marked as not calibrated.
        unseen_similarity: What a query's cosine similarity to the nearest trained condition adds
            to the bias of one that it was not trained on, for each unit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    bias: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    unseen_temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    unseen_bias: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    unseen_similarity: Annotated[float, Field(allow_inf_nan=False)] = 0.0

    def probabilities(
        self,
        logits: NDArray[np.floating],
        known: NDArray[np.bool_],
        similarities: NDArray[np.floating] | float = 0.0,
    ) -> NDArray[np.float64]:
        """Calibrated probabilities, one a query, each from its own logit only.

        Args:
            logits: Shape (query,).
            known: Shape (query,): whether the model was trained on the query's condition.
            similarities: Shape (query,): the cosine of each query's embedding to that of the
                trained condition that comes closest; of no meaning where known.

        Returns:
            Shape (query,), within [0, 1].
        """
        temperature = np.where(known, self.temperature, self.unseen_temperature)
        unseen_bias = self.unseen_bias + self.unseen_similarity * similarities
        bias = np.where(known, self.bias, unseen_bias)
        return np.asarray(expit(logits.astype(np.float64) / temperature + bias))

    def log_odds(
        self,
        logits: NDArray[np.floating],
        known: NDArray[np.bool_],
        similarities: NDArray[np.floating] | float = 0.0,
    ) -> NDArray[np.float64]:
        """The finite log odds of `probabilities`, as parts of a whole are composed."""
        probabilities = self.probabilities(logits, known, similarities)
        return np.asarray(logit(probabilities.clip(_FARTHEST, 1 - _FARTHEST)))
