"""What can be wrong with a request that has an `Idempotency-Key`."""

from ecg_core.errors import CapacityError, EcgError
from service.faults import RequestError


class InvalidIdempotencyKey(RequestError):
    """The header is no key, or the answer is of a kind that cannot be given again."""


class IdempotencyKeyReused(EcgError):
    """The key belongs to a request with another payload."""


class IdempotencyKeyInUse(CapacityError):
    """The first request with this key has not been answered yet."""
