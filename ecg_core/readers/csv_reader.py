"""Reader of delimited text: CSV, TSV, with a header or with what the request states instead."""

from collections.abc import Sequence
from math import isclose, isfinite
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import Fault, FaultCode, InputError, UnreadableRecording, UnusableRecording
from ecg_core.leads import standard_lead_name
from ecg_core.readers.base import ReadLimits, StatedFacts, UploadedFile
from ecg_core.readers.csv_columns import Column, understand
from ecg_core.readers.csv_rate import check_rate, sampling_rate
from ecg_core.readers.csv_table import Table, parse_table
from ecg_core.recording import Recording

_UNREADABLE = frozenset({FaultCode.MALFORMED_TABLE, FaultCode.DUPLICATE_LEAD})


class CsvReader:
    """Reads a table of one lead a column, or one lead a line.

    Nothing is guessed: what the file does not say (lead names, units, sampling rate) the request
    must state, and where both say it they must agree.
    """

    suffixes: ClassVar[frozenset[str]] = frozenset({".csv", ".txt", ".tsv"})

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
        check_rate(rate_hz, len(table.values), limits, faults)
        lead_columns = [column for column in columns if column.kind == "lead"]
        _check_leads(lead_columns, stated, faults)
        scales = [_units_per_mv(column, stated) for column in lead_columns]
        _check_units(lead_columns, stated, faults)
        if rate_hz is None or faults:
            raise _refusal(faults)
        rows = [number for number, column in enumerate(columns) if column.kind == "lead"]
        return Recording(
            _millivolts(table.values, rows, scales),
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
        columns = understand(table.names)
        if any(column.kind == "lead" for column in columns):
            return columns
        if stated.lead_order is None:
            detail = "no column is named after a lead: name them, or state lead_order"
            faults.append(Fault(FaultCode.UNKNOWN_LEAD, detail, field="lead_order"))
            return columns
        return _name_others(columns, stated.lead_order, faults)
    if table.hint is not None and len(table.hint) == count:
        columns = understand(table.hint)
        if all(column.kind != "other" for column in columns) and _has_lead(columns):
            return columns
    return _unnamed_columns(table.values, stated, faults)


def _has_lead(columns: Sequence[Column]) -> bool:
    return any(column.kind == "lead" for column in columns)


def _unnamed_columns(
    values: NDArray[np.float64], stated: StatedFacts, faults: list[Fault]
) -> tuple[Column, ...]:
    if stated.lead_order is None:
        detail = "the table has no header: state lead_order, or add one"
        faults.append(Fault(FaultCode.UNKNOWN_LEAD, detail, field="lead_order"))
        return ()
    columns = [Column("other")] * values.shape[1]
    if _counts_up(values[:, 0]):
        columns[0] = Column("counter")
    return _name_others(columns, stated.lead_order, faults)


def _counts_up(values: NDArray[np.float64]) -> bool:
    with np.errstate(all="ignore"):
        return len(values) > 1 and bool((np.diff(values) == 1.0).all())


def _name_others(
    columns: Sequence[Column], lead_order: Sequence[str], faults: list[Fault]
) -> tuple[Column, ...]:
    """Columns not understood yet, named in the stated order."""
    unnamed = [number for number, column in enumerate(columns) if column.kind == "other"]
    if len(unnamed) != len(lead_order):
        detail = f"lead_order names {len(lead_order)} leads, the table has {len(unnamed)}"
        faults.append(Fault(FaultCode.INVALID_PARAMETER, detail, field="lead_order"))
        return ()
    named = list(columns)
    for number, name in zip(unnamed, lead_order, strict=True):
        lead = standard_lead_name(name)
        if lead is None:
            detail = "lead_order holds a name that is not one of the twelve leads"
            faults.append(Fault(FaultCode.UNKNOWN_LEAD, detail, field="lead_order"))
            return ()
        named[number] = Column("lead", lead=lead)
    return tuple(named)


def _check_leads(columns: Sequence[Column], stated: StatedFacts, faults: list[Fault]) -> None:
    leads = [column.lead for column in columns]
    for lead in dict.fromkeys(leads):
        if leads.count(lead) > 1:
            detail = f"lead {lead} occurs {leads.count(lead)} times"
            faults.append(Fault(FaultCode.DUPLICATE_LEAD, detail, lead=lead))
    if stated.lead_order is None or not leads:
        return
    if leads != [standard_lead_name(name) for name in stated.lead_order]:
        detail = "lead_order and the table's header name different leads"
        faults.append(Fault(FaultCode.INVALID_PARAMETER, detail, field="lead_order"))


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
        faults.append(Fault(FaultCode.INVALID_PARAMETER, detail, field="units"))


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
