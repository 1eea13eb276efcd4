"""Columns that count rows or tell the time without saying so: none of their rows may be lost."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import Fault, FaultCode
from ecg_core.readers.table.cells import Table
from ecg_core.readers.table.columns import Column
from ecg_core.readers.table.times import fits_rate

# Of so many rows, that all rise is no chance.
_FEW_ROWS = 10
# Counters of packets run over after a power of two.
_SHORTEST_WRAP = 128
_SECONDS_PER_UNIT = (1.0, 1e-3, 1e-6)


def counting_faults(table: Table, columns: Sequence[Column], rate_hz: float | None) -> list[Fault]:
    """What counters and columns of times that are not called so say against the table.

    Args:
        table: The numbers.
        columns: What its columns are.
        rate_hz: Of the recording; None where it is not known.
    """
    faults = []
    for number, column in enumerate(columns):
        values = table.values[:, number]
        if column.kind == "counter":
            faults += _counter_faults(values, rate_hz)
        elif column.kind in ("index", "other") and (
            rises(values) or (column.kind == "index" and (number == 0 or number in table.clocks))
        ):
            faults += _index_faults(values, rate_hz)
    return faults


def rises(values: NDArray[np.float64]) -> bool:
    """Whether these are so many, and each is larger than the one before: times or a count."""
    return len(values) >= _FEW_ROWS and bool((np.diff(values) > 0).all())


def counts_up(values: NDArray[np.float64]) -> bool:
    """Whether each is the one before and one."""
    with np.errstate(all="ignore"):
        return len(values) > 1 and bool((np.diff(values) == 1.0).all())


def _counter_faults(values: NDArray[np.float64], rate_hz: float | None) -> list[Fault]:
    """A counter of samples may count by twos or run over, but not jump."""
    with np.errstate(all="ignore"):
        steps = np.diff(values)
    if len(steps) and steps[0] >= 1 and steps[0] % 1 == 0 and (steps == steps[0]).all():
        return []
    return _index_faults(values, rate_hz)


def _index_faults(values: NDArray[np.float64], rate_hz: float | None) -> list[Fault]:
    if np.isnan(values).all() or len(values) < 2 or counts_up(values) or _runs_over(values):
        return []
    if rate_hz is None or any(fits_rate(values * unit, rate_hz) for unit in _SECONDS_PER_UNIT):
        return []
    with np.errstate(all="ignore"):
        steps = np.diff(values)
        is_even = steps[0] > 0 and np.allclose(steps, steps.mean(), rtol=0.5, atol=0.0)
    if is_even:
        detail = "a column that rises evenly, as times do, is of another rate than the one stated"
        return [Fault(FaultCode.CONTRADICTS_FILE, detail, field="sampling_rate_hz")]
    detail = "a column that counts the rows jumps: rows are missing, or of several recordings"
    return [Fault(FaultCode.MALFORMED_TABLE, detail)]


def _runs_over(values: NDArray[np.float64]) -> bool:
    lowest, highest = values.min(), values.max()
    period = highest - lowest + 1
    if not (np.isfinite(period) and _SHORTEST_WRAP <= period < 2**53):
        return False
    if period % 1 or int(period) & (int(period) - 1):
        return False
    wraps = (values[:-1] == highest) & (values[1:] == lowest)
    return bool((wraps | (np.diff(values) == 1.0)).all())
