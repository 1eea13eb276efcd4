"""Decimal and thousands marks, quotes and clock times: the numbers of a table in plain form."""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ecg_core.readers.table.text import Text, malformed

_QUOTED_COMMA = re.compile(r'(?<![^,\n])"([^"\n,]*),([^"\n,]*)"(?![^,\n])')
_CLOCK = r"['\" ]*(?:([0-9]{1,3}):)?([0-9]{1,3}):([0-9]{1,2}(?:\.[0-9]{0,9})?)['\" ]*"
_CLOCK_CELL = re.compile(r"(?:[0-9]{1,3}:)?[0-9]{1,3}:[0-9]{1,2}(?:[.,][0-9]{0,9})?")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}")
_LINES_AT_ONCE = 1000
_WHOLE = re.compile(r"[+-]?[0-9]{1,3}")
_BOTH = "numbers hold both commas and points: write them without thousands marks"
# A whole number of so much beside numbers like 1.234 that are all above one.
_TENS = 10.0
_TOO_LARGE = 1000.0


def is_clock(cell: str) -> bool:
    """Whether a cell is a time of the clock: "0:00.010", "10:00:01"."""
    return _CLOCK_CELL.fullmatch(cell) is not None


def plain_numbers(body: Text, separator: str) -> Text:
    """A body without quotes, and with decimal points only.

    Raises:
        UnreadableRecording: Quotes stand inside cells, or commas and points are both there.
    """
    body = _unquoted(body, separator)
    if separator == "," or "," not in body:
        return body
    if "." in body:
        raise malformed(_BOTH)
    return body.mapped(lambda piece: piece.replace(",", "."))


def _unquoted(body: Text, separator: str) -> Text:
    if '"' not in body:
        return body
    if separator == ",":
        changed, commas = zip(*(_QUOTED_COMMA.subn(r'"\1.\2"', p) for p in body), strict=True)
        body, decimal_commas = Text(changed, body.checkpoint), sum(commas)
        # With a point inside as well, or beside: 1,234.5 is not the same as 1,234 and 5.
        if decimal_commas and body.count(".") > decimal_commas:
            raise malformed(_BOTH)
    mark = re.escape(separator)
    inside = re.compile(rf'[^{mark}\n" ]"[^{mark}\n" ]')
    if any(map(inside.search, body)) or body.count('"') % 2:
        raise malformed("quotes stand inside cells")
    return body.mapped(lambda piece: piece.replace('"', ""))


def clocks_as_seconds(body: Text, separator: str, *, by_line: bool) -> tuple[Text, tuple[int, ...]]:
    """The body with its columns of clock times as seconds, and which columns these are.

    Such a column, or line, has a clock time in its first cell or in its last, for the first times
    of some programs are plain seconds. One anywhere else is left, and is no number.

    Args:
        body: With decimal points.
        separator: Between cells.
        by_line: Whether a lead, or the time, is a line, and a piece of the body.
    """
    if ":" not in body:
        return body, ()
    mark = re.escape(separator)
    if by_line:
        clocks = tuple(n for n, line in enumerate(body) if ":" in line)
        cell = re.compile(rf"(?<![^{mark}]){_CLOCK}(?![^{mark}\n])")
        return body.mapped(lambda line: cell.sub(_seconds, line)), clocks
    first, last = body.first_two_lines[0], body.last_line
    ends = [[is_clock(c.strip("' ")) for c in line.split(separator)] for line in (first, last)]
    clocks = tuple(n for n, both in enumerate(zip(*ends, strict=False)) if any(both))
    for number in clocks:
        before = rf"((?:[^{mark}\n]*{mark}){{{number}}})"
        cell = re.compile(rf"^{before}{_CLOCK}(?![^{mark}\n])", re.MULTILINE)
        body = body.mapped(partial(cell.sub, lambda found: found[1] + _seconds(found, first=2)))
    return body, clocks


def _seconds(clock: re.Match[str], first: int = 1) -> str:
    hours, minutes, seconds = (clock[first + n] or "0" for n in range(3))
    whole, _, fraction = seconds.partition(".")
    total = 3600 * int(hours) + 60 * int(minutes) + int(whole)
    return f"{total}.{fraction}"


def thousands_marked(
    values: NDArray[np.float64],
    body: Text,
    separator: str,
    *,
    by_line: bool,
) -> tuple[int, ...]:
    """Which leads' numbers are all like 1.234, where points may as well stand between thousands.

    Not where a number of the table has another point: then this is the decimal mark.

    Args:
        values: The numbers, shape (line, cell).
        body: Their text, with decimal points.
        separator: Between cells.
        by_line: Whether a lead is a line, not a column.

    Raises:
        UnreadableRecording: In a lead some numbers are like 1.234 and others whole: as decimals, a
            writer of three digits would write 720.000, one of fewest digits 1.23 and 0.5 too.
    """
    if "." not in body:
        return ()
    leads = enumerate(values if by_line else values.T)
    suspected = []
    for number, lead in leads:
        body.checkpoint()
        if _like_thousands(lead):
            suspected.append(number)
    every = [
        n for n in suspected if _all_marked(_cells(_lines(body), separator, n, by_line=by_line))
    ]
    if not every or any(
        "." in cell and not _is_marked(cell) for cell in _every(_lines(body), separator)
    ):
        return ()
    return tuple(every)


def _all_marked(cells: Iterable[str]) -> bool:
    """Whether every number of a lead is like 1.234.

    Raises:
        UnreadableRecording: Some are, and others whole.
    """
    largest = -1.0  # of the whole ones
    for cell in cells:
        if _WHOLE.fullmatch(cell):
            largest = max(largest, abs(float(cell)))
        elif "." in cell and not _is_marked(cell):
            return False
    if largest >= _TENS:
        detail = (
            "some numbers are like 1.234 and others of the same lead are whole: write them "
            "without thousands marks, or every number with its decimals"
        )
        raise malformed(detail)
    return largest < 0  # beside 1.002, one of fewest digits writes 1


def _is_marked(cell: str) -> bool:
    return _THOUSANDS.fullmatch(cell) is not None


def _lines(body: Text) -> Iterator[str]:
    for number, line in enumerate(body.lines()):
        if number % _LINES_AT_ONCE == 0:
            body.checkpoint()
        yield line


def _cells(lines: Iterator[str], separator: str, lead: int, *, by_line: bool) -> Iterator[str]:
    """The cells of a lead, one after another: all at once they are many times their text."""
    if by_line:
        cells = iter(next(islice(lines, lead, None)).split(separator))
    else:
        cells = (line.split(separator, lead + 1)[lead] for line in lines)
    return (cell.strip(" '") for cell in cells)


def _every(lines: Iterator[str], separator: str) -> Iterator[str]:
    """All cells, line by line."""
    return (cell.strip(" '") for line in lines for cell in line.split(separator))


def _like_thousands(lead: NDArray[np.float64]) -> bool:
    """Whether a lead may hold thousands marks, by its numbers alone; shape (sample,)."""
    sizes = np.abs(lead)
    if (sizes >= _TOO_LARGE).any():
        return False
    finite = np.where(sizes < _TOO_LARGE, sizes, 0.0)
    whole = finite == np.round(finite)
    thousandfold = finite * 1000.0
    is_mark = (finite >= 1.0) & (np.abs(thousandfold - np.round(thousandfold)) < 1e-6)
    if whole.all() or not (whole | is_mark).all():
        return False
    return bool((whole & (finite >= _TENS)).any() or (is_mark | np.isnan(sizes)).all())
