"""Signs of life of a process's event loop, and what ends a process that gives none.

A call that never returns and holds the interpreter's lock stops everything in its process: health
checks, signal handlers, other threads. So somebody else has to notice: the supervisor where there
are several workers, else a thread of C that does without the lock.
"""

import asyncio
import faulthandler
import multiprocessing
import time
from collections.abc import Callable
from typing import Protocol

_BEAT_EVERY_S = 0.25
# Loading a model may hold the lock now and then.
_LOADING_S = 120.0
# A machine, or a container, that was paused comes back with clocks that have gone on.
_LONGEST_STEP_S = 1.0
_STANDARD_ERROR = 2

_context = multiprocessing.get_context("spawn")


class Heart(Protocol):
    """What is told that the event loop is alive."""

    def beat(self, loading: bool) -> None:
        """Say so; `loading` while a model is loaded beside."""
        ...

    def stop(self) -> None:
        """The loop comes to its end as it should."""
        ...


class Pulse:
    """A worker's signs of life, in memory that its supervisor shares.

    Attributes:
        ready: Set once the worker serves.
    """

    def __init__(self) -> None:
        self.ready = _context.Event()
        self._beats = _context.RawValue("Q", 0)
        self._loading = _context.RawValue("b", 0)

    def beat(self, loading: bool = False) -> None:
        """Say that the event loop is alive."""
        self._loading.value = loading
        self._beats.value += 1

    def stop(self) -> None:
        """Nothing: how long a worker may take to end is its supervisor's affair."""

    @property
    def beats(self) -> int:
        """How many there have been."""
        return int(self._beats.value)

    @property
    def is_loading(self) -> bool:
        """Whether a model was being loaded at the last beat."""
        return bool(self._loading.value)


class Silence:
    """How long a pulse has not been felt, counted by the one who asks.

    Args:
        pulse: It is waited for from its first beat on: a worker that starts may take its time.
        hang_after_s: So long may there be none; 0: for ever.
    """

    def __init__(self, pulse: Pulse, hang_after_s: float) -> None:
        self._pulse = pulse
        self._hang_after_s = hang_after_s
        self._beats = 0
        self._asked_at = time.monotonic()
        self._silent_s = 0.0

    def is_too_long(self) -> bool:
        """Whether to give it up; to be asked several times a second."""
        now = time.monotonic()
        # Who asks may have been paused, or starved, together with the worker.
        step_s, self._asked_at = min(now - self._asked_at, _LONGEST_STEP_S), now
        beats = self._pulse.beats
        self._silent_s = self._silent_s + step_s if beats == self._beats else 0.0
        self._beats = beats
        if beats == 0 or self._hang_after_s == 0:
            return False
        longest_s = max(self._hang_after_s, _LOADING_S if self._pulse.is_loading else 0.0)
        return self._silent_s > longest_s


class Watchdog:
    """Ends this process, with exit code 1, if its event loop hangs: whatever restarts it may.

    A thread of C, which needs no lock of the interpreter, writes where each thread stands (names of
    functions and files, no values) to standard error first.

    Args:
        hang_after_s: After so long without a beat.
    """

    def __init__(self, hang_after_s: float) -> None:
        self._hang_after_s = hang_after_s
        self._next_s = 0.0

    def beat(self, loading: bool = False) -> None:
        """Put it off."""
        now = time.monotonic()
        if now >= self._next_s or loading:
            # Each time a thread of C is started: once a second will do.
            self._next_s = now + min(1.0, self._hang_after_s / 4)
            after_s = max(self._hang_after_s, _LOADING_S) if loading else self._hang_after_s
            faulthandler.dump_traceback_later(after_s, exit=True, file=_STANDARD_ERROR)

    def stop(self) -> None:
        """Let the process end in its own time."""
        faulthandler.cancel_dump_traceback_later()


async def keep_beating(heart: Heart, is_loading: Callable[[], bool]) -> None:
    """Beat as long as the event loop is alive; a task of its own."""
    try:
        while True:
            heart.beat(is_loading())
            await asyncio.sleep(_BEAT_EVERY_S)
    finally:
        heart.stop()
