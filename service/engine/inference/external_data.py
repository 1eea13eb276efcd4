"""Whether an ONNX graph keeps weights in files beside it, which no digest of its own covers.

Only the few fields of `onnx.proto` that lead to tensors are walked; the package `onnx`, which
knows all of them, is not needed for serving.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5
_EXTERNAL = 1

# Fields of each message that lead on, by number.
_LEADS_ON: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse",
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}  # fmt: skip
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14


class _Field(NamedTuple):
    number: int
    value: "int | memoryview"


def has_external_data(content: bytes) -> bool:
    """True if any tensor of a graph lies in another file.

    Args:
        content: A serialized `ModelProto`.

    Raises:
        ValueError: It is none.
    """
    waiting = [("model", memoryview(content))]
    while waiting:
        kind, message = waiting.pop()
        for number, value in _fields(message):
            if kind == "tensor":
                outside = number == _DATA_LOCATION and value == _EXTERNAL
                if outside or number == _EXTERNAL_DATA:
                    return True
            elif number in _LEADS_ON[kind] and isinstance(value, memoryview):
                waiting.append((_LEADS_ON[kind][number], value))
    return False


def _fields(message: memoryview) -> Iterator[_Field]:
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        wire = tag & 7
        if wire == _VARINT:
            number, place = _varint(message, place)
            yield _Field(tag >> 3, number)
            continue
        if wire == _DELIMITED:
            length, place = _varint(message, place)
        elif wire in (_FIXED32, _FIXED64):
            length = 4 if wire == _FIXED32 else 8
        else:
            raise ValueError("no protocol buffer")
        if place + length > len(message):
            raise ValueError("a field ends beyond its message")
        yield _Field(tag >> 3, message[place : place + length])
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            break
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError("no protocol buffer")
