"""Room for what readers make of files: decoded text, numbers, resampled leads."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from zipfile import BadZipFile, ZipFile

from ecg_core.checkpoint import Checkpoint
from ecg_core.readers import UploadedFile

# Most that reading a recording takes for each byte of its files: of tables whose cells are quoted,
# 13.4; of other tables 6 to 12, of the other formats less.
BYTES_A_BYTE = 14
_ZIP = ".zip"


def needed_bytes(files: Sequence[UploadedFile]) -> int:
    """Bytes that working on a recording takes at most, besides its files themselves."""
    return BYTES_A_BYTE * sum(map(_unpacked_bytes, files))


class WorkingMemory:
    """Lets as much work go on at once as there is room for; a single piece may always run.

    Args:
        max_bytes: Of all work together.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._changed = threading.Condition()
        self.taken = 0

    @contextmanager
    def room(self, count: int, checkpoint: Checkpoint) -> Iterator[None]:
        """Wait in a worker's thread until there is room, and keep it meanwhile.

        Args:
            count: Bytes.
            checkpoint: Called now and then while waiting; may raise.
        """
        while not self._has_taken(count):
            # Without the lock: this piece of work may stand aside here for one that has room.
            checkpoint()
        try:
            yield
        finally:
            with self._changed:
                self.taken -= count
                self._changed.notify_all()

    def _has_taken(self, count: int) -> bool:
        with self._changed:
            if self.taken and self.taken + count > self._max_bytes:
                self._changed.wait(0.05)
                return False
            self.taken += count
            return True


def _unpacked_bytes(file: UploadedFile) -> int:
    if file.suffix == _ZIP:
        # What it states: the reader unpacks no more.
        with suppress(BadZipFile, ValueError, OSError, NotImplementedError):
            return sum(each.file_size for each in ZipFile(BytesIO(file.content)).infolist())
    return len(file.content)
