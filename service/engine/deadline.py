"""The time by which a request's work must stop; long loops ask at each step."""

import threading
import time

from ecg_core.errors import DeadlineExceeded


class Deadline:
    """A point in time, or the moment when nobody waits for the answer any more."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._abandoned = threading.Event()

    @property
    def remaining_s(self) -> float:
        """Seconds that are left, never less than 0."""
        return max(0.0, self._end - time.monotonic())

    def abandon(self) -> None:
        """Let the work stop at its next check: the caller has gone."""
        self._abandoned.set()

    def check(self) -> None:
        """Stop here if there is no time left.

        Raises:
            DeadlineExceeded: The time is up, or the caller has gone.
        """
        if self._abandoned.is_set() or time.monotonic() >= self._end:
            raise DeadlineExceeded
