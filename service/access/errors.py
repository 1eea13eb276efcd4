"""Why a request is refused before anything of it is looked at, or the service before it starts."""

from ecg_core.errors import EcgError


class AccessMisconfigured(Exception):
    """The service must not start like this; the message is one line that says what to do."""


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


class RateLimited(AccessError):
    """The caller has asked more often than it may.

    Attributes:
        retry_after_s: Seconds until it may ask again.
    """

    reason = "rate_limited"

    def __init__(self, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"retry after {retry_after_s} s")
