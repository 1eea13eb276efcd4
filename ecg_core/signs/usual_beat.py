"""The usual beat of a recording: found, delineated and measured."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from ecg_core.signs.deflections import Deflections, measure_deflections
from ecg_core.signs.delineation import Delineation, delineate
from ecg_core.signs.median_beat import MedianBeat, find_median_beat

# LUDB's intervals come out no better at 500 samples a second (docs/measured/results).
MEASURED_AT_HZ = 250.0
# What stands before the QRS complex is a P wave where single beats agree about it; where R-R
# intervals are irregular as in atrial fibrillation, they have to agree better. Chosen on folds 1-8
# of PTB-XL: 2 % of sinus rhythms are left without P waves, 89 % of atrial fibrillations.
_CONSISTENT, _CONSISTENT_THOUGH_IRREGULAR, _IRREGULAR = 0.45, 0.70, 0.08
_EARLY = 0.8  # of the usual R-R interval

_Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class UsualBeat:
    """The usual beat of a recording.

    Attributes:
        leads: The leads that were measured: those that are there.
        beat: Their median beat.
        bounds: Where its waves begin and end.
        heights: How high they are.
        irregularity: Median change from one R-R interval to the next, of their mean.
        ectopic: Which beats are unlike the usual one, or early in a regular rhythm, shape (beat,).
    """

    leads: tuple[str, ...]
    beat: MedianBeat
    bounds: Delineation
    heights: Deflections
    irregularity: float
    ectopic: NDArray[np.bool_]

    @property
    def p_certainty(self) -> float:
        """How much better than needed single beats agree about the P wave; a correlation."""
        irregular = self.irregularity > _IRREGULAR
        needed = _CONSISTENT_THOUGH_IRREGULAR if irregular else _CONSISTENT
        return self.bounds.p_consistency - needed

    @property
    def has_p_waves(self) -> bool:
        """Whether what stands before the QRS complex are P waves."""
        return self.p_certainty >= 0

    @property
    def intervals_s(self) -> _Array:
        """All R-R intervals, shape (beat - 1,)."""
        intervals_s: _Array = np.diff(self.beat.r_peaks_s)
        return intervals_s

    @property
    def normal_intervals_s(self) -> _Array:
        """R-R intervals between beats that are not ectopic, shape (interval,)."""
        normal: _Array = self.intervals_s[~(self.ectopic[1:] | self.ectopic[:-1])]
        return normal

    def at(self, values: _Array, lead: str) -> float | None:
        """A height in one lead; None where the lead is missing."""
        return float(values[self.leads.index(lead)]) if lead in self.leads else None


def find_usual_beat(
    samples_mv: _Array, leads: tuple[str, ...], sampling_rate_hz: float
) -> UsualBeat | None:
    """Find, delineate and measure the usual beat.

    Args:
        samples_mv: Shape (lead, sample), millivolts, without baseline wander; a lead of zeros is
            a missing one, and not measured.
        leads: The rows' names.
        sampling_rate_hz: Of the samples.

    Returns:
        None where there are fewer than three beats.
    """
    there: NDArray[np.bool_] = np.asarray(samples_mv.any(axis=1))
    beat = find_median_beat(_resampled(samples_mv[there], sampling_rate_hz), MEASURED_AT_HZ)
    if beat is None:
        return None
    intervals_s = np.diff(beat.r_peaks_s)
    bounds = delineate(beat, float(np.median(intervals_s)))
    irregularity = _irregularity(intervals_s)
    return UsualBeat(
        leads=tuple(lead for lead, row in zip(leads, there, strict=True) if row),
        beat=beat,
        bounds=bounds,
        heights=measure_deflections(beat, bounds),
        irregularity=irregularity,
        ectopic=~beat.usual | (_early(intervals_s) & (irregularity < _IRREGULAR)),
    )


def without_padding(samples_mv: _Array) -> _Array:
    """Without the zeros at the end that `prepare` fills a short recording up with."""
    filled = np.flatnonzero(samples_mv.any(axis=0))
    return samples_mv[:, : int(filled[-1]) + 1] if filled.size else samples_mv


def _resampled(samples_mv: _Array, rate_hz: float) -> _Array:
    ratio = Fraction(MEASURED_AT_HZ / rate_hz).limit_denominator(1000)
    if ratio == 1 or not len(samples_mv):
        return samples_mv
    resampled: _Array = signal.resample_poly(
        samples_mv, ratio.numerator, ratio.denominator, axis=1, padtype="line"
    )
    return resampled


def _irregularity(intervals_s: _Array) -> float:
    changes = np.abs(np.diff(intervals_s))
    return float(np.median(changes) / intervals_s.mean()) if changes.size else 0.0


def _early(intervals_s: _Array) -> NDArray[np.bool_]:
    """Which beats come early, shape (beat,)."""
    early = intervals_s < _EARLY * np.median(intervals_s)
    return np.concatenate([[False], early])
