"""Work that several threads want at once is done once."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class SingleFlight(Generic[Key, Value]):
    """Lets the first thread that wants a key do the work, and the others wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flying: dict[Key, Future[Value]] = {}

    def run(self, key: Key, work: Callable[[], Value]) -> tuple[Value, bool]:
        """The result of `work`, and whether it was done here.

        If it fails in another thread, it is tried here: the failure may have been the other's own.
        """
        while True:
            with self._lock:
                other = self._flying.get(key)
                if other is None:
                    mine = self._flying[key] = Future[Value]()
            if other is None:
                return self._fly(key, mine, work), True
            if other.exception() is None:
                return other.result(), False

    def _fly(self, key: Key, future: "Future[Value]", work: Callable[[], Value]) -> Value:
        try:
            value = work()
        except BaseException as error:
            future.set_exception(error)
            raise
        else:
            future.set_result(value)
            return value
        finally:
            with self._lock:
                del self._flying[key]
