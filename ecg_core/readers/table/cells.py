"""Bytes of a delimited text file to a table of numbers, bounded before any number is parsed.

Nothing here knows what the columns mean; `columns` and `reader` do. No message holds a
cell, a name or a comment of the file: those are patient data.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import FaultCode, RecordingTooLarge, UnreadableRecording
from ecg_core.leads import standard_lead_name
from ecg_core.readers.base import ReadLimits
from ecg_core.readers.table.columns import understand
from ecg_core.readers.table.marks import (
    clocks_as_seconds,
    is_clock,
    plain_numbers,
    thousands_marked,
)
from ecg_core.readers.table.separators import (
    LONGEST_CELL,
    cells_of,
    is_number,
    separated,
    separator_of,
)
from ecg_core.readers.table.text import Text, decoded_text, malformed

# So many are parsed in about a second; real cells are longer than those of a file beyond it.
_MOST_CELLS = 8_000_000
# In 3 ms or so, in which nothing else of this process runs; then others may go before.
_CELLS_AT_ONCE = 10_000
_MOST_HEAD_LINES = 1000
# At the end of a file; the last is what DOS ended files with.
_ENDS = "\n \x1a"
# A row of these is a sample, not a header.
_NO_VALUE = frozenset({"na", "n/a", "#n/a", "null", "none", "missing", "-", "--", "?"})
# Columns beside the leads: time and a counter.
_EXTRA_COLUMNS = 2
# A row of leads that begins with as many consecutive integers is a row of column numbers.
_SURELY_NUMBERED = 4


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """A table of numbers.

    Attributes:
        values: Shape (row, column), float64; NaN for an empty cell.
        names: One a column, as the file gives them; None where it has no header.
        hint: Names from a comment right above a table without a header, as `numpy.savetxt` writes
            them; to be used only if each of them is understood.
        clocks: Columns that were written as times of the clock; they are in seconds.
        marked: Columns of which every number is like 1.234, whose points may mark thousands.
    """

    values: NDArray[np.float64]
    names: tuple[str, ...] | None
    hint: tuple[str, ...] | None = None
    clocks: tuple[int, ...] = ()
    marked: tuple[int, ...] = ()


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
    comments, text = _without_comments(decoded_text(content, limits.checkpoint).without_end(_ENDS))
    if text.is_empty:
        raise malformed("the file holds no table")
    text, separator, taken_off = separated(text)
    first_line = comments.count("\n") + taken_off + 1
    most = limits.max_leads + _EXTRA_COLUMNS
    first, second = text.first_two_lines
    head = cells_of(first, separator, most + 1)
    if _is_lead_in_line(head, cells_of(second, separator, 2)):
        return _leads_in_lines(text, separator, first_line, limits)
    if len(head) > most and text.count("\n") < most and all(map(_is_value, head)):
        return _unnamed_lines(text, separator, first_line, limits)
    if len(head) > most:
        raise malformed(f"the table has more than {most} columns")
    if any(len(cell) > LONGEST_CELL for cell in head):
        raise malformed(f"a column's name has more than {LONGEST_CELL} characters")
    return _leads_in_columns(text, separator, first_line, limits, head, comments)


def _is_lead_in_line(head: Sequence[str], second: Sequence[str]) -> bool:
    """Whether a line's name stands in front of its numbers, in the first line and the second."""
    if len(head) < 2 or _is_value(head[0]) or not all(map(_is_value, head[1:])):
        return False
    return (
        standard_lead_name(head[0]) is not None
        or not _is_numbered(head[1:])
        or not (second and _is_value(second[0]))
    )


def _is_value(cell: str) -> bool:
    return is_number(cell) or is_clock(cell)


def _is_numbered(cells: Sequence[str]) -> bool:
    """Whether these are column numbers, as tables without names have them: from 0 or 1 on."""
    numbers = list(map(str, range(len(cells) + 1)))
    return list(cells) in (numbers[:-1], numbers[1:])


def _without_comments(text: Text) -> tuple[str, Text]:
    """The blank lines and comments at the top, of which so many are read, and the rest."""
    comments, most = "", _MOST_HEAD_LINES
    for number, piece in enumerate(text, start=1):
        start = _end_of_comments(piece, most)
        comments += piece[:start]
        most -= piece.count("\n", 0, start)
        if start < len(piece) or number == len(text.pieces):
            break
    return comments, Text((piece[start:], *text.pieces[number:]), text.checkpoint)


def _end_of_comments(text: str, most: int) -> int:
    """Where the blank lines and comments end, of which so many are read."""
    start = 0
    for _ in range(most):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        line = text[start:end].lstrip(" \t")
        # "#" alone in its cell heads a counter column.
        if line and (not line.startswith("#") or line.startswith(("#,", "#;", "#\t"))):
            break
        start = min(end + 1, len(text))
    return start


