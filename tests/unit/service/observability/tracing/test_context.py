import re

import pytest
from starlette.datastructures import Headers

from service.observability.tracing.context import TraceContext, caller_context, new_context

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


def caller(*parents: str, state: tuple[str, ...] = ()) -> TraceContext | None:
    raw = [(b"traceparent", parent.encode("latin-1")) for parent in parents]
    raw += [(b"tracestate", each.encode("latin-1")) for each in state]
    return caller_context(Headers(raw=raw))


def state_of(*state: str) -> str:
    context = caller(PARENT, state=state)
    assert context is not None
    return context.state


def test_the_callers_place_in_its_trace_is_taken_over() -> None:
    assert caller(PARENT) == TraceContext(TRACE, SPAN, 1, "")
    unsampled = caller(f"00-{TRACE}-{SPAN}-00")
    assert unsampled is not None
    assert unsampled.flags == 0


@pytest.mark.parametrize("parent", [f"01-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-09-what-ever"])
def test_a_later_version_is_read_as_far_as_it_is_known(parent: str) -> None:
    assert caller(parent) == TraceContext(TRACE, SPAN, 1, "")


@pytest.mark.parametrize(
    "parent",
    [
        "",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f" 00-{TRACE}-{SPAN}-01x",
        f"00-{TRACE}-{SPAN}-01é",
        f"0x-{TRACE}-{SPAN}-01",
        "Mustermann" * 20,
    ],
)
def test_what_is_not_valid_is_as_if_it_were_not_there(parent: str) -> None:
    assert caller(parent, state=("a=1",)) is None


def test_two_parents_are_none() -> None:
    assert caller(PARENT, PARENT) is None
    assert caller() is None


def test_state_is_passed_on_as_it_came() -> None:
    assert state_of("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7") == (
        "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"
    )
    assert state_of("a=1", " b@v=2 ,, c=x y") == "a=1,b@v=2,c=x y"


@pytest.mark.parametrize(
    "state",
    [
        "novalue", "A=1", "a=1,a=2", "a=ü", "a=", "a=b=c", "a=" + "x" * 257, "a=1," * 33 + "b=1",
        ",".join(f"key{number}={'x' * 60}" for number in range(10)),
    ],
)  # fmt: skip
def test_a_state_that_is_not_valid_is_left_out(state: str) -> None:
    assert state_of(state) == ""


def test_a_new_trace_and_its_children() -> None:
    context = new_context()
    child = context.child()
    assert child.trace_id == context.trace_id != new_context().trace_id
    assert child.span_id != context.span_id
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", child.header())
