"""Bytes of a delimited text file to a table of numbers, bounded before any number is parsed.

Nothing here knows what the columns mean; `csv_columns` and `csv_reader` do. No message holds a
cell, a name or a comment of the file: those are patient data.
"""

import csv
import re
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import FaultCode, RecordingTooLarge, UnreadableRecording
from ecg_core.readers.base import ReadLimits
from ecg_core.readers.csv_text import decoded_text, malformed

_SEPARATORS = "\t;,"
_LONGEST_CELL = 64
# So many are parsed in about a second; real cells are longer than those of a file beyond it.
_MOST_CELLS = 8_000_000
_ROWS_AT_ONCE = 50_000
_MOST_HEAD_LINES = 1000
# Columns beside the leads: time and a counter.
_EXTRA_COLUMNS = 2
# Blank lines and comments; "#" alone in its cell heads a counter column instead.
_HEAD = re.compile(rf"(?>[ \t]*+\n|[ \t]*+#(?![,;\t])[^\n]*+(?:\n|\Z)){{0,{_MOST_HEAD_LINES}}}+")
# Possessive, so that a long line of digits cannot make it backtrack.
_NUMBER = r" *+[+-]?(?:(?:\d++(?:[.,]\d*+)?|[.,]\d++)(?:[eE][+-]?\d++)?|(?i:nan|inf(?:inity)?)) *+"
_IS_NUMBER = re.compile(_NUMBER)


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """A table of numbers.

    Attributes:
        values: Shape (row, column), float64; NaN for an empty cell.
        names: One a column, as the file gives them; None where it has no header.
        hint: Names from a comment right above a table without a header, as `numpy.savetxt` writes
            them; to be used only if each of them is understood.
    """

    values: NDArray[np.float64]
    names: tuple[str, ...] | None
    hint: tuple[str, ...] | None = None


def parse_table(content: bytes, limits: ReadLimits) -> Table:
    """Read a table with one lead a column, or one lead a line.

    Args:
        content: The whole file.
        limits: Bounds on its size, columns and rows.

    Raises:
        RecordingTooLarge: The file is larger than the limit.
        UnreadableRecording: It is not such a table, ragged, not numeric, or beyond the limits.
    """
    if len(content) > limits.max_file_bytes:
        detail = f"the file is larger than {limits.max_file_bytes} bytes"
        raise RecordingTooLarge.of(FaultCode.TOO_LONG, detail)
    text = decoded_text(content).rstrip("\n ")
    start = _HEAD.match(text).end()  # type: ignore[union-attr]  # it matches nothing at least
    comments, text = text[:start], text[start:]
    if not text:
        raise malformed("the file holds no table")
    separator = _separator(text)
    first_line = comments.count("\n") + 1
    head = _cells(text, separator, 0, limits.max_leads + _EXTRA_COLUMNS + 1)
    numeric = [_is_number(cell) for cell in head]
    if len(head) > 1 and not numeric[0] and all(numeric[1:]):
        return _leads_in_lines(text, separator, first_line, limits)
    return _leads_in_columns(text, separator, first_line, limits, head, comments)


def _separator(text: str) -> str:
    """The separator of the second line, where numbers are; of the only one, if there is one."""
    first, _, rest = text.partition("\n")
    second = rest.partition("\n")[0] or first
    return next((separator for separator in _SEPARATORS if separator in second), ",")


def _cells(text: str, separator: str, start: int, most: int) -> tuple[str, ...]:
    """The cells of the line that starts there, unquoted; at most so many, however long the line."""
    end = text.find("\n", start)
    line = text[start : len(text) if end < 0 else end]
    if '"' in line and len(line) <= most * _LONGEST_CELL:
        try:
            cells = next(csv.reader([line], delimiter=separator))
        except (csv.Error, StopIteration):
            raise malformed("the header's quotes are broken") from None
    else:
        cells = line.split(separator, most)
    return tuple(cell.strip().strip("'\"").strip() for cell in cells[:most])


def _is_number(cell: str) -> bool:
    return _IS_NUMBER.fullmatch(cell) is not None


def _is_word(cell: str) -> bool:
    return 0 < len(cell) <= _LONGEST_CELL and not _is_number(cell)


def _leads_in_columns(
    text: str,
    separator: str,
    first_line: int,
    limits: ReadLimits,
    head: tuple[str, ...],
    comments: str,
) -> Table:
    most = limits.max_leads + _EXTRA_COLUMNS
    if len(head) > most:
        raise malformed(f"the table has more than {most} columns")
    if any(len(cell) > _LONGEST_CELL for cell in head):
        raise malformed(f"a column's name has more than {_LONGEST_CELL} characters")
    if all(_is_number(cell) for cell in head):
        hint = _cells(comments.rstrip("\n").rpartition("\n")[2].lstrip("# \t"), separator, 0, most)
        return Table(_numbers(text, separator, len(head), first_line, limits), None, hint)
    names, body = head, text.partition("\n")[2]
    units = _cells(body, separator, 0, most)
    if len(units) == len(names) and all(_is_word(unit) for unit in units):
        # PhysioNet's tools write the units in a second line.
        names = tuple(f"{name} ({unit})" for name, unit in zip(names, units, strict=True))
        body, first_line = body.partition("\n")[2], first_line + 1
    return Table(_numbers(body, separator, len(head), first_line + 1, limits), names)


