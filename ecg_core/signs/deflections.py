"""How high the waves of a delineated median beat are, in each lead."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from ecg_core.signs.delineation import Delineation
from ecg_core.signs.median_beat import MedianBeat

_Array = NDArray[np.float64]

J_POINT_DELAY_S = 0.06
_SMALL_MV = 0.02  # less is no deflection
_R_MV = 0.04  # a lower positive peak between negative deflections is no R wave
_LEVEL_S = 0.024  # before the QRS onset: what heights are measured from
_T_START_S, _T_STOP_S = 0.08, 0.36  # after the QRS end; the latter where no end of T is found
_P_OUTLAST_S = 0.02  # in V1 the P wave's terminal part ends after the median lead's P wave


@dataclass(frozen=True, eq=False, slots=True)
class Deflections:
    """Heights in millivolts over the level before the QRS complex; all of shape (lead,).

    Attributes:
        q_mv: Depth of the initial negative deflection, 0 without one; of the whole complex where
            there is no R wave (QS).
        q_s: Its duration.
        r_mv: Height of the highest positive deflection of the QRS complex; 0 in a QS complex.
        s_mv: Depth of the deepest deflection after the first R wave, 0 without one; of the whole
            complex where there is no R wave (QS).
        s_s: How long the complex is negative after its first R wave.
        r_prime_mv: Height of the lower of two R waves with an S wave between them, 0 where there
            is one.
        notches: Changes of direction inside the QRS complex of more than a twentieth of its height.
        net_mv: Mean of the QRS complex.
        st_mv: Level `J_POINT_DELAY_S` after the QRS end.
        t_mv: The T wave's largest deflection, signed.
        t_net_mv: Mean from 80 ms after the QRS end to the end of the T wave.
        p_mv: The largest deflection before the QRS complex over a line under it, signed; where
            `Delineation` says that it is a P wave, its height.
        p_net_mv: Its mean.
        p_terminal_mv: The lowest point of its second half, 0 where it is not negative.
    """

    q_mv: _Array
    q_s: _Array
    r_mv: _Array
    s_mv: _Array
    s_s: _Array
    r_prime_mv: _Array
    notches: _Array
    net_mv: _Array
    st_mv: _Array
    t_mv: _Array
    t_net_mv: _Array
    p_mv: _Array
    p_net_mv: _Array
    p_terminal_mv: _Array


def measure_deflections(beat: MedianBeat, bounds: Delineation) -> Deflections:
    """Measure a delineated median beat."""
    rate_hz = beat.sampling_rate_hz
    onset, end = (round(at.at_s * rate_hz) for at in (bounds.qrs_onset, bounds.qrs_end))
    before = slice(max(0, onset - round(_LEVEL_S * rate_hz)), onset + 1)
    samples_mv = beat.samples_mv - np.median(beat.samples_mv[:, before], axis=1, keepdims=True)
    j_plus = min(end + round(J_POINT_DELAY_S * rate_hz), samples_mv.shape[1] - 1)
    t_mv, t_net_mv = _t_wave(samples_mv, end, bounds, rate_hz)
    p_mv, p_net_mv, p_terminal_mv = _p_wave(samples_mv, bounds, rate_hz)
    qrs_mv = samples_mv[:, onset : end + 1]
    rows = np.array([_complex(lead_mv, rate_hz) for lead_mv in qrs_mv])
    q_mv, q_s, r_mv, s_mv, s_s, r_prime_mv = rows.T
    return Deflections(
        q_mv, q_s, r_mv, s_mv, s_s, r_prime_mv,
        notches=np.array([_notches(lead_mv) for lead_mv in qrs_mv]),
        net_mv=qrs_mv.mean(axis=1),
        st_mv=samples_mv[:, j_plus],
        t_mv=t_mv, t_net_mv=t_net_mv, p_mv=p_mv, p_net_mv=p_net_mv, p_terminal_mv=p_terminal_mv,
    )  # fmt: skip


def _t_wave(
    samples_mv: _Array, end: int, bounds: Delineation, rate_hz: float
) -> tuple[_Array, _Array]:
    start = min(end + round(_T_START_S * rate_hz), samples_mv.shape[1] - 3)
    found = bounds.t_end.at_s if np.isfinite(bounds.t_end.at_s) else end / rate_hz + _T_STOP_S
    part = samples_mv[:, start : max(round(found * rate_hz), start + 2)]
    return _farthest(part), part.mean(axis=1)


def _p_wave(
    samples_mv: _Array, bounds: Delineation, rate_hz: float
) -> tuple[_Array, _Array, _Array]:
    first, last = bounds.p_onset.at_s, bounds.p_end.at_s
    if not np.isfinite(first + last):
        none = np.zeros(len(samples_mv))
        return none, none, none
    start = max(0, round(first * rate_hz))
    stop = max(round(last * rate_hz), start + 2)
    outlast = min(stop + round(_P_OUTLAST_S * rate_hz), round(bounds.qrs_onset.at_s * rate_hz))
    second_half = samples_mv[:, (start + stop) // 2 : max(outlast, stop) + 1]
    part = samples_mv[:, start : stop + 1]
    along = np.linspace(0, 1, part.shape[1])
    part = part - part[:, :1] * (1 - along) - part[:, -1:] * along
    return _farthest(part), part.mean(axis=1), np.minimum(second_half.min(axis=1), 0.0)


def _farthest(part: _Array) -> _Array:
    values: _Array = part[np.arange(len(part)), np.abs(part).argmax(axis=1)]
    return values


def _complex(lead_mv: _Array, rate_hz: float) -> tuple[float, ...]:
    """Q depth and duration, R, S depth and duration, R' of one lead's QRS complex."""
    tops, depth = _r_waves(lead_mv), max(float(-lead_mv.min()), 0.0)
    if not tops:
        if depth < _SMALL_MV:
            return 0.0, 0.0, max(float(lead_mv.max()), 0.0), 0.0, 0.0, 0.0
        negative_s = float((lead_mv < -_SMALL_MV).sum()) / rate_hz
        return depth, negative_s, 0.0, depth, negative_s, 0.0
    initial, later = lead_mv[: tops[0]], lead_mv[tops[0] :]
    return (
        _depth(initial), float((initial < -_SMALL_MV).sum()) / rate_hz,
        float(lead_mv[tops].max()),
        _depth(later), float((later < -_SMALL_MV).sum()) / rate_hz,
        _second(lead_mv, tops),
    )  # fmt: skip


def _r_waves(lead_mv: _Array) -> list[int]:
    """Peaks of the R waves.

    A peak has to fall on both sides: a complex that is negative until it rises into an elevated ST
    segment is a QS complex, not a qR. One that is positive throughout may end before it falls.
    """
    found, _ = signal.find_peaks(lead_mv, height=_R_MV, prominence=_R_MV)
    tops: list[int] = found.tolist()
    if not tops and lead_mv.max() >= max(_R_MV, -lead_mv.min()):
        tops = [int(lead_mv.argmax())]
    return tops


def _depth(part: _Array) -> float:
    return max(float(-part.min()), 0.0) if part.size else 0.0


def _second(lead_mv: _Array, tops: list[int]) -> float:
    if len(tops) < 2:
        return 0.0
    first, last = tops[0], tops[-1]
    lower = float(min(lead_mv[first], lead_mv[last]))
    return lower if lower - float(lead_mv[first:last].min()) > 0.05 else 0.0


def _notches(lead_mv: _Array) -> float:
    """Changes of direction of more than a twentieth of the complex' height."""
    height = float(np.ptp(lead_mv))
    kept = [float(lead_mv[0])]
    for value in lead_mv[1:].tolist():
        if len(kept) > 1 and (value - kept[-1]) * (kept[-1] - kept[-2]) > 0:
            kept[-1] = value
        elif abs(value - kept[-1]) > 0.05 * height:
            kept.append(value)
    return float(max(len(kept) - 2, 0))
