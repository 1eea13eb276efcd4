"""What readers make of files in memory: decoded text, numbers, resampled leads."""

from collections.abc import Sequence

from ecg_core.readers import UploadedFile, unpacked_bytes

# Most that reading a recording takes for each byte of its files: of tables whose cells are quoted,
# 13.4; of other tables 6 to 12, of the other formats less.
BYTES_A_BYTE = 14


def needed_bytes(files: Sequence[UploadedFile]) -> int:
    """Bytes that working on a recording takes at most, besides its files themselves."""
    return BYTES_A_BYTE * sum(map(unpacked_bytes, files))
