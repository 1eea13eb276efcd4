"""How the answers of parts make the answer of a whole: on log odds, by one rule.

Every function is strictly monotone in each part and indifferent to their order. The parameters are
chosen on validation recordings and belong to the bundle.
"""

import math
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class CompositionRule(BaseModel):
    """The rule's parameters; the defaults are those of the shipped bundle.

    `tests/benchmarks/fit_composition.py` chose the softness, weights, scale and bias of untrained
    conditions and the weight of a description's text on fold 9; `measured_weight` was chosen on
    fold 9 of conditions that were left out of training (`model_training/recipes/fit_rule.py`).

    Attributes:
        joint_softness: Of "and" and "or", in log odds: 0 would be the least and the largest part.
        broader_softness: Of a condition that was not trained and the broader ones above it.
        required_softness: Of what a condition requires: the larger, the more one strong part makes
            up for a weak one.
        supporting_weight, supporting_limit: What supporting parts add at most, and how fast.
        own_weight: What a condition's own wording adds beside its logic.
        measured_weight: What the measurements of the required signs add, the k-th weighing 1/k.
        untrained_scale, untrained_bias: From the composed log odds of a condition that was not
            trained to those of its probability.
        described_softness: Of the parts of a description.
        text_weight: What the text of a description counts beside parts of weight 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    joint_softness: Positive = 0.3
    broader_softness: Positive = 1.0
    required_softness: Positive = 8.0
    supporting_weight: NotNegative = 0.5
    supporting_limit: Positive = 2.0
    own_weight: Positive = 0.25
    measured_weight: NotNegative = 2.0
    untrained_scale: Positive = 0.35
    untrained_bias: float = -3.0
    described_softness: Positive = 4.0
    text_weight: Positive = 2.0


def all_at_once(parts: Sequence[float], softness: float) -> float:
    """Log odds that every part is there: at most the least of them."""
    return -at_least_one([-part for part in parts], softness)


def at_least_one(parts: Sequence[float], softness: float) -> float:
    """Log odds that some part is there: at least the largest of them."""
    largest = max(parts)
    return largest + softness * math.log(
        math.fsum(sorted(math.exp((part - largest) / softness) for part in parts))
    )


def soft_mean(parts: Sequence[float], weights: Sequence[float], softness: float) -> float:
    """A weighted mean that leans towards the least part, the more so the smaller the softness."""
    least = min(parts)
    shares = sorted(
        weight * math.exp((least - part) / softness)
        for part, weight in zip(parts, weights, strict=True)
    )
    return least - softness * math.log(math.fsum(shares) / math.fsum(weights))


def bounded(value: float, limit: float) -> float:
    """A value that counts less and less beyond a limit, strictly monotone."""
    return limit * math.asinh(value / limit)
