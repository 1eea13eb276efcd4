"""`traceparent` and `tracestate`, as https://www.w3.org/TR/trace-context/ has them."""

import re
import secrets
from dataclasses import dataclass, replace

from starlette.datastructures import Headers

PARENT_HEADER = "traceparent"
STATE_HEADER = "tracestate"
RESPONSE_HEADER = "traceresponse"
SAMPLED = 0x01

_MAX_STATE_CHARACTERS = 512
_MAX_STATE_MEMBERS = 32
_KNOWN_FLAGS = 0x03  # sampled, and that the trace's id is random

_PARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})"
    r"(?P<more>-.*)?"
)
_MEMBER = re.compile(
    r"(?P<key>[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
    r"=[ !-+\--<>-~]{0,255}[!-+\--<>-~]"
)


@dataclass(frozen=True, slots=True)
class TraceContext:
    """One span's place in a trace.

    Attributes:
        trace_id: 32 hexadecimal digits, the same for all that belongs together.
        span_id: 16 of them, of this span alone.
        flags: Whether the trace is recorded, and whether its id is random.
        state: What the tracing systems on the way have written down for themselves.
    """

    trace_id: str
    span_id: str
    flags: int = SAMPLED
    state: str = ""

    def child(self) -> "TraceContext":
        """A span of the same trace."""
        return replace(self, span_id=secrets.token_hex(8))

    def header(self) -> str:
        """The value of `traceparent` for whom this span asks, or of `traceresponse`."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"


def new_context() -> TraceContext:
    """The first span of a trace of its own."""
    return TraceContext(secrets.token_hex(16), secrets.token_hex(8))


def caller_context(headers: Headers) -> TraceContext | None:
    """The span of the caller; None if it says none that is valid."""
    stated = headers.getlist(PARENT_HEADER)
    found = _PARENT.fullmatch(stated[0]) if len(stated) == 1 else None
    if found is None or not _is_valid(found):
        return None
    state = _valid_state(",".join(headers.getlist(STATE_HEADER)))
    return TraceContext(
        found["trace"], found["span"], int(found["flags"], 16) & _KNOWN_FLAGS, state
    )


def _is_valid(parent: re.Match[str]) -> bool:
    if parent["version"] == "ff" or (parent["version"] == "00" and parent["more"]):
        return False
    return bool(parent["trace"].strip("0")) and bool(parent["span"].strip("0"))


def _valid_state(stated: str) -> str:
    members = [member.strip(" \t") for member in stated.split(",")]
    members = [member for member in members if member]
    state = ",".join(members)
    if len(members) > _MAX_STATE_MEMBERS or len(state) > _MAX_STATE_CHARACTERS:
        return ""
    found = [_MEMBER.fullmatch(member) for member in members]
    keys = {match["key"] for match in found if match}
    return state if len(keys) == len(members) else ""
