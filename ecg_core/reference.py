"""Reference distributions: what the model's answers looked like on held-out recordings.

They are made when the bundle is made, stand in its model card under `reference`, and are what a
running service's answers are compared with. Both sides count into the same buckets.
"""

from collections.abc import Mapping
from itertools import accumulate
from typing import Annotated, Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from ecg_core.errors import InvalidBundle

TOP_PROBABILITY_BOUNDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
QUERY_SIMILARITY_BOUNDS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0)

Count = Annotated[int, Field(ge=0)]


class ReferenceHistogram(BaseModel):
    """How many values fell into each bucket.

    Attributes:
        source: What was measured, in a sentence.
        bounds: Upper bounds of the buckets, ascending, inclusive; the last holds every value.
        counts: Values in each bucket, not cumulated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    bounds: tuple[float, ...]
    counts: tuple[Count, ...]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.counts) != len(self.bounds) or not sum(self.counts):
            raise ValueError("one count a bound is needed, and at least one value")
        return self

    def cumulated_shares(self) -> dict[float, float]:
        """For each bound, the share of values that are at most as large."""
        total = sum(self.counts)
        return {
            bound: count / total
            for bound, count in zip(self.bounds, accumulate(self.counts), strict=True)
        }


class Reference(BaseModel):
    """The distributions that a model card holds.

    Attributes:
        top_probability: Highest probability of a recording over the trained conditions.
        query_similarity: Cosine similarity of free texts that mean a trained condition to the
            closest trained condition.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    top_probability: ReferenceHistogram
    query_similarity: ReferenceHistogram

    @model_validator(mode="after")
    def _same_buckets(self) -> Self:
        stated = (self.top_probability.bounds, self.query_similarity.bounds)
        if stated != (TOP_PROBABILITY_BOUNDS, QUERY_SIMILARITY_BOUNDS):
            raise ValueError("the buckets are not those that the service counts into")
        return self


def reference_histogram(
    values: ArrayLike, bounds: tuple[float, ...], source: str
) -> ReferenceHistogram:
    """Count values, each at most the last bound, into buckets.

    Args:
        values: Any shape.
        bounds: Upper bounds, ascending, inclusive.
        source: What was measured, in a sentence.
    """
    places = np.searchsorted(bounds, np.ravel(values), side="left").clip(max=len(bounds) - 1)
    counts = np.bincount(places, minlength=len(bounds))
    return ReferenceHistogram(source=source, bounds=bounds, counts=tuple(counts.tolist()))


def reference_in(card: Mapping[str, JsonValue]) -> Reference | None:
    """The reference of a model card, or None if it has none.

    Raises:
        InvalidBundle: It has one that cannot be read.
    """
    if "reference" not in card:
        return None
    try:
        return Reference.model_validate(card["reference"])
    except ValidationError as error:
        raise InvalidBundle("the model card's reference is not valid") from error
