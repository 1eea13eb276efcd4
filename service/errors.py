"""The service's errors, drawn as a tree; those of recordings and queries are in `ecg_core.errors`.

```
EcgError (ecg_core.errors)
├ RequestError          UnreadableRequest · UploadTooLarge · UploadTimedOut · UnsupportedMediaType
├ AccessError           KeyMissing · KeyRefused · ScopeMissing · ForeignRequest
│                       RateLimited (TooManyRunning)
├ InputError            InvalidParameter
├ ConditionError        ConditionIdTaken
├ CapacityError         StoreUnavailable
└ ModelError            ProviderUnavailable
CannotStart             AccessMisconfigured (InvalidKeyFile) · TracingUnavailable · UnguardedRoute
```

Classes carry facts, never status codes: the table of those is `service/api/problems.py`. What Redis
does not do is told apart in `service/storage/redis`, and becomes one of these where it matters.
"""

from ecg_core.errors import CapacityError, ConditionError, EcgError, InputError, ModelError


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


class StoreUnavailable(CapacityError):
    """The store of registered conditions cannot be read or written."""


class ConditionIdTaken(ConditionError):
    """Another text has this id already."""


class ProviderUnavailable(ModelError):
    """An execution provider that the settings ask for is not active: refuse to start."""


class AccessError(EcgError):
    """The caller may not do this, or not now; `reason` is for the audit log only."""

    reason = "refused"


class KeyMissing(AccessError):
    """There is no API key in the request, and one is needed."""

    reason = "key_missing"


class KeyRefused(AccessError):
    """The API key is unknown, revoked or expired; the caller is not told which."""

    def __init__(self, reason: str = "key_unknown") -> None:
        self.reason = reason
        super().__init__(reason)


class ScopeMissing(AccessError):
    """The caller is known but may not do this.

    Attributes:
        scopes: Any one of them would do.
    """

    reason = "scope_missing"

    def __init__(self, scopes: tuple[str, ...]) -> None:
        self.scopes = scopes
        super().__init__(", ".join(scopes))


class ForeignRequest(AccessError):
    """Nobody is asked for a key since only this machine can ask, but the request came another way.

    A proxy has forwarded it, or a browser was told that some name is this machine's (DNS
    rebinding).
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class RateLimited(AccessError):
    """The caller has asked more often than it may.

    Attributes:
        retry_after_s: Seconds until it may ask again.
    """

    reason = "rate_limited"

    def __init__(self, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"retry after {retry_after_s} s")


class TooManyRunning(RateLimited):
    """The key has as many requests without an answer as one key may have."""

    reason = "too_many_running"

    def __init__(self) -> None:
        super().__init__(retry_after_s=1)


class CannotStart(Exception):
    """The service must not start like this; the message is one line that says what to do."""


class AccessMisconfigured(CannotStart):
    """The service would be open to the network, or its keys or its audit log cannot be used."""


class InvalidKeyFile(AccessMisconfigured):
    """The file of keys cannot be used; the message names it and says why, and quotes nothing."""


class TracingUnavailable(CannotStart):
    """Traces are to be exported, but what exports them is not installed."""


class UnguardedRoute(CannotStart):
    """A route says neither which scope it needs nor that it is open to all."""
