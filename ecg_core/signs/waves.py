"""Intervals, amplitudes and deflections of the median beat.

Definitions follow the AHA/ACC/HRS recommendations (2007, 2009) as far as 100 samples a second let
them: times are read to some 5 ms by interpolation, and are what a network can be asked to see, not
what a cardiologist would sign.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ecg_core.signs.beats import BEFORE_S, Beats

_UPSAMPLING = 4
_ONSET_LEVEL = 0.12  # of the QRS complex' steepest slope
_J_POINT_DELAY_S = 0.06
_P_SEARCH_S = (0.30, 0.03)  # before the QRS onset
_T_SEARCH_S = (0.08, 0.36)  # after the QRS end


@dataclass(frozen=True, eq=False, slots=True)
class Waves:
    """Measurements of one median beat; per lead in the order of the window's leads.

    Attributes:
        qrs_s: QRS duration.
        pr_s: From the P wave's onset to the QRS onset; NaN without a P wave.
        qt_s: From the QRS onset to the end of the T wave; NaN where none is found.
        p_s: Duration of the P wave; NaN without one.
        p_mv: Highest deflection of the P wave, shape (lead,), signed.
        p_terminal_mv: Most negative deflection in the P wave's second half, shape (lead,).
        p_prominence: The P wave's height over what else lies in the search window, all leads.
        q_mv: Depth of the initial negative deflection, shape (lead,), 0 without one.
        q_s: Its duration, shape (lead,).
        r_mv: Highest positive deflection of the QRS complex, shape (lead,).
        s_mv: Depth of the deepest negative deflection after the R wave, or of the whole complex
            where there is no R wave, shape (lead,).
        s_s: How long the last negative deflection lasts, shape (lead,).
        r_prime_mv: Height of a second R wave, shape (lead,), 0 without one.
        notches: Changes of direction inside the QRS complex beyond the usual, shape (lead,).
        net_mv: Mean of the QRS complex, shape (lead,).
        st_mv: Level 60 ms after the QRS end, shape (lead,).
        st_slope_mv: How much higher ST lies 40 ms later, shape (lead,).
        t_mv: The T wave's largest deflection, shape (lead,), signed.
    """

    qrs_s: float
    pr_s: float
    qt_s: float
    p_s: float
    p_prominence: float
    p_mv: NDArray[np.float64]
    p_terminal_mv: NDArray[np.float64]
    q_mv: NDArray[np.float64]
    q_s: NDArray[np.float64]
    r_mv: NDArray[np.float64]
    s_mv: NDArray[np.float64]
    s_s: NDArray[np.float64]
    r_prime_mv: NDArray[np.float64]
    notches: NDArray[np.float64]
    net_mv: NDArray[np.float64]
    st_mv: NDArray[np.float64]
    st_slope_mv: NDArray[np.float64]
    t_mv: NDArray[np.float64]


def measure_waves(beats: Beats) -> Waves:
    """Measure the median beat."""
    rate_hz = beats.sampling_rate_hz * _UPSAMPLING
    beat_mv = ndimage.zoom(beats.median_mv, (1, _UPSAMPLING), order=3, grid_mode=False)
    # zoom keeps both ends: the spacing is not exactly a quarter of a sample.
    rate_hz *= (beat_mv.shape[1] - 1) / (_UPSAMPLING * (beats.median_mv.shape[1] - 1))
    onset, end = _qrs_bounds(beat_mv, rate_hz)
    beat_mv = beat_mv - _baseline(beat_mv, onset, rate_hz)
    p_s, pr_s, prominence, p_mv, p_terminal_mv = _p_wave(beat_mv, onset, rate_hz)
    j_plus = min(end + round(_J_POINT_DELAY_S * rate_hz), beat_mv.shape[1] - 1)
    later = min(j_plus + round(0.04 * rate_hz), beat_mv.shape[1] - 1)
    t_mv, qt_s = _t_wave(beat_mv, onset, end, rate_hz)
    return Waves(
        qrs_s=(end - onset) / rate_hz,
        pr_s=pr_s,
        qt_s=qt_s,
        p_s=p_s,
        p_prominence=prominence,
        p_mv=p_mv,
        p_terminal_mv=p_terminal_mv,
        st_mv=beat_mv[:, j_plus],
        st_slope_mv=beat_mv[:, later] - beat_mv[:, j_plus],
        t_mv=t_mv,
        **_deflections(beat_mv[:, onset : end + 1], rate_hz),
    )


def _qrs_bounds(beat_mv: NDArray[np.float64], rate_hz: float) -> tuple[int, int]:
    """Onset and end of the QRS complex over all leads: where the slopes rise and have fallen."""
    slopes = np.sqrt(np.square(np.gradient(beat_mv, axis=1)).mean(axis=0))
    slopes = ndimage.uniform_filter1d(slopes, max(1, round(0.012 * rate_hz)))
    middle = round(BEFORE_S * rate_hz)
    low, high = middle - round(0.12 * rate_hz), middle + round(0.16 * rate_hz)
    level = _ONSET_LEVEL * slopes[low:high].max()
    quiet = slopes < level
    before = np.flatnonzero(quiet[low:middle])
    # A short quiet moment inside a notched complex is not its end: 20 ms of quiet are.
    lasting = ndimage.minimum_filter1d(quiet.astype(np.int8), max(1, round(0.02 * rate_hz)))
    after = np.flatnonzero(lasting[middle:high])
    onset = low + int(before[-1]) if before.size else low
    end = middle + int(after[0]) if after.size else high
    return onset, max(end - round(0.01 * rate_hz), onset + 2)


def _baseline(beat_mv: NDArray[np.float64], onset: int, rate_hz: float) -> NDArray[np.float64]:
    """The level just before the QRS complex, shape (lead, 1)."""
    start = max(0, onset - round(0.03 * rate_hz))
    level: NDArray[np.float64] = np.median(beat_mv[:, start : onset + 1], axis=1, keepdims=True)
    return level


def _p_wave(
    beat_mv: NDArray[np.float64], onset: int, rate_hz: float
) -> tuple[float, float, float, NDArray[np.float64], NDArray[np.float64]]:
    start = max(0, onset - round(_P_SEARCH_S[0] * rate_hz))
    stop = max(start + 3, onset - round(_P_SEARCH_S[1] * rate_hz))
    part = beat_mv[:, start:stop]
    level = np.median(part, axis=1, keepdims=True)
    height = np.sqrt(np.square(part - level).mean(axis=0))
    peak = int(height.argmax())
    prominence = float(height[peak] / max(float(np.median(height)), 1e-3))
    around = slice(max(0, peak - round(0.06 * rate_hz)), peak + round(0.06 * rate_hz))
    shape = part[:, around] - level
    columns = np.abs(shape).argmax(axis=1)
    p_mv = shape[np.arange(len(shape)), columns]
    terminal_mv = np.minimum((part[:, peak:] - level).min(axis=1), 0.0)
    above = height > 0.35 * height[peak]
    left = peak - int(np.argmin(above[peak::-1])) if not above[: peak + 1].all() else 0
    right = peak + int(np.argmin(above[peak:])) if not above[peak:].all() else len(above) - 1
    duration_s = (right - left) / rate_hz
    return duration_s, (onset - start - left) / rate_hz, prominence, p_mv, terminal_mv


def _t_wave(
    beat_mv: NDArray[np.float64], onset: int, end: int, rate_hz: float
) -> tuple[NDArray[np.float64], float]:
    start = min(end + round(_T_SEARCH_S[0] * rate_hz), beat_mv.shape[1] - 3)
    part = beat_mv[:, start : end + round(_T_SEARCH_S[1] * rate_hz)]
    columns = np.abs(part).argmax(axis=1)
    t_mv = part[np.arange(len(part)), columns]
    height = np.sqrt(np.square(part).mean(axis=0))
    peak = int(height.argmax())
    slope = np.gradient(ndimage.uniform_filter1d(height, max(1, round(0.02 * rate_hz))))
    falling = slope[peak:]
    if falling.size < 3 or falling.min() >= 0:
        return t_mv, float("nan")
    steepest = peak + int(falling.argmin())
    floor = float(height[peak:].min())
    tangent = steepest + (height[steepest] - floor) / -slope[steepest]
    return t_mv, float((start + tangent - onset) / rate_hz)


def _deflections(qrs_mv: NDArray[np.float64], rate_hz: float) -> dict[str, NDArray[np.float64]]:
    """Q, R, S, R' and notches of each lead's QRS complex, shape (lead, sample)."""
    names = ("q_mv", "q_s", "r_mv", "s_mv", "s_s", "r_prime_mv", "notches", "net_mv")
    rows = np.array([_lead_deflections(lead_mv, rate_hz) for lead_mv in qrs_mv])
    return dict(zip(names, rows.T, strict=True))


def _lead_deflections(lead_mv: NDArray[np.float64], rate_hz: float) -> tuple[float, ...]:
    small = 0.02
    top = int(lead_mv.argmax())
    r_mv = max(float(lead_mv[top]), 0.0)
    if r_mv < 2 * small:  # QS
        negative = lead_mv < -small
        depth = max(float(-lead_mv.min()), 0.0)
        duration = float(negative.sum()) / rate_hz
        return depth, duration, r_mv, depth, duration, 0.0, _notches(lead_mv), float(lead_mv.mean())
    before, after = lead_mv[: top + 1], lead_mv[top:]
    first_up = int(np.argmax(before > small))
    initial = before[:first_up]
    q_mv = max(float(-initial.min()), 0.0) if initial.size else 0.0
    q_s = float((initial < -small).sum()) / rate_hz
    s_mv = max(float(-after.min()), 0.0)
    s_s = float((after < -small).sum()) / rate_hz
    return (
        q_mv, q_s, r_mv, s_mv, s_s, _second_r(lead_mv), _notches(lead_mv), float(lead_mv.mean()),
    )  # fmt: skip


def _second_r(lead_mv: NDArray[np.float64]) -> float:
    """Height of the lower of two R waves with an S wave between them; 0 where there is one."""
    rises = np.flatnonzero(
        (lead_mv[1:-1] > lead_mv[:-2]) & (lead_mv[1:-1] >= lead_mv[2:]) & (lead_mv[1:-1] > 0.05)
    )
    if rises.size < 2:
        return 0.0
    first, last = int(rises[0]) + 1, int(rises[-1]) + 1
    valley = float(lead_mv[first : last + 1].min())
    lower = float(min(lead_mv[first], lead_mv[last]))
    return lower if lower - valley > 0.05 else 0.0


def _notches(lead_mv: NDArray[np.float64]) -> float:
    """Changes of direction of more than a twentieth of the complex' height."""
    height = float(np.ptp(lead_mv))
    kept = [float(lead_mv[0])]
    for value in lead_mv[1:].tolist():
        if len(kept) > 1 and (value - kept[-1]) * (kept[-1] - kept[-2]) > 0:
            kept[-1] = value
        elif abs(value - kept[-1]) > 0.05 * height:
            kept.append(value)
    return float(max(len(kept) - 2, 0))