def looks_like_table(first_bytes: bytes) -> bool:
    """Whether a line of several numbers and nothing else stands near the beginning of a text.

    Args:
        first_bytes: Of the file; the last line may be cut off.
    """
    try:
        lines = list(decoded_text(first_bytes[: len(first_bytes) // 2 * 2]).lines())[:-1]
    except UnreadableRecording:
        return False
    return any(
        len(cells) > 1 and all(map(_is_value, cells))
        for cells in (cells_of(line, separator_of(line), len(line)) for line in lines)
    )


def _leads_in_columns(
    text: Text,
    separator: str,
    first_line: int,
    limits: ReadLimits,
    head: tuple[str, ...],
    comments: str,
) -> Table:
    # As pandas writes a table without names, its index in front.
    is_indexed = not head[0] and len(head) > 1 and _is_numbered(head[1:])
    if all(_is_value(cell) or not cell for cell in head) and not is_indexed:
        return _unnamed(text, separator, first_line, limits, head, comments)
    values = [cell for cell in head if _is_value(cell)]
    if values and not (_is_numbered(values) and not _is_value(head[0]) and len(values) > 1):
        detail = f"line {first_line} holds a cell that is not a number, or names beside numbers"
        raise malformed(detail)
    if any(cell.lower() in _NO_VALUE for cell in head):
        raise malformed(f"line {first_line} holds missing values where names are expected")
    names, body = head, text.without_first_line()
    units = cells_of(body.first_two_lines[0], separator, len(head) + 1)
    if _are_units(names, units, first_line + 1):
        # PhysioNet's tools write the units in a second line.
        pairs = zip(names, units, strict=True)
        names = tuple(f"{name} ({unit})" if unit else name for name, unit in pairs)
        body, first_line = body.without_first_line(), first_line + 1
    numbers = _numbers(body, separator, len(head), first_line + 1, limits)
    return Table(numbers.values, names, None, numbers.clocks, numbers.marked)


def _unnamed(
    text: Text,
    separator: str,
    first_line: int,
    limits: ReadLimits,
    head: tuple[str, ...],
    comments: str,
) -> Table:
    """A table that begins with numbers: its samples, or the numbers of its columns."""
    body = text
    if len(head) > 0 and _is_numbered(head) and _is_numbering(head, text):
        body, first_line = text.without_first_line(), first_line + 1
    above = comments.rstrip("\n").rpartition("\n")[2].lstrip("# \t")
    hint = cells_of(above, separator, len(head) + 1)
    usable = None if any(len(cell) > LONGEST_CELL for cell in hint) else hint
    numbers = _numbers(body, separator, len(head), first_line, limits)
    return Table(numbers.values, None, usable, numbers.clocks, numbers.marked)


def _is_numbering(head: Sequence[str], text: Text) -> bool:
    """Whether consecutive integers in the first line are no sample.

    Four and more never are; fewer are not where every number below is written with decimals.

    Raises:
        UnreadableRecording: It is one integer, which may be either.
    """
    if len(head) >= _SURELY_NUMBERED:
        return True
    body = text.without_first_line()
    are_decimals = not body.is_empty and body.count(".") == len(head) * (body.count("\n") + 1)
    if are_decimals and len(head) == 1:
        raise malformed("the first line may be a column's number or a sample: name the column")
    return are_decimals


def _are_units(names: Sequence[str], units: Sequence[str], line: int) -> bool:
    """Whether the line below the names holds the units of the leads and times.

    Raises:
        UnreadableRecording: It holds words, but they are no units.
    """
    if len(units) != len(names) or any(map(_is_value, units)) or not any(units):
        return False
    if any(len(unit) > LONGEST_CELL for unit in units):
        return False
    understood = understand([f"{name} ({unit})" for name, unit in zip(names, units, strict=True)])
    have = [column.has_unit for column in understood if column.kind in ("lead", "time")]
    if all(have or [column.has_unit for column in understood if column.kind == "other"]):
        return True
    raise malformed(f"line {line} holds words that are no units")


def _leads_in_lines(text: Text, separator: str, first_line: int, limits: ReadLimits) -> Table:
    most = limits.max_leads + _EXTRA_COLUMNS
    if text.count("\n") >= most:
        raise malformed(f"the table has more than {most} lines of one lead each")
    lines = [line.partition(separator) for line in text.lines()]
    names = tuple(name.strip().strip("'\"").strip() for name, _, _ in lines)
    if any(is_number(name) or len(name) > LONGEST_CELL for name in names):
        raise malformed("some lines begin with a lead's name, others with a number")
    samples = lines[0][2].count(separator) + 1
    body = Text.of_lines([numbers for _, _, numbers in lines], text.checkpoint)
    numbers = _numbers(body, separator, samples, first_line, limits, by_line=True)
    values = np.ascontiguousarray(numbers.values.T)
    return Table(values, names, None, numbers.clocks, numbers.marked)


def _unnamed_lines(text: Text, separator: str, first_line: int, limits: ReadLimits) -> Table:
    """A table of one lead a line, without names: too wide and too short to be anything else."""
    body = Text.of_lines(list(text.lines()), text.checkpoint)
    samples = body.pieces[0].count(separator) + 1
    numbers = _numbers(body, separator, samples, first_line, limits, by_line=True)
    values = np.ascontiguousarray(numbers.values.T)
    return Table(values, None, None, numbers.clocks, numbers.marked)


class _Numbers(NamedTuple):
    """Numbers of a body, shape (line, cell); of which leads (columns or lines) see `Table`."""

    values: NDArray[np.float64]
    clocks: tuple[int, ...]
    marked: tuple[int, ...]


def _numbers(
    body: Text,
    separator: str,
    columns: int,
    first_line: int,
    limits: ReadLimits,
    *,
    by_line: bool = False,
) -> _Numbers:
    """The numbers of a body without header; where a lead is a line, each is a piece."""
    body = plain_numbers(body, separator)
    if body.is_blank:
        raise malformed("the table has no rows")
    rows = body.count("\n") + 1
    if max(rows, columns) > _most_rows(limits) or rows * columns > _MOST_CELLS:
        raise _too_long(limits)
    body, clocks = clocks_as_seconds(body, separator, by_line=by_line)
    values = np.empty((rows, columns))
    row = 0
    for number, piece in enumerate(body, start=1):
        encoded = (piece if number < len(body.pieces) else f"{piece}\n").encode("ascii", "replace")
        for lines in _few_lines(encoded, columns, first_line + row):
            limits.checkpoint()
            found = _parsed(lines, separator, columns, first_line + row)
            values[row : row + len(found)] = found
            row += len(found)
    marked = thousands_marked(values, body, separator, by_line=by_line)
    return _Numbers(values, clocks, marked)


def _few_lines(encoded: bytes, columns: int, first_line: int) -> Iterator[bytes]:
    """Lines, so many at once as are parsed without holding up others."""
    ends = np.flatnonzero(np.frombuffer(encoded, np.uint8) == ord("\n")) + 1
    _check_line_lengths(ends, columns, first_line)
    at_once = max(1, _CELLS_AT_ONCE // columns)
    for line in range(0, len(ends), at_once):
        start = ends[line - 1] if line else 0
        yield encoded[start : ends[min(line + at_once, len(ends)) - 1]]


def _parsed(encoded: bytes, separator: str, columns: int, first_line: int) -> NDArray[np.float64]:
    """The numbers of some whole lines, by numpy's parser in C."""
    values = _loaded(encoded, separator, columns)
    if values is None:
        raise _bad_line(encoded, separator, columns, first_line)
    return values


def _loaded(encoded: bytes, separator: str, columns: int) -> NDArray[np.float64] | None:
    """The numbers, shape (line, column); None if any line is not so many numbers."""
    filled = _with_nan_for_empty_cells(encoded, separator.encode())
    if not filled.strip():
        return None
    lines = TextIOWrapper(BytesIO(filled), "ascii")
    try:
        values = np.loadtxt(lines, delimiter=separator, comments=None, ndmin=2)
    except ValueError:
        return None
    return values if values.shape == (encoded.count(b"\n"), columns) else None


def _check_line_lengths(ends: NDArray[np.intp], columns: int, first_line: int) -> None:
    """No cell so long that parsing it as a number would take long."""
    lengths = np.diff(ends, prepend=0)
    too_long = np.flatnonzero(lengths > columns * LONGEST_CELL)
    if too_long.size:
        raise malformed(f"line {first_line + int(too_long[0])} is too long")


def _with_nan_for_empty_cells(encoded: bytes, separator: bytes) -> bytes:
    """Empty cells as NaN, which the quality check refuses by lead."""
    gap, filled = separator * 2, separator + b"nan" + separator
    # Twice, since what is replaced does not overlap.
    encoded = encoded.replace(gap, filled).replace(gap, filled)
    encoded = encoded.replace(separator + b"\n", separator + b"nan\n")
    encoded = encoded.replace(b"\n" + separator, b"\nnan" + separator)
    return b"nan" + encoded if encoded.startswith(separator) else encoded


def _bad_line(encoded: bytes, separator: str, columns: int, first_line: int) -> UnreadableRecording:
    """The refusal that names the first line which is not so many numbers.

    Found by halves, so that everything together is parsed once more at most.
    """
    lines = encoded.splitlines(keepends=True)
    good, end = 0, len(lines)
    while end - good > 1:
        middle = (good + end) // 2
        if _loaded(b"".join(lines[good:middle]), separator, columns) is None:
            end = middle
        else:
            good = middle
    found = lines[good].count(separator.encode()) + 1
    number = first_line + good
    if found != columns:
        detail = f"line {number} has {found} cells where {columns} are expected"
        if separator == "," and found == 2 * columns:
            detail += ": if commas are decimal marks too, separate cells by semicolons"
        return malformed(detail)
    return malformed(f"line {number} holds a cell that is not a number")


def _most_rows(limits: ReadLimits) -> float:
    return limits.max_duration_s * limits.max_sampling_rate_hz


def _too_long(limits: ReadLimits) -> UnreadableRecording:
    detail = f"the table is longer than {limits.max_duration_s:g} s, or too large"
    return UnreadableRecording.of(FaultCode.TOO_LONG, detail)
