"""Huffman tables of SCP-ECG (EN 1064, section 2 and annex C): what a word of bits begins with."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DEFAULT_TABLE_MARK = 19999
# The default table's longest prefix has 10 bits. Every word of this length is looked up.
LONGEST_PREFIX_BITS = 16
_MOST_EXTRA_BITS = 16
_MOST_TABLES = 8
_MOST_CODES = 1024
_CODE = struct.Struct("<BBBhI")

# A step that leads out of any block: here no code begins.
NO_STEP = 1 << 20


class _Code(NamedTuple):
    """One line of a table.

    Attributes:
        prefix: The prefix's bits, the first one the highest.
        prefix_bits: How many.
        extra_bits: Bits behind the prefix: a number of its own, added to the value.
        value: The number; of a switch, the place of the table to go on with.
        is_switch: Whether this only changes the table.
    """

    prefix: int
    prefix_bits: int
    extra_bits: int
    value: int
    is_switch: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class HuffmanTable:
    """The codes of a table, and which of them each word of `LONGEST_PREFIX_BITS` begins with.

    Attributes:
        code: Place of a word's code in the arrays below, one entry a word.
        step_bits: Length with the extra bits, one entry a code; the last is that of no code.
        extra_bits: Of these.
        value: The number.
        switch_to: The table to go on with, or -1 where the code is a number.
    """

    code: NDArray[np.uint16]
    step_bits: NDArray[np.int32]
    extra_bits: NDArray[np.int64]
    value: NDArray[np.int64]
    switch_to: NDArray[np.int64]


def _table(codes: Sequence[_Code]) -> HuffmanTable:
    places = np.full(1 << LONGEST_PREFIX_BITS, len(codes), np.uint16)
    for place, code in enumerate(codes):
        free_bits = LONGEST_PREFIX_BITS - code.prefix_bits
        words = slice(code.prefix << free_bits, (code.prefix + 1) << free_bits)
        if (places[words] != len(codes)).any():
            raise ValueError("one Huffman code is the beginning of another")
        places[words] = place
    return HuffmanTable(
        places,
        np.array([code.prefix_bits + code.extra_bits for code in codes] + [NO_STEP], np.int32),
        np.array([code.extra_bits for code in codes] + [0]),
        np.array([code.value for code in codes] + [0]),
        np.array([code.value if code.is_switch else -1 for code in codes] + [-1]),
    )


def _default_codes() -> list[_Code]:
    """EN 1064, annex C: 0 is one bit, each step away from it one more; then 8 and 16 bits."""
    codes = [_Code(0b0, 1, 0, 0)]
    for size in range(1, 9):
        ones = (1 << size) - 1
        codes += [_Code(ones << 2 | sign, size + 2, 0, size * (1 - 2 * sign)) for sign in (0, 1)]
    return [*codes, _Code(0b1111111110, 10, 8, 0), _Code(0b1111111111, 10, 16, 0)]


_DEFAULT_TABLE = _table(_default_codes())


def read_tables(body: bytes) -> list[HuffmanTable]:
    """The tables of a section 2; the first is the one to begin with.

    Args:
        body: The section without its header.

    Raises:
        ValueError: It is cut off, or its codes are ambiguous, or larger than is read.
    """
    (count,) = struct.unpack_from("<H", _at_least(body, 2))
    if count == DEFAULT_TABLE_MARK:
        return [_DEFAULT_TABLE]
    if not 1 <= count <= _MOST_TABLES:
        raise ValueError(f"there are no Huffman tables, or more than {_MOST_TABLES}")
    place = 2
    tables = []
    for _ in range(count):
        (size,) = struct.unpack_from("<H", _at_least(body, place + 2), place)
        if size > _MOST_CODES:
            raise ValueError(f"a Huffman table has more than {_MOST_CODES} codes")
        end = place + 2 + size * _CODE.size
        lines = _CODE.iter_unpack(_at_least(body, end)[place + 2 : end])
        tables.append(_table([_read_code(line, count) for line in lines]))
        place = end
    return tables


def _at_least(body: bytes, size: int) -> bytes:
    if len(body) < size:
        raise ValueError("the Huffman tables are cut off")
    return body


def _read_code(line: tuple[int, ...], tables: int) -> _Code:
    prefix_bits, all_bits, mode, value, base_code = line
    extra_bits = all_bits - prefix_bits
    if not (1 <= prefix_bits <= LONGEST_PREFIX_BITS and 0 <= extra_bits <= _MOST_EXTRA_BITS):
        raise ValueError("a Huffman code is of a length that is not read")
    is_switch = mode == 0
    if is_switch and not (1 <= value <= tables and extra_bits == 0):
        raise ValueError("a Huffman code leads to a table that is not there")
    # The base code stands with its first bit lowest.
    stored = base_code & ((1 << prefix_bits) - 1)
    prefix = int(f"{stored:0{prefix_bits}b}"[::-1], 2)
    return _Code(prefix, prefix_bits, extra_bits, value - is_switch, is_switch)
