"""How many workers were replaced, in memory that supervisor and workers share."""

import multiprocessing

_context = multiprocessing.get_context("spawn")


class Replacements:
    """Counts of workers that were replaced; the supervisor writes, workers read."""

    def __init__(self) -> None:
        self._hung = _context.RawValue("Q", 0)
        self._died = _context.RawValue("Q", 0)

    def note(self, *, hung: bool) -> None:
        """Count one more: it was silent for too long and killed, or it ended by itself."""
        count = self._hung if hung else self._died
        count.value += 1

    @property
    def hung(self) -> int:
        """How many were killed since they gave no sign of life."""
        return int(self._hung.value)

    @property
    def died(self) -> int:
        """How many ended without being told to."""
        return int(self._died.value)
