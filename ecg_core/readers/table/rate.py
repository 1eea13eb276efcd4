"""The sampling rate of a table: from its time column, or as the request states it."""

from collections.abc import Sequence
from math import isclose, isfinite

from ecg_core.errors import Fault, FaultCode
from ecg_core.plausibility import excess_faults, rate_faults
from ecg_core.readers.base import ReadLimits, StatedFacts
from ecg_core.readers.table.cells import Table
from ecg_core.readers.table.columns import Column
from ecg_core.readers.table.times import fits_rate, rows_per_unit, same_rate

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
    times = _times(table, columns)
    if len(times) > 1:
        faults.append(Fault(FaultCode.MALFORMED_TABLE, "the table has several time columns"))
        return None
    if not times:
        if stated.sampling_rate_hz is None:
            detail = "the table has no time column: state sampling_rate_hz"
            faults.append(Fault(FaultCode.MISSING_SAMPLING_RATE, detail, field=field))
        return stated.sampling_rate_hz
    return _rate_of_times(table, times[0], columns[times[0]], stated, faults)


def _times(table: Table, columns: Sequence[Column]) -> list[int]:
    """The columns of times; else another one whose name has a unit of time, and that rises so."""
    named = [number for number, column in enumerate(columns) if column.kind == "time"]
    others = (
        number
        for number, column in enumerate(columns)
        if column.seconds_per_unit and rows_per_unit(table.values[:, number])
    )
    return named or list(others)


def _rate_of_times(
    table: Table, number: int, column: Column, stated: StatedFacts, faults: list[Fault]
) -> float | None:
    times, field = table.values[:, number], "sampling_rate_hz"
    named = column.seconds_per_unit
    units = (1.0, 1e-3) if named is None else (named,)
    stated_hz = stated.sampling_rate_hz
    per_unit_hz = rows_per_unit(times)
    if per_unit_hz is None:
        if stated_hz and any(fits_rate(times * seconds, stated_hz) for seconds in units):
            return stated_hz
        detail = "the time column does not rise evenly: rows are missing, or times are rounded"
        faults.append(Fault(FaultCode.MALFORMED_TABLE, detail))
        return None
    if named is None and stated_hz is None:
        detail = "the time column does not name its unit (s or ms): name it or state the rate"
        faults.append(Fault(FaultCode.MISSING_SAMPLING_RATE, detail, field=field))
        return None
    for rate_hz in (per_unit_hz / seconds for seconds in units):
        if stated_hz is None or same_rate(rate_hz, stated_hz):
            return _whole(rate_hz)
    detail = "the stated rate and the time column differ by more than 1 %"
    faults.append(Fault(FaultCode.CONTRADICTS_FILE, detail, field=field))
    return None


def _whole(rate_hz: float) -> float:
    whole = float(round(rate_hz)) if isfinite(rate_hz) else rate_hz
    return whole if isclose(rate_hz, whole, rel_tol=_WHOLE_RATE_TOLERANCE) else rate_hz


def check_rate(
    rate_hz: float | None, samples: int, limits: ReadLimits, faults: list[Fault]
) -> None:
    """Add a fault where the rate, or the length that follows from it, is beyond the limits."""
    if rate_hz is None:
        return
    low_hz, high_hz = limits.min_sampling_rate_hz, limits.max_sampling_rate_hz
    faults += rate_faults(rate_hz, low_hz, high_hz, field="sampling_rate_hz") or excess_faults(
        samples, rate_hz, limits.max_duration_s
    )
