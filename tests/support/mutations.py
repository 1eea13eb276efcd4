"""Sound files made unsound, the same ones each time."""

from collections.abc import Iterator

import numpy as np

# What counts and lengths turn into.
_NUMBERS = (b"\0", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\xff", b"\xf0\xff\xff\xff", b"9", b"-1")


def mutations(content: bytes, count: int, *, seed: int = 7, head: int = 4096) -> Iterator[bytes]:
    """So many versions of a file: bytes changed, cut out, doubled, put in, and its end cut off.

    Args:
        content: The sound file.
        count: How many versions.
        seed: Of the choices.
        head: Three quarters of the changes fall into so many first bytes, where structure is.
    """
    random = np.random.default_rng(seed)
    for _ in range(count):
        changed = bytearray(content)
        for _ in range(int(random.integers(1, 5))):
            bound = min(head, len(changed)) if random.random() < 0.75 else len(changed)
            place = int(random.integers(0, max(1, bound)))
            length = int(random.integers(1, 9))
            match int(random.integers(0, 6)):
                case 0:
                    changed[place : place + 1] = bytes([int(random.integers(0, 256))])
                case 1:
                    number = _NUMBERS[int(random.integers(0, len(_NUMBERS)))]
                    changed[place : place + len(number)] = number
                case 2:
                    del changed[place : place + length]
                case 3:
                    changed[place:place] = changed[place : place + length]
                case 4:
                    changed[place:place] = random.bytes(length)
                case _:
                    del changed[len(changed) - int(random.integers(0, max(1, len(changed)))) :]
        yield bytes(changed)
