"""The time that each stage of a diagnosis takes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a request's work, in seconds of `time.perf_counter`."""

    name: str
    started: float
    ended: float


class StageClock:
    """Adds up the seconds of named stages, in the order in which they first ran."""

    def __init__(self) -> None:
        self.durations_s: dict[str, float] = {}
        self.stages: list[Stage] = []
        self._started = time.perf_counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what runs inside."""
        started = time.perf_counter()
        try:
            yield
        finally:
            ended = time.perf_counter()
            self.durations_s[name] = self.durations_s.get(name, 0.0) + ended - started
            self.stages.append(Stage(name, started, ended))

    def finish(self) -> dict[str, float]:
        """The stages, and `total` since the clock was made."""
        return self.durations_s | {"total": time.perf_counter() - self._started}
