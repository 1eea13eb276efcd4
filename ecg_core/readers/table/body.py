"""The lines of a table's body to numbers, some at a time."""

from collections.abc import Iterator
from io import BytesIO, TextIOWrapper
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_core.checkpoint import Checkpoint
from ecg_core.errors import FaultCode, UnreadableRecording
from ecg_core.readers.base import ReadLimits
from ecg_core.readers.table.marks import clocks_as_seconds, plain_numbers, thousands_marked
from ecg_core.readers.table.separators import LONGEST_CELL
from ecg_core.readers.table.text import Text, malformed

# So many are parsed in about a second; real cells are longer than those of a file beyond it.
_MOST_CELLS = 8_000_000
# In 3 ms or so, in which nothing else of this process runs; then others may go before.
_CELLS_AT_ONCE = 10_000
_BYTES_OF_LINE_AT_ONCE = 64 * 1024


class Numbers(NamedTuple):
    """Numbers of a body, shape (line, cell); of which leads (columns or lines) see `Table`."""

    values: NDArray[np.float64]
    clocks: tuple[int, ...]
    marked: tuple[int, ...]


def numbers_in(
    body: Text,
    separator: str,
    columns: int,
    first_line: int,
    limits: ReadLimits,
    *,
    by_line: bool = False,
) -> Numbers:
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
        _check_line_lengths(encoded, columns, first_line + row)
        if by_line:
            values[row] = _line_of_many(
                encoded, separator, columns, first_line + row, limits.checkpoint
            )
            row += 1
            continue
        for lines in _few_lines(encoded, columns):
            limits.checkpoint()
            found = _parsed(lines, separator, columns, first_line + row)
            values[row : row + len(found)] = found
            row += len(found)
    marked = thousands_marked(values, body, separator, by_line=by_line)
    return Numbers(values, clocks, marked)


def _line_of_many(
    line: bytes, separator: str, columns: int, number: int, checkpoint: Checkpoint
) -> NDArray[np.float64]:
    """The numbers of one line, shape (cell,)."""
    parts: list[NDArray[np.float64]] = []
    for part in _few_cells(line, separator.encode()):
        checkpoint()
        # The last cell may be empty, and by itself.
        cells = b"nan\n" if parts and part == b"\n" else part
        found = _loaded(cells, separator, part.count(separator.encode()) + 1)
        if found is None:
            raise _bad_line(line, separator, columns, number)
        parts.append(found[0])
    values = np.concatenate(parts)
    if len(values) != columns:
        raise _bad_line(line, separator, columns, number)
    return values


def _few_cells(line: bytes, separator: bytes) -> Iterator[bytes]:
    """Whole cells of a line as lines, so many at once as are parsed without holding up others."""
    start = 0
    while (end := line.find(separator, start + _BYTES_OF_LINE_AT_ONCE)) >= 0:
        yield line[start:end] + b"\n"
        start = end + 1
    yield line[start:]


def _few_lines(encoded: bytes, columns: int) -> Iterator[bytes]:
    """Lines, so many at once as are parsed without holding up others."""
    ends = _line_ends(encoded)
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


def _line_ends(encoded: bytes) -> NDArray[np.intp]:
    return np.flatnonzero(np.frombuffer(encoded, np.uint8) == ord("\n")) + 1


def _check_line_lengths(encoded: bytes, columns: int, first_line: int) -> None:
    """No cell so long that parsing it as a number would take long."""
    lengths = np.diff(_line_ends(encoded), prepend=0)
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
