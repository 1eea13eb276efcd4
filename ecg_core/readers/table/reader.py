"""Reader of delimited text: CSV, TSV, with a header or with what the request states instead."""

from collections.abc import Callable, Sequence
from math import isclose, isfinite
from pathlib import PurePosixPath
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import Fault, FaultCode, InputError, UnreadableRecording, UnusableRecording
from ecg_core.leads import standard_lead_name
from ecg_core.plausibility import (
    FLAT_MV,
    LARGEST_LEAD_MV,
    LARGEST_SAMPLE_MV,
    duplicate_faults,
)
from ecg_core.readers.base import ReadLimits, StatedFacts, UploadedFile
from ecg_core.readers.table.cells import Table, looks_like_table, parse_table
from ecg_core.readers.table.columns import Column, understand
from ecg_core.readers.table.counting import counting_faults, counts_up, rises
from ecg_core.readers.table.rate import check_rate, sampling_rate
from ecg_core.readers.table.text import malformed
from ecg_core.recording import Recording

_UNREADABLE = frozenset({FaultCode.MALFORMED_TABLE, FaultCode.DUPLICATE_LEAD})


class TableReader:
    """Reads a table of one lead a column, or one lead a line.

    Nothing is guessed: what the file does not say (lead names, units, sampling rate) the request
    must state, and where both say it they must agree.
    """

    title: ClassVar[str] = "a table"
    suffixes: ClassVar[frozenset[str]] = frozenset({".csv", ".txt", ".tsv"})

    def recognises(self, first_bytes: bytes) -> bool:
        """Whether a line of numbers stands near the beginning."""
        return looks_like_table(first_bytes)

    def groups(
        self, paths: Sequence[PurePosixPath], beginning: Callable[[int], bytes]
    ) -> list[list[int]]:
        """None: every table is a recording by itself."""
        return []

    def read(
        self, files: Sequence[UploadedFile], stated: StatedFacts, limits: ReadLimits
    ) -> Recording:
        """Read one table. Empty cells and `nan` become NaN, which the quality check refuses.

        Raises:
            UnreadableRecording: The table is broken, ragged, not numeric, ambiguous or too large.
            UnusableRecording: It is sound, but lead names, units or rate are lacking or wrong.
        """
        if len(files) != 1:
            detail = "a recording as a table is one file"
            raise UnreadableRecording.of(FaultCode.SEVERAL_RECORDINGS, detail)
        table = parse_table(files[0].content, limits)
        faults: list[Fault] = []
        columns = _columns(table, stated, faults)
        rate_hz = sampling_rate(table, columns, stated, faults)
        faults += counting_faults(table, columns, rate_hz)
        check_rate(rate_hz, len(table.values), limits, faults)
        lead_columns = [column for column in columns if column.kind == "lead"]
        _check_leads(lead_columns, stated, faults)
        scales = [_units_per_mv(column, stated) for column in lead_columns]
        _check_units(lead_columns, stated, faults)
        if rate_hz is None or faults:
            raise _refusal(faults)
        rows = [number for number, column in enumerate(columns) if column.kind == "lead"]
        samples_mv = _millivolts(table.values, rows, scales)
        _check_marks(samples_mv[[row in table.marked for row in rows]], rate_hz)
        return Recording(
            samples_mv,
            tuple(column.lead for column in lead_columns if column.lead),
            rate_hz,
            "csv",
        )


def _refusal(faults: Sequence[Fault]) -> InputError:
    if any(fault.code in _UNREADABLE for fault in faults):
        return UnreadableRecording(faults)
    return UnusableRecording(faults)


def _columns(table: Table, stated: StatedFacts, faults: list[Fault]) -> tuple[Column, ...]:
    """What each column is; empty, with a fault, where that is not known."""
    count = table.values.shape[1]
    if table.names is not None:
        columns = _with_clocks(understand(table.names), table)
        if _has_lead(columns):
            return columns
        if stated.lead_order is None:
            detail = "no column is named after a lead: name them, or state lead_order"
            faults.append(Fault(FaultCode.UNKNOWN_LEAD, detail, field="lead_order"))
            return columns
        return _name_others(table.values, columns, stated.lead_order, faults)
    if table.hint is not None and len(table.hint) == count:
        columns = _with_clocks(understand(table.hint), table)
        if all(column.kind != "other" for column in columns) and _has_lead(columns):
            return columns
    return _unnamed_columns(table, stated, faults)


def _with_clocks(columns: Sequence[Column], table: Table) -> tuple[Column, ...]:
    """The columns, of which those hold times that are written as those of the clock.

    Beside other times, they only have to agree with the rate.

    Raises:
        UnreadableRecording: One is called a lead.
    """
    if any(columns[n].kind == "lead" for n in table.clocks):
        raise malformed("a lead's samples are times of the clock")
    others = [column for n, column in enumerate(columns) if n not in table.clocks]
    told = any(column.kind == "time" for column in others)
    with_clocks = list(columns)
    for n in table.clocks:
        with_clocks[n] = Column("index" if told else "time", seconds_per_unit=1.0)
        told = True
    return tuple(with_clocks)


def _has_lead(columns: Sequence[Column]) -> bool:
    return any(column.kind == "lead" for column in columns)


