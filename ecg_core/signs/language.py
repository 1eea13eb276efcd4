"""Measured signs: the language in which they are defined."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_core.signs.deflections import Deflections
from ecg_core.signs.delineation import Boundary
from ecg_core.signs.rhythm import Rhythm
from ecg_core.signs.usual_beat import UsualBeat


@dataclass(frozen=True, eq=False, slots=True)
class Measured:
    """All measurements of one window; leads by name."""

    usual: UsualBeat
    rhythm: Rhythm

    @property
    def heights(self) -> Deflections:
        """Of the usual beat, in the leads that are there."""
        return self.usual.heights

    def of(self, values: NDArray[np.float64], *leads: str) -> NDArray[np.float64]:
        """A per-lead measurement in these leads.

        Raises:
            NotMeasured: One of the leads is missing.
        """
        there = self.usual.leads
        if not set(leads) <= set(there):
            raise NotMeasured
        chosen: NDArray[np.float64] = values[[there.index(lead) for lead in leads]]
        return chosen

    def at(self, values: NDArray[np.float64], lead: str) -> float:
        """A per-lead measurement in one lead.

        Raises:
            NotMeasured: The lead is missing.
        """
        return float(self.of(values, lead)[0])

    @property
    def p_mv(self) -> NDArray[np.float64]:
        """Height of the P wave, signed, shape (lead,).

        Raises:
            NotMeasured: There are no P waves, or their onset is not found.
        """
        self._need_p_waves()
        return self.heights.p_mv

    @property
    def p_terminal_mv(self) -> NDArray[np.float64]:
        """Lowest point of the P wave's second half, shape (lead,); raises as `p_mv` does."""
        self._need_p_waves()
        return self.heights.p_terminal_mv

    @property
    def p_s(self) -> float:
        """Duration of the P wave; raises as `p_mv` does, and where a boundary is not found."""
        self._need_p_waves()
        return _between(self.usual.bounds.p_onset, self.usual.bounds.p_end)

    @property
    def pr_s(self) -> float:
        """From the P wave's onset to the QRS onset; raises as `p_s` does."""
        self._need_p_waves()
        return _between(self.usual.bounds.p_onset, self.usual.bounds.qrs_onset)

    @property
    def qrs_s(self) -> float:
        """QRS duration; raises `NotMeasured` where a boundary is not found."""
        return _between(self.usual.bounds.qrs_onset, self.usual.bounds.qrs_end)

    @property
    def qt_s(self) -> float:
        """From the QRS onset to the end of the T wave; raises as `qrs_s` does."""
        return _between(self.usual.bounds.qrs_onset, self.usual.bounds.t_end)

    @property
    def axis_degrees(self) -> float:
        """Frontal QRS axis from the net QRS deflection in I and aVF."""
        net = self.heights.net_mv
        return float(np.degrees(np.arctan2(self.at(net, "aVF") * 2 / 3**0.5, self.at(net, "I"))))

    def _need_p_waves(self) -> None:
        if not self.usual.has_p_waves or self.usual.bounds.p_onset.at_limit:
            raise NotMeasured


class NotMeasured(Exception):
    """A sign cannot be measured on this window."""


def _between(begin: Boundary, end: Boundary) -> float:
    """Seconds; a boundary where the search ends may lie beyond."""
    if begin.at_limit or end.at_limit or not np.isfinite(end.at_s - begin.at_s):
        raise NotMeasured
    return end.at_s - begin.at_s


Value = Callable[[Measured], float]


@dataclass(frozen=True, slots=True)
class Sign:
    """A measured sign.

    Attributes:
        wordings: How it is said, its name first.
        value: Signed distance from the threshold, in softnesses; `NotMeasured` is raised
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
