"""Bytes of a delimited text file to a table of numbers, bounded before any number is parsed.

Nothing here knows what the columns mean; `columns` and `reader` do. No message holds a
cell, a name or a comment of the file: those are patient data.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import FaultCode, RecordingTooLarge, UnreadableRecording
from ecg_core.leads import standard_lead_name
from ecg_core.readers.base import ReadLimits
from ecg_core.readers.table.body import numbers_in
from ecg_core.readers.table.columns import understand
from ecg_core.readers.table.marks import (
    is_clock,
)
from ecg_core.readers.table.separators import (
    LONGEST_CELL,
    cells_of,
    is_number,
    separated,
    separator_of,
)
from ecg_core.readers.table.text import Text, decoded_text, malformed

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
    numbers = numbers_in(body, separator, len(head), first_line + 1, limits)
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
    numbers = numbers_in(body, separator, len(head), first_line, limits)
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
    numbers = numbers_in(body, separator, samples, first_line, limits, by_line=True)
    values = np.ascontiguousarray(numbers.values.T)
    return Table(values, names, None, numbers.clocks, numbers.marked)


def _unnamed_lines(text: Text, separator: str, first_line: int, limits: ReadLimits) -> Table:
    """A table of one lead a line, without names: too wide and too short to be anything else."""
    body = Text.of_lines(list(text.lines()), text.checkpoint)
    samples = body.pieces[0].count(separator) + 1
    numbers = numbers_in(body, separator, samples, first_line, limits, by_line=True)
    values = np.ascontiguousarray(numbers.values.T)
    return Table(values, None, None, numbers.clocks, numbers.marked)
