"""What can be wrong with a request before the core sees it, and how faults are gathered."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ecg_core.errors import EcgError, Fault, InputError


class RequestError(EcgError):
    """The request's body cannot be taken."""


class UnreadableRequest(RequestError):
    """The multipart or JSON cannot be read."""


class UploadTooLarge(RequestError):
    """The request's body is over the limit, whatever its Content-Length says."""


class UploadTimedOut(RequestError):
    """The request's body did not arrive in time."""


class UnsupportedMediaType(RequestError):
    """The request's body has a content type that this route does not take."""


class InvalidParameter(InputError):
    """Fields of the request that do not hold what they should."""


class FaultGatherer:
    """Lets independent steps all run, so that all their faults are reported at once."""

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