def _leads_in_lines(text: str, separator: str, first_line: int, limits: ReadLimits) -> Table:
    most = limits.max_leads + _EXTRA_COLUMNS
    if text.count("\n") >= most:
        raise malformed(f"the table has more than {most} lines of one lead each")
    lines = [line.partition(separator) for line in text.split("\n")]
    names = tuple(name.strip().strip("'\"").strip() for name, _, _ in lines)
    if any(_is_number(name) or len(name) > _LONGEST_CELL for name in names):
        raise malformed("some lines begin with a lead's name, others with a number")
    body = "\n".join(numbers for _, _, numbers in lines)
    samples = lines[0][2].count(separator) + 1
    values = _numbers(body, separator, samples, first_line, limits)
    return Table(np.ascontiguousarray(values.T), names)


def _numbers(
    body: str, separator: str, columns: int, first_line: int, limits: ReadLimits
) -> NDArray[np.float64]:
    """The numbers of a body without header, shape (row, column)."""
    body = _without_decimal_commas(_unquoted(body, separator), separator)
    if not body.strip():
        raise malformed("the table has no rows")
    rows = body.count("\n") + 1
    if max(rows, columns) > _most_rows(limits) or rows * columns > _MOST_CELLS:
        raise _too_long(limits)
    encoded = body.encode("ascii", "replace") + b"\n"
    ends = np.flatnonzero(np.frombuffer(encoded, np.uint8) == ord("\n")) + 1
    _check_line_lengths(ends, columns, first_line)
    values = np.empty((rows, columns))
    for row in range(0, rows, _ROWS_AT_ONCE):
        part = encoded[ends[row - 1] if row else 0 : ends[min(row + _ROWS_AT_ONCE, rows) - 1]]
        values[row : row + _ROWS_AT_ONCE] = _parsed(part, separator, columns, first_line + row)
    return values


def _parsed(encoded: bytes, separator: str, columns: int, first_line: int) -> NDArray[np.float64]:
    """The numbers of some whole lines, by numpy's parser in C."""
    encoded = _with_nan_for_empty_cells(encoded, separator.encode())
    lines = TextIOWrapper(BytesIO(encoded), "ascii")
    try:
        values = np.loadtxt(lines, delimiter=separator, comments=None, ndmin=2)
    except ValueError:
        values = np.empty((0, 0))
    if values.shape != (encoded.count(b"\n"), columns):
        raise _bad_line(encoded.decode("ascii"), separator, columns, first_line)
    return values


def _unquoted(body: str, separator: str) -> str:
    if '"' not in body:
        return body
    if re.search(rf'[^{separator}\n"]"[^{separator}\n]', body) or body.count('"') % 2:
        raise malformed("quotes stand inside cells")
    return body.replace('"', "")


def _without_decimal_commas(body: str, separator: str) -> str:
    if separator == "," or "," not in body:
        return body
    if "." in body:
        raise malformed("numbers hold both commas and points: write them without thousands marks")
    return body.replace(",", ".")


def _check_line_lengths(ends: NDArray[np.intp], columns: int, first_line: int) -> None:
    """No cell so long that parsing it as a number would take long."""
    lengths = np.diff(ends, prepend=0)
    too_long = np.flatnonzero(lengths > columns * _LONGEST_CELL)
    if too_long.size:
        raise malformed(f"line {first_line + int(too_long[0])} is too long")


def _with_nan_for_empty_cells(encoded: bytes, separator: bytes) -> bytes:
    """Empty cells as NaN, which the quality check refuses by lead."""
    gaps = (separator * 2, separator + b"\n", b"\n" + separator)
    if encoded.startswith(separator) or any(gap in encoded for gap in gaps):
        empty = rb"(?:(?<=%b)(?=[%b\n])|(?<=\n)(?=%b)|\A(?=%b))" % ((separator,) * 4)
        return re.sub(empty, b"nan", encoded)
    return encoded


def _bad_line(body: str, separator: str, columns: int, first_line: int) -> UnreadableRecording:
    """The refusal that names the first line which is not so many numbers."""
    row = rf"{_NUMBER}(?:{separator}{_NUMBER}){{{columns - 1}}}\n"
    good = re.match(rf"(?>{row})*+", body)
    start = good.end() if good else 0
    line = body[start:].partition("\n")[0]
    number = first_line + body.count("\n", 0, start)
    if line.count(separator) != columns - 1:
        found = line.count(separator) + 1
        return malformed(f"line {number} has {found} cells where {columns} are expected")
    return malformed(f"line {number} holds a cell that is not a number")


def _most_rows(limits: ReadLimits) -> float:
    return limits.max_duration_s * limits.max_sampling_rate_hz


def _too_long(limits: ReadLimits) -> UnreadableRecording:
    detail = f"the table is longer than {limits.max_duration_s:g} s, or too large"
    return UnreadableRecording.of(FaultCode.TOO_LONG, detail)
