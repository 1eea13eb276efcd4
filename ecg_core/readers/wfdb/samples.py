"""The samples of a WFDB signal file, unpacked.

Byte layouts as in signal(5), https://physionet.org/physiotools/wag/signal-5.htm. The tests hold
them against the WFDB library itself.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Digital = NDArray[np.signedinteger[Any]]
_Bytes = NDArray[np.uint8]

BITS_PER_SAMPLE = MappingProxyType({"80": 8, "212": 12, "16": 16, "24": 24, "32": 32})


def unpacked(content: bytes, byte_offset: int, storage_format: str, count: int) -> Digital:
    """So many samples of a signal file in a row.

    Args:
        content: The signal file.
        byte_offset: Where its samples begin.
        storage_format: One of `BITS_PER_SAMPLE`.
        count: Of the samples; the file must hold as many.

    Returns:
        Converter values as they are stored, shape (count,).

    Raises:
        ValueError: The file holds fewer.
    """
    size = -(-count * BITS_PER_SAMPLE[storage_format] // 8)
    return _DECODERS[storage_format](np.frombuffer(content, np.uint8, size, byte_offset))[:count]


def _offset_binary(stored: _Bytes) -> Digital:
    """Format 80: a byte a sample, 128 for zero."""
    return (stored ^ 0x80).view(np.int8)


def _twelve_bits(stored: _Bytes) -> Digital:
    """Format 212: two samples in three bytes; the upper four bits of both are in the second."""
    padded = np.concatenate([stored, np.zeros(-len(stored) % 3, np.uint8)])
    low, shared, high = padded.reshape(-1, 3).T.astype(np.int16)
    pairs = np.stack([low | (shared & 0x0F) << 8, high | (shared & 0xF0) << 4], axis=1)
    return (pairs.ravel() << 4) >> 4  # the shifts carry the sign from bit 11 up


def _three_bytes(stored: _Bytes) -> Digital:
    """Format 24: the lowest byte first, two's complement."""
    wide = np.zeros((len(stored) // 3, 4), np.uint8)
    wide[:, 1:] = stored.reshape(-1, 3)
    return wide.view("<i4").ravel() >> 8  # the shift carries the sign


_DECODERS: MappingProxyType[str, Callable[[_Bytes], Digital]] = MappingProxyType(
    {
        "80": _offset_binary,
        "212": _twelve_bits,
        "16": lambda stored: stored.view("<i2"),
        "24": _three_bytes,
        "32": lambda stored: stored.view("<i4"),
    }
)
