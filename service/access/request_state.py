"""One request as the middlewares and routes know it."""

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

from service.access.keys import Scope
from service.access.rates import Allowance, RateLimitState
from service.observability.tracing.spans import RequestTrace

_KEY = "cardioquery"


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a request.

    Attributes:
        key_id: Of the API key; None where none is asked for.
        scopes: What the caller may do.
        allowance: How often; None: as often as it likes.
    """

    key_id: str | None
    scopes: frozenset[Scope]
    allowance: Allowance | None

    def may(self, any_of: tuple[Scope, ...]) -> bool:
        """True if one of the scopes is the caller's."""
        return Scope.ADMIN in self.scopes or not self.scopes.isdisjoint(any_of)


@dataclass(slots=True)
class AccessRecord:
    """The decision about a request: for its response's headers and the audit log.

    Attributes:
        key_id: Of a key that was right, whether or not it was good for this.
        refusal: Why the request was refused.
        condition: Id of the condition that was registered or removed.
        rate_limit: What is left of the caller's limit.
        caller: Who asks, once that is known.
        counted: As how many requests it has been counted.
        throttled: Whether it is one of too many refusals, which are not written down one by one.
        running: Whether it counts among those of its key that have no answer yet.
    """

    key_id: str | None = None
    refusal: str | None = None
    condition: str | None = None
    rate_limit: RateLimitState | None = None
    caller: Caller | None = None
    counted: int = 0
    throttled: bool = False
    running: bool = False


@dataclass(slots=True)
class RequestState:
    """The state of a request while it is answered.

    Attributes:
        request_id: Its id.
        trace: Its span.
        access: What was decided about it.
        model_digest: Of the model that answers it, whatever is loaded later.
        error: Why it was refused or failed.
    """

    request_id: str
    trace: RequestTrace
    access: AccessRecord = field(default_factory=AccessRecord)
    model_digest: str | None = None
    error: Exception | None = None

    @property
    def caller(self) -> str:
        """Who takes up room: the key's id; callers without one are one caller."""
        return self.access.key_id or ""

    @property
    def turn(self) -> str:
        """Whose turn its work takes: the key's; without keys each request has its own."""
        return self.access.key_id or self.request_id


def attach_state(scope: MutableMapping[str, Any], state: RequestState) -> None:
    """Let everything that serves this request know its state."""
    scope.setdefault("state", {})[_KEY] = state


def find_state(scope: MutableMapping[str, Any]) -> RequestState | None:
    """The request's state; None where none was attached (a preflight of CORS)."""
    state: RequestState | None = scope.get("state", {}).get(_KEY)
    return state


def request_state(scope: MutableMapping[str, Any]) -> RequestState:
    """The request's state, which the telemetry has attached."""
    state: RequestState = scope["state"][_KEY]
    return state
