"""What stands between the cells of a table, and its cells; the text is brought to one form."""

import csv
import re

from ecg_core.readers.table.text import Text, malformed

SEPARATORS = "\t;|,"
LONGEST_CELL = 64
_TELLING_CHARACTERS = 64 * 1024
BLANK = " "
# For one cell at a time, never for rows: with its decimal comma it could split a row of integers
# in 2^n ways. Possessive, so that a long line of digits cannot make it backtrack either.
_IS_NUMBER = re.compile(
    r" *+[+-]?(?:(?:\d++(?:[.,]\d*+)?|[.,]\d++)(?:[eE][+-]?\d++)?|(?i:nan|inf(?:inity)?)) *+"
)
_IS_DECIMAL = re.compile(r"[+-]?\d++(?:,\d++)?(?:[eE][+-]?\d++)?")
_STATED = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_BLANKS = re.compile(r"[ \t]+")
_BEFORE_BRACKET = re.compile(r" (?=[(\[])")


def is_number(cell: str) -> bool:
    """Whether a cell is a number, with a decimal point or comma."""
    return _IS_NUMBER.fullmatch(cell) is not None


def cells_of(line: str, separator: str, most: int) -> tuple[str, ...]:
    """The cells of a line, unquoted; at most so many, however long the line.

    Raises:
        UnreadableRecording: Its quotes are broken.
    """
    if '"' in line and len(line) <= most * LONGEST_CELL:
        try:
            cells = next(csv.reader([line], delimiter=separator))
        except (csv.Error, StopIteration):
            raise malformed("the header's quotes are broken") from None
    else:
        cells = line.split(separator, most)
    return tuple(cell.strip().strip("'\"").strip() for cell in cells[:most])


def separated(text: Text) -> tuple[Text, str, int]:
    """The table's text in its plain form, its separator, and how many lines were taken off.

    A line `sep=;` at the top, as spreadsheets write it, says what separates; else the second line
    tells, where numbers are. Runs of blanks separate where nothing else does. A separator at the
    end of every line separates nothing.

    Raises:
        UnreadableRecording: The separator that the file states is none that is read.
    """
    first, second = text.first_two_lines
    stated = _STATED.fullmatch(first.strip())
    if stated is not None:
        if stated[1] not in SEPARATORS + BLANK:
            raise malformed("the file states a separator other than comma, ;, |, tab and blank")
        text, separator = text.without_first_line(), stated[1]
    else:
        separator = separator_of(second or first)
    if separator == BLANK:
        text = _with_single_blanks(text)
    return _without_last(text, separator), separator, int(stated is not None)


def separator_of(line: str) -> str:
    """The separator of a line of numbers, by as much of it as tells."""
    line = line[:_TELLING_CHARACTERS]
    found = next((separator for separator in SEPARATORS if separator in line), None)
    words = line.split()
    if found == "," and len(words) > 1 and all(map(_IS_DECIMAL.fullmatch, words)):
        return BLANK  # 0,1 0,2: nothing else than decimal commas
    if found is None:
        return BLANK if len(words) > 1 else ","
    return found


def _with_single_blanks(text: Text) -> Text:
    first, *others = text.mapped(_blanks_as_one).pieces
    head, newline, rest = first.partition("\n")
    # "I (mV) II (mV)": a unit belongs to its name.
    return Text((_BEFORE_BRACKET.sub("", head) + newline + rest, *others), text.checkpoint)


def _blanks_as_one(piece: str) -> str:
    return _BLANKS.sub(" ", piece).replace("\n ", "\n").replace(" \n", "\n").strip(" ")


def _without_last(text: Text, separator: str) -> Text:
    """Without the separator that stands at the end of every line."""
    ends = text.count(f"{separator}\n") + text.pieces[-1].endswith(separator)
    if ends < text.count("\n") + 1:
        return text
    *others, last = text.mapped(lambda piece: piece.replace(f"{separator}\n", "\n")).pieces
    return Text((*others, last[: -len(separator)]), text.checkpoint)
