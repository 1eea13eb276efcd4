"""How the C library's allocator deals with what is freed: large buffers go back at once."""

import ctypes
from contextlib import suppress

# As glibc's malloc.h names them.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_MEBIBYTE = 1024 * 1024


def give_large_buffers_back() -> bool:
    """Let every buffer of a mebibyte and more be mapped by itself, and unmapped when it is freed.

    By default glibc takes the first large buffer that is freed as a sign that there will be more,
    and from then on cuts buffers of up to 32 MiB out of heaps, one a thread, which keep what is
    freed: after the first large table a process held 90 MiB more for good, and needed 90 MiB more
    for the next one. An ordinary recording's arrays are smaller, and are not affected.

    Returns:
        Whether it was done; other C libraries have no such habit and no such option.
    """
    with suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        return bool(
            mallopt(_M_MMAP_THRESHOLD, _MEBIBYTE)
            # Twice as much, as glibc has it where it chooses the first by itself.
            and mallopt(_M_TRIM_THRESHOLD, 2 * _MEBIBYTE)
        )
    return False
