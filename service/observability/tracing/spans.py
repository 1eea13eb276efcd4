"""The span of a request: a fixed list of attributes, none of them from a patient."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from service.engine.stages import Stage
from service.observability.tracing.context import TraceContext, new_context

Attribute = Literal[
    "http.request.method",
    "http.route",
    "http.response.status_code",
    "cardioquery.model.digest",
    "cardioquery.recording.format",
    "cardioquery.queries",
    "cardioquery.recordings",
    "cardioquery.recordings.failed",
]
_FAILED = 500
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})

Attributes = Mapping[Attribute, str | int]


class Span(Protocol):
    """One request's span, from its beginning."""

    @property
    def context(self) -> TraceContext:
        """Its place in the trace."""
        ...

    def end(self, name: str, attributes: Attributes, stages: Iterable[Stage], failed: bool) -> None:
        """Hand it over; never waits.

        Args:
            name: Method and route.
            attributes: See `Attribute`.
            stages: Become its children.
            failed: Whether the service is to blame.
        """


class Tracer(Protocol):
    """Begins spans."""

    def begin(self, caller: TraceContext | None) -> Span:
        """The span of a request, within the caller's if there is one."""
        ...

    def close(self) -> None:
        """Hand over what is left, within seconds."""


@dataclass(frozen=True, slots=True)
class UnrecordedSpan:
    """A span that only has its place."""

    context: TraceContext

    def end(self, name: str, attributes: Attributes, stages: Iterable[Stage], failed: bool) -> None:
        """See `Span.end`."""


class ContextOnly:
    """Passes trace contexts on and exports nothing."""

    def begin(self, caller: TraceContext | None) -> Span:
        """See `Tracer.begin`."""
        return UnrecordedSpan(new_context() if caller is None else caller.child())

    def close(self) -> None:
        """See `Tracer.close`."""


@dataclass(slots=True)
class RequestTrace:
    """One request's span, and what routes add to it.

    Attributes:
        span: Its span.
        attributes: Besides those that every request has.
        stages: What took its time.
    """

    span: Span
    attributes: dict[Attribute, str | int] = field(default_factory=dict)
    stages: list[Stage] = field(default_factory=list)

    def note(self, attributes: Attributes | None = None, stages: Iterable[Stage] = ()) -> None:
        """Add what a route knows."""
        self.attributes |= attributes or {}
        self.stages += stages

    def end(self, method: str, route: str, status: int) -> None:
        """The request is over; probes leave no span, of which there would be no end."""
        if route in _PROBES:
            return
        attributes: dict[Attribute, str | int] = {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
        }
        name = f"{method} {route}"
        self.span.end(name, attributes | self.attributes, self.stages, status >= _FAILED)