def _unnamed_columns(table: Table, stated: StatedFacts, faults: list[Fault]) -> tuple[Column, ...]:
    values = table.values
    if stated.lead_order is None:
        detail = "the table has no header: state lead_order, or add one"
        faults.append(Fault(FaultCode.UNKNOWN_LEAD, detail, field="lead_order"))
        return ()
    columns = [Column("other")] * values.shape[1]
    if counts_up(values[:, 0]):
        columns[0] = Column("counter")
    return _name_others(values, _with_clocks(columns, table), stated.lead_order, faults)


def _name_others(
    values: NDArray[np.float64],
    columns: Sequence[Column],
    lead_order: Sequence[str],
    faults: list[Fault],
) -> tuple[Column, ...]:
    """Columns not understood yet, named in the stated order.

    One in front of them that rises throughout is no lead: it counts, or holds times.
    """
    columns = list(columns)
    others = sum(column.kind == "other" for column in columns)
    if columns[0].kind == "other" and rises(values[:, 0]):
        if others <= len(lead_order):
            detail = "lead_order names a column that rises throughout, as times do"
            faults.append(Fault(FaultCode.CONTRADICTS_FILE, detail, field="lead_order"))
            return ()
        columns[0] = Column("index", seconds_per_unit=columns[0].seconds_per_unit)
    unnamed = [number for number, column in enumerate(columns) if column.kind == "other"]
    if len(unnamed) != len(lead_order):
        detail = f"lead_order names {len(lead_order)} leads, the table has {len(unnamed)}"
        faults.append(Fault(FaultCode.CONTRADICTS_FILE, detail, field="lead_order"))
        return ()
    named = list(columns)
    for number, name in zip(unnamed, lead_order, strict=True):
        lead = standard_lead_name(name)
        if lead is None:
            detail = "lead_order holds a name that is not one of the twelve leads"
            faults.append(Fault(FaultCode.UNKNOWN_LEAD, detail, field="lead_order"))
            return ()
        named[number] = Column("lead", lead, columns[number].units_per_mv)
    return tuple(named)


def _check_leads(columns: Sequence[Column], stated: StatedFacts, faults: list[Fault]) -> None:
    leads = [column.lead for column in columns]
    faults += duplicate_faults(lead for lead in leads if lead)
    if stated.lead_order is None or not leads:
        return
    if leads != [standard_lead_name(name) for name in stated.lead_order]:
        detail = "lead_order and the table's header name different leads"
        faults.append(Fault(FaultCode.CONTRADICTS_FILE, detail, field="lead_order"))


def _units_per_mv(column: Column, stated: StatedFacts) -> float:
    return column.units_per_mv or stated.units_per_mv or np.nan


def _check_units(columns: Sequence[Column], stated: StatedFacts, faults: list[Fault]) -> None:
    named = [column.units_per_mv for column in columns]
    units = stated.units_per_mv
    if units is None:
        if None in named or not named:
            detail = "the header does not say the units of every lead: state units"
            faults.append(Fault(FaultCode.UNKNOWN_UNITS, detail, field="units"))
    elif not (isfinite(units) and units > 0):
        detail = "units per millivolt must be a positive number"
        faults.append(Fault(FaultCode.IMPLAUSIBLE_GAIN, detail, field="units"))
    elif any(name is not None and not isclose(name, units) for name in named):
        detail = "the units stated differ from those in the table's header"
        faults.append(Fault(FaultCode.CONTRADICTS_FILE, detail, field="units"))


def _check_marks(marked_mv: NDArray[np.float32], rate_hz: float) -> None:
    """Refuse leads whose points may mark thousands, and which are an ECG's only if they do.

    Args:
        marked_mv: Their samples with the points as decimal marks, shape (lead, sample).
        rate_hz: Samples a second.

    Raises:
        UnreadableRecording: There is such a lead.
    """
    second = min(round(rate_hz), marked_mv.shape[1])
    count = marked_mv.shape[1] // second
    with np.errstate(all="ignore"):  # infinite ones are refused as such by the quality check
        thousandfold_mv = marked_mv * np.float32(1000.0)
        seconds_mv = thousandfold_mv[:, : count * second].reshape(-1, count, second)
        ranges_mv = np.ptp(seconds_mv, axis=2)
    typical_mv = np.median(ranges_mv, axis=1)
    is_ecg = (typical_mv > FLAT_MV) & (typical_mv <= LARGEST_LEAD_MV)
    is_ecg &= (np.abs(thousandfold_mv) <= LARGEST_SAMPLE_MV).all(axis=1)
    if is_ecg.any():
        detail = (
            "every number of a lead is like 1.234, and it is no ECG's unless the points mark "
            "thousands: write the numbers without such marks, or state the right units"
        )
        raise malformed(detail)


def _millivolts(
    values: NDArray[np.float64], rows: Sequence[int], units_per_mv: Sequence[float]
) -> NDArray[np.float32]:
    """Millivolts of the leads' columns, shape (lead, sample)."""
    samples_mv = np.empty((len(rows), len(values)), np.float32)
    # What float32 cannot hold becomes infinite, and is refused as such by the quality check.
    with np.errstate(over="ignore"):
        for samples, row, scale in zip(samples_mv, rows, units_per_mv, strict=True):
            samples[:] = values[:, row] / scale
    return samples_mv
