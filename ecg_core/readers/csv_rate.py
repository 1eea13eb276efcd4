"""The sampling rate of a table: from its time column, or as the request states it."""

from collections.abc import Sequence
from math import isclose, isfinite

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import Fault, FaultCode
from ecg_core.readers.base import ReadLimits, StatedFacts
from ecg_core.readers.csv_columns import Column
from ecg_core.readers.csv_table import Table

_RATE_TOLERANCE = 0.01
# Times rounded to milliseconds give 360.003 Hz for 360: a rate so near a whole number is that one.
_WHOLE_RATE_TOLERANCE = 5e-4


def sampling_rate(
    table: Table, columns: Sequence[Column], stated: StatedFacts, faults: list[Fault]
) -> float | None:
    """The rate of the time column, which must agree with a stated one; else the stated one.

    Args:
        table: The numbers.
        columns: What its columns are.
        stated: What the request says.
        faults: Where a fault is added if there is no rate.
    """
    field = "sampling_rate_hz"
    times = [number for number, column in enumerate(columns) if column.kind == "time"]
    if len(times) > 1:
        faults.append(Fault(FaultCode.MALFORMED_TABLE, "the table has several time columns"))
        return None
    if not times:
        if stated.sampling_rate_hz is None:
            detail = "the table has no time column: state sampling_rate_hz"
            faults.append(Fault(FaultCode.MISSING_SAMPLING_RATE, detail, field=field))
        return stated.sampling_rate_hz
    per_unit_hz = _rows_per_unit(table.values[:, times[0]])
    if per_unit_hz is None:
        detail = "the time column does not rise evenly"
        faults.append(Fault(FaultCode.MALFORMED_TABLE, detail))
        return None
    named = columns[times[0]].seconds_per_unit
    if named is None and stated.sampling_rate_hz is None:
        detail = "the time column does not name its unit (s or ms): name it or state the rate"
        faults.append(Fault(FaultCode.MISSING_SAMPLING_RATE, detail, field=field))
        return None
    rates_hz = [per_unit_hz / seconds for seconds in ((1.0, 1e-3) if named is None else (named,))]
    for rate_hz in rates_hz:
        if stated.sampling_rate_hz is None or _agree(rate_hz, stated.sampling_rate_hz):
            return _whole(rate_hz)
    detail = "the stated rate and the time column differ by more than 1 %"
    faults.append(Fault(FaultCode.INVALID_PARAMETER, detail, field=field))
    return None


def _rows_per_unit(times: NDArray[np.float64]) -> float | None:
    """Rows in one unit of time; None where rows are missing, repeated or out of order."""
    if len(times) < 2 or not np.isfinite(times).all():
        return None
    with np.errstate(all="ignore"):
        interval = float((times[-1] - times[0]) / (len(times) - 1))
        # Times may be rounded, by less than half an interval; a lost row leaves a gap of two.
        steps = np.diff(times) / interval
        is_even = isfinite(interval) and interval > 0 and ((steps > 0.5) & (steps < 1.5)).all()
    return 1.0 / interval if is_even else None


def _agree(rate_hz: float, stated_hz: float) -> bool:
    return isclose(rate_hz, stated_hz, rel_tol=_RATE_TOLERANCE)


def _whole(rate_hz: float) -> float:
    whole = float(round(rate_hz)) if isfinite(rate_hz) else rate_hz
    return whole if isclose(rate_hz, whole, rel_tol=_WHOLE_RATE_TOLERANCE) else rate_hz


def check_rate(
    rate_hz: float | None, samples: int, limits: ReadLimits, faults: list[Fault]
) -> None:
    """Add a fault where the rate, or the length that follows from it, is beyond the limits."""
    if rate_hz is None:
        return
    if not limits.min_sampling_rate_hz <= rate_hz <= limits.max_sampling_rate_hz:
        low, high = limits.min_sampling_rate_hz, limits.max_sampling_rate_hz
        detail = f"the sampling rate is not between {low:g} and {high:g} Hz"
        faults.append(Fault(FaultCode.IMPLAUSIBLE_SAMPLING_RATE, detail, field="sampling_rate_hz"))
    elif samples > limits.max_duration_s * rate_hz:
        detail = f"the recording is longer than {limits.max_duration_s:g} s"
        faults.append(Fault(FaultCode.TOO_LONG, detail))
