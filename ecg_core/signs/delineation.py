"""Where the waves of a median beat begin and end, over all leads at once.

The QRS complex begins where the leads together leave the level before it, and ends where their
slopes have fallen. The P wave stands out over a line from the T wave before to the QRS onset; the T
wave ends where the tangent of its steepest descent meets the level after it (Lepeschkin and
Surawicz, Circulation 1952). What is meant is the median over leads of what a cardiologist would
mark in each (not the earliest onset to the latest end over leads, which is longer); levels and
margins were chosen for that on recordings 1-30 of LUDB (Kalyakulina et al., IEEE Access 2020).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ecg_core.signs.median_beat import MedianBeat

_Array = NDArray[np.float64]

# Of the QRS complex: slopes in mV/s over all leads, for a complex whose steepest is 40 mV/s.
_STEEP, _STILL_STEEP, _USUAL_STEEPNESS, _STEEPNESS_POWER = 6.0, 4.0, 40.0, 0.3
_QRS_SEARCH_S = (0.13, 0.18)
_SHORTEST_QRS_S = 0.03
_QUIET_S = (0.012, 0.020)  # before and after the complex
_LEAVES_LEVEL_MV = 0.025
_QRS_MARGIN_S = 0.008  # a reader sees the onset this much before
# So much of the complex's largest steepness outside of what was found of it: it was cut in two.
_AS_STEEP_OUTSIDE = 0.75
_P_SEARCH_S = 0.40
_P_LEVEL, _P_END_LEVEL = 0.25, 0.25  # of the P wave's height
_P_MARGIN_S = 0.008
_P_RUNS_IN = 1.0  # so much of its height the line under it climbs
_P_LATE_S = 0.24  # a P wave that runs into the QRS complex begins within this before it
_P_REACHES_S, _P_HIGHER = 0.03, 1.1
_P_SHORTEST_S, _P_LONGEST_S = 0.04, 0.18
_P_SMALLEST_S = 0.06  # a shorter stretch from T wave to QRS complex shows no P wave
_T_SEARCH_S, _T_SEARCH_SHARE = 0.64, 0.70  # after the QRS onset; of the R-R interval
_T_MARGIN_S = 0.009


@dataclass(frozen=True, slots=True)
class Boundary:
    """An onset or an end.

    Attributes:
        at_s: Seconds from the beginning of the median beat; NaN where there is none.
        slope_mv_per_s: How fast the leads together pass the level there: noise moves a boundary
            by the noise over this.
        at_limit: Whether it was found where the search ends, and may lie beyond.
    """

    at_s: float
    slope_mv_per_s: float = np.inf
    at_limit: bool = False


@dataclass(frozen=True, slots=True)
class Delineation:
    """Onsets and ends of the waves of a median beat; NaN where there is none.

    Attributes:
        qrs_onset, qrs_end: Of the QRS complex.
        has_whole_qrs: Whether nothing as steep as the complex lies close before or behind it: else
            a boundary is inside of it, at the top of a wide and smooth R wave.
        p_onset, p_end: Of what stands out before it, P wave or not.
        p_consistency: Mean correlation of the single beats' stretch before the QRS complex with
            that of the others: near 1 for P waves, near 0 for noise and fibrillation.
        p_height_mv: Height of what stands out, root mean square over leads.
        t_end: Of the T wave.
    """

    qrs_onset: Boundary
    qrs_end: Boundary
    has_whole_qrs: bool
    p_onset: Boundary
    p_end: Boundary
    p_consistency: float
    p_height_mv: float
    t_end: Boundary


def delineate(beat: MedianBeat, rr_s: float) -> Delineation:
    """Delineate a median beat.

    Args:
        beat: Of at least 200 samples a second.
        rr_s: The usual R-R interval, which bounds where P and T can be.
    """
    onset, end, is_whole = _qrs(beat)
    t_end = _t_end(beat, onset, end, rr_s)
    p_onset, p_end, height_mv, start = _p_wave(beat, onset, t_end, rr_s)
    return Delineation(
        qrs_onset=onset,
        qrs_end=end,
        has_whole_qrs=is_whole,
        p_onset=p_onset,
        p_end=p_end,
        p_consistency=_consistency(beat, start, round(onset.at_s * beat.sampling_rate_hz)),
        p_height_mv=height_mv,
        t_end=t_end,
    )


def _smooth(values: _Array, seconds: float, rate_hz: float) -> _Array:
    smoothed: _Array = ndimage.uniform_filter1d(values, max(1, round(seconds * rate_hz)), axis=-1)
    return smoothed


def _over_leads(values: _Array) -> _Array:
    size: _Array = np.sqrt(np.square(values).mean(axis=0))
    return size


def _lasting(quiet: NDArray[np.bool_], samples: int) -> NDArray[np.intp]:
    """Middles of stretches of so many quiet samples."""
    return np.flatnonzero(ndimage.minimum_filter1d(quiet.astype(np.int8), samples))


def _qrs(beat: MedianBeat) -> tuple[Boundary, Boundary, bool]:
    """Onset, end, and whether the complex is whole; see `Delineation`."""
    rate_hz, centre = beat.sampling_rate_hz, beat.centre
    slopes = np.abs(np.gradient(beat.samples_mv, axis=1)) * rate_hz
    steepness = _over_leads(_smooth(slopes, 0.016, rate_hz))
    low, high = (
        centre - round(_QRS_SEARCH_S[0] * rate_hz),
        centre + round(_QRS_SEARCH_S[1] * rate_hz),
    )
    scale = (steepness[low:high].max() / _USUAL_STEEPNESS) ** _STEEPNESS_POWER
    quiet_s = [round(seconds * rate_hz) for seconds in _QUIET_S]
    before = _lasting(steepness[low : centre - 1] < _STEEP * scale, quiet_s[0])
    after = _lasting(steepness[centre:high] < _STILL_STEEP * scale, quiet_s[1])
    rough = low + int(before[-1]) + quiet_s[0] // 2 if before.size else low
    end = centre + int(after[0]) - quiet_s[1] // 2 if after.size else high
    onset_s, slope = _leaves_level(beat, rough)
    shortest = round((onset_s + _SHORTEST_QRS_S) * rate_hz)
    outside = np.concatenate(
        [steepness[low : max(low, rough)], steepness[max(end, shortest) : high]]
    )
    return (
        Boundary(onset_s - _QRS_MARGIN_S, slope, not before.size),
        Boundary(
            max(end, shortest) / rate_hz,
            float(_STILL_STEEP * scale),
            not after.size or end < shortest,
        ),
        bool(outside.max(initial=0.0) < _AS_STEEP_OUTSIDE * steepness[low:high].max()),
    )


def _leaves_level(beat: MedianBeat, rough: int) -> tuple[float, float]:
    """When the leads leave the level before the complex, in seconds, and how fast, in mV/s."""
    rate_hz = beat.sampling_rate_hz
    before = slice(rough - round(0.03 * rate_hz), rough - round(0.008 * rate_hz))
    level = np.median(beat.samples_mv[:, before], axis=1, keepdims=True)
    away = _over_leads(beat.samples_mv - level)
    first = rough - round(0.048 * rate_hz)
    last = min(rough + round(0.040 * rate_hz), beat.centre)
    inside = np.flatnonzero(away[first : last + 1] <= _LEAVES_LEVEL_MV)
    place = first + int(inside[-1]) if inside.size else first
    rise = float(away[place + 1] - away[place])
    part = float(np.clip((_LEAVES_LEVEL_MV - away[place]) / rise, 0, 1)) if rise > 0 else 0.0
    return (place + part) / rate_hz, max(rise, 1e-3) * rate_hz


def _t_end(beat: MedianBeat, onset: Boundary, end: Boundary, rr_s: float) -> Boundary:
    rate_hz, samples_mv = beat.sampling_rate_hz, beat.samples_mv
    first = round(onset.at_s * rate_hz)
    start = round((end.at_s + 0.05) * rate_hz)
    stop = first + round(min(_T_SEARCH_S, _T_SEARCH_SHARE * rr_s + 0.06) * rate_hz)
    level = np.median(samples_mv[:, max(0, first - 6) : first + 1], axis=1, keepdims=True)
    size = _over_leads(_smooth(samples_mv - level, 0.03, rate_hz)[:, start:stop])
    if size.size < round(0.08 * rate_hz):
        return Boundary(np.nan)
    slope = np.gradient(size)
    peak = int(size[: -round(0.02 * rate_hz)].argmax())
    steepest = peak + int(slope[peak : peak + round(0.22 * rate_hz)].argmin())
    if slope[steepest] >= 0:
        return Boundary(np.nan)
    floor = float(size[steepest : steepest + round(0.14 * rate_hz)].min())
    tangent = start + steepest + (size[steepest] - floor) / -slope[steepest]
    at_s = tangent / rate_hz + _T_MARGIN_S
    return Boundary(at_s, float(-slope[steepest]) * rate_hz, tangent >= stop - 1)


def _p_wave(
    beat: MedianBeat, onset: Boundary, t_end: Boundary, rr_s: float
) -> tuple[Boundary, Boundary, float, int]:
    """Onset, end, height in mV, and the sample at which the search began."""
    rate_hz = beat.sampling_rate_hz
    stop = round(onset.at_s * rate_hz)
    qt_s = t_end.at_s - onset.at_s if np.isfinite(t_end.at_s) else 0.5 * rr_s
    reach_s = min(_P_SEARCH_S, rr_s - qt_s + 0.02, stop / rate_hz - 0.02)
    start = stop - round(max(reach_s, 0.0) * rate_hz)
    if reach_s < _P_SMALLEST_S:
        return Boundary(np.nan), Boundary(np.nan), 0.0, start
    stretch_mv = _smooth(beat.samples_mv, 0.02, rate_hz)[:, start : stop + 1]
    found = _hump(_above_line(stretch_mv), rate_hz)
    climb_mv = stretch_mv[:, -3:].mean(axis=1) - stretch_mv[:, :3].mean(axis=1)
    runs_in = np.sqrt(np.square(climb_mv).mean()) > _P_RUNS_IN * found.height_mv
    if runs_in or not found.plausible:
        # A P wave that runs into the QRS complex lies under the line: its level is the usual one.
        last = max(0, stretch_mv.shape[1] - round(_P_LATE_S * rate_hz))
        late_mv = stretch_mv[:, last:]
        late = _hump(late_mv - np.median(late_mv, axis=1, keepdims=True), rate_hz)
        reaches = late.end >= late_mv.shape[1] - 1 - _P_REACHES_S * rate_hz
        if reaches and (not found.plausible or late.height_mv > _P_HIGHER * found.height_mv):
            start, found = start + last, late
    p_onset = (start + found.begin) / rate_hz - _P_MARGIN_S
    return (
        Boundary(p_onset, found.rise * rate_hz, not found.plausible),
        Boundary((start + found.end) / rate_hz, found.fall * rate_hz),
        found.height_mv,
        start,
    )


@dataclass(frozen=True, slots=True)
class _Hump:
    """What stands out highest of a stretch: samples from its beginning, slopes in mV a sample."""

    begin: float
    end: float
    rise: float
    fall: float
    height_mv: float
    plausible: bool


def _hump(stretch_mv: _Array, rate_hz: float) -> _Hump:
    size = _over_leads(stretch_mv)
    peak = int(size.argmax())
    before, after = size[max(0, peak - round(0.13 * rate_hz)) : peak + 1], size[peak:]
    first, rise = _crossing(before[::-1], _P_LEVEL, round(0.02 * rate_hz))
    last, fall = _crossing(after, _P_END_LEVEL, 1)
    begin, end = peak - first, peak + last
    inside = begin >= 0.012 * rate_hz
    plausible = inside and _P_SHORTEST_S <= (end - begin) / rate_hz <= _P_LONGEST_S
    return _Hump(begin, end, rise, fall, float(size[peak]), plausible)


def _above_line(stretch_mv: _Array) -> _Array:
    """What is left of each lead over a line from its beginning to its end."""
    along = np.linspace(0, 1, stretch_mv.shape[1])
    first = stretch_mv[:, :3].mean(axis=1, keepdims=True)
    last = stretch_mv[:, -3:].mean(axis=1, keepdims=True)
    above: _Array = stretch_mv - first * (1 - along) - last * along
    return above


def _crossing(falling: _Array, level: float, lasting: int) -> tuple[float, float]:
    """Where a wave that is followed from its peak has fallen, for good, and how fast there.

    Args:
        falling: From the peak on, shape (sample,).
        level: Share of its height over the lowest fifth.
        lasting: For how many samples it has to stay below.

    Returns:
        Samples from the peak, and millivolts a sample.
    """
    floor = float(np.sort(falling)[: max(2, len(falling) // 5)].mean())
    limit = floor + level * (falling[0] - floor)
    stays = ndimage.minimum_filter1d(
        (falling < limit).astype(np.int8), lasting, origin=-((lasting - 1) // 2), mode="nearest"
    )
    below = np.flatnonzero(stays)
    place = int(below[0]) if below.size else len(falling) - 1
    if place == 0:
        return 0.0, 1e-6
    fall = float(falling[place - 1] - falling[place])
    part = float(np.clip((falling[place - 1] - limit) / fall, 0, 1)) if fall > 0 else 0.0
    return place - 1 + part, max(fall, 1e-6)


def _consistency(beat: MedianBeat, start: int, stop: int) -> float:
    """Mean correlation of each beat with the mean of the others, in the stretch given."""
    if stop - start < _P_SMALLEST_S * beat.sampling_rate_hz or len(beat.beats_mv) < 2:
        return 0.0
    stretches = np.stack([_above_line(one[:, start:stop]) for one in beat.beats_mv])
    stretches = stretches.reshape(len(stretches), -1)
    others = stretches.sum(axis=0) - stretches
    norms = np.linalg.norm(stretches, axis=1) * np.linalg.norm(others, axis=1)
    return float(((stretches * others).sum(axis=1) / np.maximum(norms, 1e-12)).mean())
