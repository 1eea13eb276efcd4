"""What is asked of a measurement, answered from its value and its uncertainty."""

import math
from dataclasses import dataclass
from typing import Protocol

from ecg_core.conditions.joined import limits
from ecg_core.conditions.question import Measured, UnanswerableReason

# The largest value of a measured sign: far from its threshold it is no more certain.
CERTAIN = 2.0
# A logistic function with this slope is the normal distribution's to within 0.01.
_LOGISTIC = 1.702


@dataclass(frozen=True, slots=True)
class MeasuredValue:
    """A measurement: `value` in the quantity's unit, `uncertainty` as one standard deviation."""

    value: float
    unit: str
    uncertainty: float


class Measurements(Protocol):
    """The measurements of one recording."""

    def get(self, quantity: str, lead: str | None) -> MeasuredValue | UnanswerableReason:
        """A measurement, or why there is none; quantities as `ecg_core.conditions` names them."""
        ...

    def sign(self, name: str) -> float | None:
        """How far a sign's measurement lies beyond its threshold, in its softness; at most CERTAIN.

        None where it was not measured.
        """
        ...


def measured_log_odds(asked: Measured, found: MeasuredValue) -> float:
    """Log odds that the true value is as asked.

    Strictly monotone in the limit that is asked for: of two limits the one that includes more
    never gets less. Certain where the value is far from the limit in terms of its uncertainty.
    """
    low, high = limits(asked)
    scale = _LOGISTIC / max(found.uncertainty, 1e-6)
    above_low, below_high = scale * (found.value - low), scale * (high - found.value)
    if math.isinf(high):
        return above_low
    if math.isinf(low):
        return below_high
    return _both(above_low, below_high)


def _both(one: float, other: float) -> float:
    """Log odds of sigmoid(one) + sigmoid(other) - 1, the mass between two limits.

    With q = exp(-one) and r = exp(-other), the odds are (1 - q r) / (q + r + 2 q r); one + other
    is positive, for a range is not empty.
    """
    product = -math.expm1(-(one + other))
    total = _log_sum(-one, -other, math.log(2) - one - other)
    return math.log(max(product, 1e-300)) - total


def _log_sum(*values: float) -> float:
    largest = max(values)
    return largest + math.log(math.fsum(math.exp(value - largest) for value in values))
