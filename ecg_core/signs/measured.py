"""Measured signs: the language in which they are defined."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_core.signs.beats import Beats
from ecg_core.signs.rhythm import Rhythm
from ecg_core.signs.waves import Waves


@dataclass(frozen=True, eq=False, slots=True)
class Measured:
    """All measurements of one window; leads by name."""

    leads: tuple[str, ...]
    beats: Beats
    waves: Waves
    rhythm: Rhythm

    def of(self, values: NDArray[np.float64], *leads: str) -> NDArray[np.float64]:
        """A per-lead measurement in these leads.

        Raises:
            NotMeasured: One of the leads is missing.
        """
        chosen: NDArray[np.float64] = values[[self.leads.index(lead) for lead in leads]]
        if np.isnan(chosen).any():
            raise NotMeasured
        return chosen

    def at(self, values: NDArray[np.float64], lead: str) -> float:
        """A per-lead measurement in one lead.

        Raises:
            NotMeasured: The lead is missing.
        """
        return float(self.of(values, lead)[0])

    @property
    def axis_degrees(self) -> float:
        """Frontal QRS axis from the net QRS deflection in I and aVF."""
        net = self.waves.net_mv
        return float(np.degrees(np.arctan2(self.at(net, "aVF") * 2 / 3**0.5, self.at(net, "I"))))


class NotMeasured(Exception):
    """A sign cannot be measured on this window."""


Value = Callable[[Measured], float]


@dataclass(frozen=True, slots=True)
class Sign:
    """A measured sign.

    Attributes:
        wordings: How it is said, its name first.
        value: Signed distance from the threshold, in softnesses; NaN, or `NotMeasured` raised,
            where it cannot be measured.
    """

    wordings: tuple[str, ...]
    value: Value

    @property
    def name(self) -> str:
        """Its first wording."""
        return self.wordings[0]


def above(value: Value, threshold: float, softness: float) -> Value:
    """How far a value lies above a threshold."""
    return lambda m: (value(m) - threshold) / softness


def below(value: Value, threshold: float, softness: float) -> Value:
    """How far a value lies below a threshold."""
    return lambda m: (threshold - value(m)) / softness


def all_of(*values: Value) -> Value:
    """The least certain of several."""
    return lambda m: min(value(m) for value in values)


def any_of(*values: Value) -> Value:
    """The most certain of several."""
    return lambda m: max(value(m) for value in values)


def second_of(measure: Callable[[Measured], NDArray[np.float64]], *leads: str) -> Value:
    """The second highest value of these leads: a sign in two leads."""
    return lambda m: float(np.sort(m.of(measure(m), *leads))[-2])


def in_lead(measure: Callable[[Measured], NDArray[np.float64]], lead: str) -> Value:
    """The value in one lead."""
    return lambda m: m.at(measure(m), lead)
