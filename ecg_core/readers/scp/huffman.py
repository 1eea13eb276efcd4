"""Huffman codes of SCP-ECG: bits to numbers.

Where a number begins is only known once the one before it is read, so one loop over the numbers
cannot be avoided. All that it does is to hop: what code begins at a bit, and where the eighth from
there ends, is looked up for all bits at once.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ecg_core.readers.scp.huffman_tables import LONGEST_PREFIX_BITS, NO_STEP, HuffmanTable

# Bits are looked at in blocks, so that the working memory does not grow with the recording.
_BLOCK_BYTES = 16 * 1024
# A start within a byte, a prefix and extra bits fit into these: 7 + 16 + 16 bits.
_WINDOW_BYTES = 5


def decode(
    content: bytes, count: int, tables: Sequence[HuffmanTable]
) -> tuple[NDArray[np.int64], int]:
    """Numbers from bits, the highest bit of a byte first.

    Args:
        content: The bits; there may be more behind the last number.
        count: How many numbers there must be.
        tables: As `read_tables` gives them.

    Returns:
        The numbers, shape (number,), and how many bytes they took.

    Raises:
        ValueError: The bits end too early, or no code begins with them.
    """
    blocks: list[NDArray[np.int64]] = []
    bit = done = current = 0
    while done < count:
        if bit >= 8 * len(content):
            raise ValueError("the Huffman codes end too early")
        block = _Block(content, bit // 8)
        numbers, bit, current = block.numbers(bit, count - done, tables, current)
        blocks.append(numbers)
        done += len(numbers)
    if bit > 8 * len(content):
        raise ValueError("the Huffman codes end too early")
    return np.concatenate(blocks) if blocks else np.empty(0, np.int64), -(-bit // 8)


class _Block:
    """A stretch of the bits; numbers that begin in it may reach beyond it."""

    def __init__(self, content: bytes, first_byte: int) -> None:
        octets = content[first_byte : first_byte + _BLOCK_BYTES + _WINDOW_BYTES]
        size = min(len(octets), _BLOCK_BYTES)
        padded = np.frombuffer(octets + bytes(_WINDOW_BYTES), np.uint8)
        # The five bytes from each one on, as one number.
        self._windows = np.zeros(size, np.int64)
        for place in range(_WINDOW_BYTES):
            self._windows = self._windows << 8 | padded[place : place + size]
        # The word that begins at each bit.
        shifts = 8 * _WINDOW_BYTES - LONGEST_PREFIX_BITS - np.arange(8)
        self._words = (self._windows[:, None] >> shifts).astype(np.uint16).reshape(-1)
        self._first_bit = 8 * first_byte
        self._end = 8 * size

    def numbers(
        self, bit: int, most: int, tables: Sequence[HuffmanTable], current: int
    ) -> tuple[NDArray[np.int64], int, int]:
        """The numbers that begin here, the bit behind the last, and the table to go on with."""
        used, starts = self._codes_from(bit - self._first_bit, tables, current)
        codes = np.empty(len(starts), np.int64)
        values, steps, targets = (np.empty(len(starts), np.int64) for _ in range(3))
        for number, table in enumerate(tables):
            chosen = used == number
            codes[chosen] = table.code[self._words[starts[chosen]]]
            values[chosen] = self._values(starts[chosen], codes[chosen], table)
            steps[chosen] = table.step_bits[codes[chosen]]
            targets[chosen] = table.switch_to[codes[chosen]]
        numbers = np.flatnonzero(targets < 0)[:most]
        last = numbers[-1] if len(numbers) == most else len(starts) - 1
        if (steps[: last + 1] == NO_STEP).any():
            raise ValueError("no Huffman code begins with these bits")
        following = int(targets[last]) if targets[last] >= 0 else int(used[last])
        return values[numbers], self._first_bit + int(starts[last] + steps[last]), following

    def _codes_from(
        self, start: int, tables: Sequence[HuffmanTable], current: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where codes begin from there on to the block's end, and which table each is of."""
        end = self._end
        hop = self._hops(tables)
        # Eight codes at a time: the loop is what costs.
        hop_2 = hop[hop]
        hop_4 = hop_2[hop_2]
        hop_8 = hop_4[hop_4].data
        behind = len(hop) - 1
        state = current * end + start
        eighths: list[int] = []
        while state < behind:
            eighths.append(state)
            state = hop_8[state]
        states = np.empty((len(eighths), 8), np.int64)
        states[:, 0] = eighths
        for column in range(1, 8):
            states[:, column] = hop[states[:, column - 1]]
        return np.divmod(states[states < behind], end)

    def _hops(self, tables: Sequence[HuffmanTable]) -> NDArray[np.int32]:
        """From each bit in each table to where the next code begins, and in which table.

        Bit b in table t is entry t x end + b; the last entry is what lies behind the block.
        """
        end = self._end
        behind = len(tables) * end
        hop = np.empty(behind + 1, np.int32)
        hop[behind] = behind
        for number, table in enumerate(tables):
            codes = table.code[self._words]
            place = table.step_bits[codes] + np.arange(end, dtype=np.int32)
            targets = np.where(table.switch_to >= 0, table.switch_to, number).astype(np.int32)
            state = targets[codes] * end + place
            hop[number * end : (number + 1) * end] = np.where(place < end, state, behind)
        return hop

    def _values(
        self, starts: NDArray[np.int64], codes: NDArray[np.int64], table: HuffmanTable
    ) -> NDArray[np.int64]:
        """The codes' numbers, with those behind their prefixes: these in two's complement."""
        values = table.value[codes]
        longer = np.flatnonzero(table.extra_bits[codes])
        if len(longer):
            bits = table.extra_bits[codes[longer]]
            places = starts[longer]
            behind = 8 * _WINDOW_BYTES - places % 8 - table.step_bits[codes[longer]]
            raw = self._windows[places // 8] >> behind & (1 << bits) - 1
            values[longer] += raw - ((raw >> bits - 1) << bits)
        return values
