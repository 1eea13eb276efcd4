"""Faults of independent steps, gathered so that all of them are told at once."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ecg_core.errors import Fault, InputError
from service.errors import InvalidParameter


class FaultGatherer:
    """Lets independent steps all run, so that all their faults are reported at once.

    Args:
        faults: What is known to be wrong with the request's fields already.
    """

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults = list(faults)
        self._kind: type[InputError] | None = InvalidParameter if self._faults else None

    def __bool__(self) -> bool:
        return bool(self._faults)

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Keep the faults of an input error instead of letting it through."""
        try:
            yield
        except InputError as error:
            self._kind = self._kind or type(error)
            self._faults.extend(error.faults)

    def raise_any(self) -> None:
        """Raise all that was gathered, as the kind of error that came first."""
        if self._kind is not None:
            raise self._kind(self._faults)
