"""Whether times are those of evenly sampled rows, as far as they are told."""

from math import isclose, isfinite

import numpy as np
from numpy.typing import NDArray

RATE_TOLERANCE = 0.01
_WHOLE = 1e-4
# So many rows and more share a time: they are packets, which have to be of one size.
_PACKET_ROWS = 1.5


def rows_per_unit(times: NDArray[np.float64]) -> float | None:
    """Rows in one unit of time; None where rows are missing, repeated or out of order."""
    if len(times) < 2 or not np.isfinite(times).all():
        return None
    with np.errstate(all="ignore"):
        interval = float((times[-1] - times[0]) / (len(times) - 1))
        # Times may be rounded, by less than half an interval; a lost row leaves a gap of two.
        steps = np.diff(times) / interval
        is_even = isfinite(interval) and interval > 0 and ((steps > 0.5) & (steps < 1.5)).all()
    return 1.0 / interval if is_even else None


def same_rate(rate_hz: float, stated_hz: float) -> bool:
    """Whether two rates are the same within a percent."""
    return isclose(rate_hz, stated_hz, rel_tol=RATE_TOLERANCE)


def fits_rate(times_s: NDArray[np.float64], rate_hz: float) -> bool:
    """Whether rows sampled at this rate have these times, exact, rounded or one a packet.

    Args:
        times_s: One a row, in seconds.
        rate_hz: Samples a second.
    """
    found_hz = rows_per_unit(times_s)
    if found_hz is not None:
        return same_rate(found_hz, rate_hz)
    if len(times_s) < 2 or not np.isfinite(times_s).all():
        return False
    with np.errstate(all="ignore"):
        steps_s = np.diff(times_s)
        rising_s = steps_s[steps_s > 0]
        if not rising_s.size or (steps_s < 0).any():
            return False
        resolution_s = float(rising_s.min())
        lag_s = times_s - np.arange(len(times_s)) / rate_hz
        noise_s = 4 * float(np.spacing(np.abs(times_s).max()))
        most_s = resolution_s * _rounding(resolution_s * rate_hz)
        if not np.ptp(lag_s) <= most_s + noise_s:
            return False
    return _are_packets(steps_s, resolution_s, rate_hz)


def _rounding(rows: float) -> float:
    """How far rounded times lie from even ones, in parts of their resolution of so many rows.

    Where these are whole, one row's less than the resolution: a lost row is one more.
    """
    return 1 - 0.5 / round(rows) if _is_whole(rows) else 1 + 1e-6


def _is_whole(rows: float) -> bool:
    return isfinite(rows) and round(rows) > 0 and isclose(rows, round(rows), rel_tol=_WHOLE)


def _are_packets(steps_s: NDArray[np.float64], resolution_s: float, rate_hz: float) -> bool:
    """Whether as many rows share each time as the rate demands; the first and last may be fewer."""
    expected = resolution_s * rate_hz
    if expected < _PACKET_ROWS:
        return True
    begin = np.flatnonzero(steps_s > 0)
    sizes = np.diff(begin)
    if _is_whole(expected):
        return bool((sizes == round(expected)).all())
    return bool((np.abs(sizes - expected) < 1).all())
