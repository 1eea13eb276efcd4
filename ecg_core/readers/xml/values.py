"""Values inside XML: texts, numbers, rows of samples; never trusted, never rounded on the way."""

import binascii
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from itertools import islice
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from ecg_core.readers.base import ReadLimits

_LONGEST_NUMBER = 60
# Of what an analysis says: the first statements, and their first words.
_MOST_STATEMENTS, _LONGEST_STATEMENT = 200, 300
_WHITESPACE = b" \t\r\n"
_INTEGER = b"0123456789+-" + _WHITESPACE
_DECIMAL = _INTEGER + b".eE"


def text_of(element: Element | None, path: str = ".") -> str:
    """The text of the first element at a path, trimmed; empty where there is none."""
    found = None if element is None else element.find(path)
    return ("" if found is None else found.text or "").strip()


def statements_of(elements: Iterable[Element | None]) -> Iterator[str]:
    """What an analysis says in these elements, as far as anybody would write."""
    for element in islice(elements, _MOST_STATEMENTS):
        yield (element.text or "")[:_LONGEST_STATEMENT] if element is not None else ""


def exact_number(text: str, *, decimal_comma: bool = False) -> Fraction | None:
    """A finite number as it is written, without a rounding; None where it is none.

    Args:
        text: Such as "4.88", "-1e3".
        decimal_comma: Whether "4,88" is one, too.
    """
    if len(text) > _LONGEST_NUMBER:
        return None
    text = text.strip()
    if decimal_comma and "." not in text and text.count(",") == 1:
        text = text.replace(",", ".")
    if not text.isascii() or "_" in text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    # A fraction of 1e999999999 would fill the memory.
    if not number.is_finite() or abs(number.adjusted()) > 40:
        return None
    return Fraction(number)


def whole_number(text: str) -> int | None:
    """A whole number as it is written ("5000", "5000.0"), or None."""
    number = exact_number(text)
    return int(number) if number is not None and number.denominator == 1 else None


def date_of(text: str, layout: str) -> date | None:
    """The day that a text gives in a layout of `strptime`, or None."""
    if len(text) > _LONGEST_NUMBER:
        return None
    try:
        return datetime.strptime(text.strip(), layout).date()
    except ValueError:
        return None


def most_samples(limits: ReadLimits) -> int:
    """How many samples a lead may have."""
    return int(limits.max_duration_s * limits.max_sampling_rate_hz)


def sample_row(text: str, longest: int) -> NDArray[np.int64] | NDArray[np.float64] | None:
    """Numbers set apart by white space.

    Args:
        text: The numbers; integers, or decimal fractions with a point.
        longest: How many there may be.

    Returns:
        Shape (sample,), or None where anything else is among them, or they are too many.
    """
    try:
        row = text.encode("ascii")
    except UnicodeEncodeError:
        return None
    foreign = row.translate(None, _INTEGER)
    if foreign.translate(None, _DECIMAL):
        return None
    count = _word_count(row)
    if not 0 < count <= longest:
        return None
    numbers: NDArray[np.int64] | NDArray[np.float64]
    try:
        # Of a broken number it warns, and gives those before it: not as many as there are words.
        if foreign:
            numbers = np.fromstring(row, dtype=np.float64, sep=" ")
        else:
            numbers = np.fromstring(row, dtype=np.int64, sep=" ")
    except (ValueError, DeprecationWarning):
        return None
    return numbers if len(numbers) == count else None


def _word_count(row: bytes) -> int:
    blank = np.frombuffer(b" " + row, np.uint8) <= ord(" ")
    return int(np.count_nonzero(blank[:-1] > blank[1:]))


def decoded_base64(text: str) -> bytes | None:
    """The bytes behind base64 that is broken into lines, or None where it is no base64."""
    try:
        packed = text.encode("ascii").translate(None, _WHITESPACE)
        return binascii.a2b_base64(packed, strict_mode=True)
    except ValueError:  # binascii.Error is one
        return None
