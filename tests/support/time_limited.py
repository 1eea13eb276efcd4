"""Calls in a process of their own that is killed if it takes too long.

A pattern that backtracks holds the interpreter's lock: no thread and no signal handler of the same
process could end it.
"""

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

_STARTING_S = 120.0

_context = multiprocessing.get_context("spawn")


class TookTooLong(AssertionError):
    """The call did not return in time."""


class TimeLimited:
    """A process that calls one function again and again; to be closed.

    Args:
        function: Of this module's like: it can be pickled, and takes one argument that can.
        limit_s: What a call may take.
    """

    def __init__(self, function: Callable[[Any], object], limit_s: float) -> None:
        self._function = function
        self._limit_s = limit_s
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.join()

    def cpu_s(self, argument: object) -> float:
        """Processor seconds of a call, whose errors are its own affair.

        Raises:
            TookTooLong: It was killed.
        """
        self._connection.send(argument)
        if not self._connection.poll(self._limit_s):
            self._process.kill()
            self._process.join()
            self._start()
            raise TookTooLong(f"more than {self._limit_s:g} s")
        return float(self._connection.recv())

    def _start(self) -> None:
        self._connection, theirs = _context.Pipe()
        self._process = _context.Process(target=_serve, args=(self._function, theirs), daemon=True)
        self._process.start()
        assert self._connection.poll(_STARTING_S), "the process did not start"
        self._connection.recv()


def _serve(function: Callable[[Any], object], connection: Connection) -> None:
    connection.send(None)
    while True:
        argument = connection.recv()
        began = time.process_time()
        function(argument)
        connection.send(time.process_time() - began)
