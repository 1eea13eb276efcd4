"""Files on disk: their digests, and how they are written so that a half one never passes for whole.

"Whole" outlives a kill and a loss of power: the bytes are on the disk before the name is, and the
name is on the disk before anybody is told of it.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_CHUNK_BYTES = 1 << 22


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def range_digest(path: Path, start: int, length: int) -> str:
    """SHA-256 of some bytes of a file, in hexadecimal; of fewer where it ends before."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        stream.seek(start)
        while length > 0 and (chunk := stream.read(min(length, _CHUNK_BYTES))):
            digest.update(chunk)
            length -= len(chunk)
    return digest.hexdigest()


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that appears under its name only when it is whole and on the disk."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())
    publish(partial, path)


def publish(partial: Path, path: Path) -> None:
    """Rename, and make sure that the renaming itself outlives a loss of power."""
    partial.replace(path)
    for folder in {partial.parent, path.parent}:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
