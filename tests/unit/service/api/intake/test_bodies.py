import asyncio
from collections.abc import Sequence

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from ecg_core.errors import Overloaded
from service.api.intake.bodies import IncomingBody
from service.errors import UnreadableRequest, UploadTimedOut, UploadTooLarge
from service.runtime.upload_budget import UploadBudget

pytestmark = pytest.mark.anyio


class Sender:
    """A client that sends these chunks, and then hangs up or waits for ever."""

    def __init__(self, chunks: Sequence[bytes], *, then: str = "end") -> None:
        self.left = list(chunks)
        self.then = then

    async def __call__(self) -> Message:
        if self.left:
            body = self.left.pop(0)
            more = bool(self.left) or self.then != "end"
            return {"type": "http.request", "body": body, "more_body": more}
        if self.then == "hang up":
            return {"type": "http.disconnect"}
        await asyncio.Event().wait()
        raise AssertionError


async def receive(
    sender: Sender,
    *,
    max_bytes: int = 100,
    seconds: float = 5.0,
    headers: Sequence[tuple[str, str]] = (),
    budget: UploadBudget | None = None,
) -> bytes:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    request = Request({"type": "http", "method": "POST", "headers": raw}, sender)

    with (budget or UploadBudget(1000)).share() as share:
        body = IncomingBody(request, max_bytes, share)
        async with body.arriving_within(seconds) as chunks:
            return b"".join([chunk async for chunk in chunks])


async def test_a_body_within_bounds_is_taken_in() -> None:
    assert await receive(Sender([b"a" * 50, b"", b"b" * 50])) == b"a" * 50 + b"b" * 50
    assert await receive(Sender([b""])) == b""


async def test_more_bytes_than_allowed_are_refused_whatever_the_header_says() -> None:
    sender = Sender([b"a" * 60] * 5)
    with pytest.raises(UploadTooLarge):
        await receive(sender, headers=[("content-length", "10")])


async def test_a_header_that_announces_too_much_is_believed() -> None:
    sender = Sender([b"a"] * 3)
    with pytest.raises(UploadTooLarge):
        await receive(sender, headers=[("content-length", "101")])
    assert sender.left == []


async def test_a_client_that_waits_for_leave_is_not_told_to_send() -> None:
    sender = Sender([b"a"] * 3)
    with pytest.raises(UploadTooLarge):
        await receive(sender, headers=[("content-length", "101"), ("expect", "100-continue")])
    assert len(sender.left) == 3


@pytest.mark.parametrize("length", ["-1", "1e3", "ten", "²", ""])
async def test_a_header_that_is_no_number_is_refused(length: str) -> None:
    with pytest.raises(UnreadableRequest):
        await receive(Sender([b"a"]), headers=[("content-length", length)])


async def test_reading_on_after_a_refusal_is_bounded() -> None:
    sender = Sender([b"a" * 60] * 50)
    with pytest.raises(UploadTooLarge):
        await receive(sender)
    assert len(sender.left) > 40


async def test_a_client_that_is_too_slow_is_refused() -> None:
    with pytest.raises(UploadTimedOut):
        await receive(Sender([b"a"], then="wait"), seconds=0.05)


async def test_a_client_that_hangs_up_is_noticed() -> None:
    with pytest.raises(ClientDisconnect):
        await receive(Sender([b"a"], then="hang up"))


async def test_all_uploads_together_are_bounded_and_give_their_share_back() -> None:
    budget = UploadBudget(150)
    with budget.share() as other:
        other.take(100)
        with pytest.raises(Overloaded):
            await receive(Sender([b"a" * 60]), budget=budget)
        assert budget.held_bytes == 100
    assert await receive(Sender([b"a" * 60]), budget=budget) == b"a" * 60
    assert budget.held_bytes == 0
