"""XLI, the compression of Philips Sierra files: LZW of ten-bit codes over second differences.

Each lead is a chunk: its length (4 bytes), 2 bytes unused, the value before the third difference
(2 bytes), then LZW codes. Unpacked, the high bytes of all words stand before the low bytes.
"""

import struct
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_CHUNK_HEADER = struct.Struct("<i2xh")
_CODE_BITS = 10
# The last code is never given out: streams end on it.
_LARGEST_CODE = (1 << _CODE_BITS) - 2
# The first code teaches nothing, each other one string, until there are as many as codes.
_LEARNT_AFTER = _LARGEST_CODE - 256 + 2
# Differences are stored this much too large, so that small negative ones have a zero high byte.
_BIAS = 64


class Chunk(NamedTuple):
    """One lead, still packed.

    Attributes:
        start: The value that stands for the second sample's difference.
        packed: LZW codes.
    """

    start: int
    packed: bytes


def chunks_of(content: bytes, most: int) -> list[Chunk]:
    """The chunks of a file's waveforms.

    Args:
        content: All chunks, one behind the other.
        most: How many there may be; what is behind them is not looked at.

    Raises:
        ValueError: A chunk claims more bytes than there are, or none.
    """
    chunks: list[Chunk] = []
    place = 0
    while place < len(content) and len(chunks) < most:
        if place + _CHUNK_HEADER.size > len(content):
            raise ValueError("a chunk's header is cut off")
        size, start = _CHUNK_HEADER.unpack_from(content, place)
        place += _CHUNK_HEADER.size
        if not 0 < size <= len(content) - place:
            raise ValueError("a chunk's length is not what is there")
        chunks.append(Chunk(start, content[place : place + size]))
        place += size
    return chunks


def unpack_chunk(chunk: Chunk, sample_count: int) -> NDArray[np.int64]:
    """A lead's stored values, shape (sample,).

    Args:
        chunk: The lead's.
        sample_count: How many samples it declares: not a byte more is unpacked.

    Raises:
        ValueError: It holds fewer or more samples, or a code that was never given out.
    """
    unpacked = _lzw_decoded(chunk.packed, 2 * sample_count)
    if len(unpacked) != 2 * sample_count:
        raise ValueError("a chunk does not hold the samples that are declared")
    halves = np.frombuffer(unpacked, np.uint8).reshape(2, sample_count).astype(np.uint16)
    words = (halves[0] << 8 | halves[1]).view(np.int16).astype(np.int64)
    return _undo_differences(words, chunk.start)


def without_residuals(rows: Sequence[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """III, aVR, aVL and aVF are stored as what is left of them beside what follows from I and II.

    Halves are cut off towards zero: so, in real files, odd sums leave -1 where they are positive
    and 1 where they are negative, and every lead is within half a step of Goldberger's.
    """
    one, two, rest_iii, rest_avr, rest_avl, rest_avf, *others = rows
    three = two - one - rest_iii
    augmented = [
        -_half(one + two) - rest_avr,
        _half(one - three) - rest_avl,
        _half(two + three) - rest_avf,
    ]
    return [one, two, three, *augmented, *others]


def _lzw_decoded(packed: bytes, most: int) -> bytes:
    """The bytes behind LZW codes; at most one byte more than `most`, whatever the codes say."""
    # A code is a byte or more: those beyond can only be too many.
    codes = _codes(packed[: (most + 2) * _CODE_BITS // 8 + 1])
    strings = _learned(codes[:_LEARNT_AFTER].tolist())
    lengths = np.array([len(string) for string in strings])
    needed = codes[: np.searchsorted(np.cumsum(lengths[codes]), most, side="right") + 1]
    return b"".join(map(strings.__getitem__, needed.tolist()))[: most + 1]


def _learned(codes: list[int]) -> list[bytes]:
    """What each code stands for once these are read; later ones teach nothing new."""
    strings = [bytes((value,)) for value in range(256)]
    if codes and codes[0] >= len(strings):
        raise ValueError("a code of the compressed waveforms was never given out")
    for previous, code in pairwise(codes):
        known = strings[previous]
        if code < len(strings):
            strings.append(known + strings[code][:1])
        elif code == len(strings):
            strings.append(known + known[:1])
        else:
            raise ValueError("a code of the compressed waveforms was never given out")
    return strings


def _codes(packed: bytes) -> NDArray[np.uint16]:
    """Ten-bit codes up to the one that ends them, the highest bit first: four in five bytes."""
    count = 8 * len(packed) // _CODE_BITS
    octets = np.frombuffer(packed + bytes(-len(packed) % 5), np.uint8).reshape(-1, 5)
    five = octets.astype(np.uint16)
    codes = np.empty((len(five), 4), np.uint16)
    for column in range(4):
        shift = 6 - 2 * column
        codes[:, column] = (five[:, column] << 8 | five[:, column + 1]) >> shift & 0x3FF
    row = codes.reshape(-1)[:count]
    ends = np.flatnonzero(row > _LARGEST_CODE)
    return row[: ends[0]] if len(ends) else row


def _undo_differences(words: NDArray[np.int64], start: int) -> NDArray[np.int64]:
    """Samples from two first values and second differences.

    Devices compute in 16 bits, and wrap: sums of wide integers, wrapped at the end, are the same.
    """
    if len(words) < 3:
        return words
    bends = np.empty(len(words) - 2, np.int64)
    bends[0] = start
    bends[1:] = words[2:-1] - _BIAS
    slopes = words[1] - words[0] - np.cumsum(bends)
    samples = np.concatenate((words[:2], words[1] + np.cumsum(slopes)))
    return samples.astype(np.int16).astype(np.int64)


def _half(row: NDArray[np.int64]) -> NDArray[np.int64]:
    halves: NDArray[np.int64] = np.sign(row) * (np.abs(row) // 2)
    return halves
