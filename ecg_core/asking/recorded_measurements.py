"""Measurements of a recording, as `ecg_core.signs` takes them, in the form that questions ask."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from math import hypot

import numpy as np
from numpy.typing import NDArray

from ecg_core.asking.measuring import CERTAIN, MeasuredValue
from ecg_core.conditions.question import UnanswerableReason
from ecg_core.signs import SIGNS
from ecg_core.signs.quantities import Measurement, Measurements

_LONGEST_RR_UNCERTAINTY_MS = 20.0  # two R peaks at 100 samples a second
_IN_LEAD = {
    "st_elevation": "st_level",
    "st_depression": "st_level",
    "t_inversion": "t_amplitude",
}
_BELOW_BASELINE = frozenset({"st_depression", "t_inversion"})


class RecordedMeasurements:
    """See `ecg_core.asking.measuring.Measurements`."""

    def __init__(self, measurements: Measurements, signs: NDArray[np.float32]) -> None:
        """Holds what was measured.

        Args:
            measurements: Of the recording.
            signs: Of its windows, in softnesses, NaN where not measured: (window, sign).
        """
        is_there = ~np.isnan(signs)
        counts = is_there.sum(axis=0)
        means = np.where(is_there, signs, 0).sum(axis=0, dtype=float) / np.maximum(counts, 1)
        values = CERTAIN * np.tanh(means / CERTAIN)
        self._signs = {
            sign.name: float(value)
            for sign, value, count in zip(SIGNS, values, counts, strict=True)
            if count
        }
        # By name: a question names quantities by their texts, which the enumerations are.
        self._values = {quantity.value: one for quantity, one in measurements.values.items()}
        self._by_lead = {
            lead: {quantity.value: one for quantity, one in row.items()}
            for lead, row in measurements.by_lead.items()
        }
        self._r_peaks_s = [beat.r_peak_s for beat in measurements.beats]

    def get(self, quantity: str, lead: str | None) -> MeasuredValue | UnanswerableReason:
        """A measurement, or why there is none."""
        composed: Mapping[str, Callable[[], MeasuredValue | UnanswerableReason]] = {
            "longest_rr_interval": self._longest_rr,
            "rr_interval": self._mean_rr,
            "sokolow_lyon": self._sokolow,
            "cornell_voltage": lambda: self._sum(("aVL", "r_amplitude"), ("V3", "s_amplitude")),
        }
        if quantity in composed:
            return composed[quantity]()
        if lead is None:
            return _read(self._values.get(quantity))
        found = self._in(lead, _IN_LEAD.get(quantity, quantity))
        if quantity in _BELOW_BASELINE and isinstance(found, MeasuredValue):
            return MeasuredValue(-found.value, found.unit, found.uncertainty)
        return found

    def sign(self, name: str) -> float | None:
        """See `ecg_core.asking.measuring.Measurements`; of several windows the mean."""
        return self._signs.get(name)

    def _in(self, lead: str, quantity: str) -> MeasuredValue | UnanswerableReason:
        return _read(self._by_lead.get(lead, {}).get(quantity))

    def _sokolow(self) -> MeasuredValue | UnanswerableReason:
        sums = [self._sum(("V1", "s_amplitude"), (lead, "r_amplitude")) for lead in ("V5", "V6")]
        for each in sums:
            if isinstance(each, UnanswerableReason):
                return each
        return max(
            (each for each in sums if isinstance(each, MeasuredValue)), key=lambda s: s.value
        )

    def _sum(self, *parts: tuple[str, str]) -> MeasuredValue | UnanswerableReason:
        total, uncertainty, unit = 0.0, 0.0, ""
        for lead, quantity in parts:
            found = self._in(lead, quantity)
            if isinstance(found, UnanswerableReason):
                return found
            total, unit = total + found.value, found.unit
            uncertainty = hypot(uncertainty, found.uncertainty)
        return MeasuredValue(total, unit, uncertainty)

    def _mean_rr(self) -> MeasuredValue | UnanswerableReason:
        rate = _read(self._values.get("heart_rate"))
        if isinstance(rate, UnanswerableReason):
            return rate
        mean_ms = 60_000 / rate.value
        return MeasuredValue(mean_ms, "ms", mean_ms * rate.uncertainty / rate.value)

    def _longest_rr(self) -> MeasuredValue | UnanswerableReason:
        intervals_s = [later - earlier for earlier, later in pairwise(self._r_peaks_s)]
        if not intervals_s:
            return UnanswerableReason.NOT_MEASURABLE
        return MeasuredValue(1000 * max(intervals_s), "ms", _LONGEST_RR_UNCERTAINTY_MS)


def _read(taken: Measurement | None) -> MeasuredValue | UnanswerableReason:
    if taken is not None and taken.value is not None and taken.uncertainty is not None:
        return MeasuredValue(taken.value, str(taken.unit), taken.uncertainty)
    is_missing = taken is not None and taken.reason == "missing_lead"
    return UnanswerableReason.MISSING_LEADS if is_missing else UnanswerableReason.NOT_MEASURABLE
