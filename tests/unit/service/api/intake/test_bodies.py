import asyncio
import time
from collections.abc import Sequence

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from ecg_core.errors import Overloaded
from service.api.intake.bodies import IncomingBody
from service.errors import UnreadableRequest, UploadTimedOut, UploadTooLarge
from service.runtime.upload_budget import UploadBudget

pytestmark = pytest.mark.anyio

LARGEST = 32_000


class Sender:
    """A client that sends these chunks, and then ends, hangs up, fails or waits for ever.

    With `in_turns` others may send theirs between two of its chunks.
    """

    def __init__(
        self, chunks: Sequence[bytes], *, then: str = "end", in_turns: bool = False
    ) -> None:
        self.left = list(chunks)
        self.then = then
        self.in_turns = in_turns

    async def __call__(self) -> Message:
        if self.in_turns:
            await asyncio.sleep(0)
        if self.left:
            body = self.left.pop(0)
            more = bool(self.left) or self.then != "end"
            return {"type": "http.request", "body": body, "more_body": more}
        if self.then == "hang up":
            return {"type": "http.disconnect"}
        if self.then == "fail":
            raise OSError
        await asyncio.Event().wait()
        raise AssertionError


def announcing(count: int) -> list[tuple[str, str]]:
    return [("content-length", str(count))]


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


async def test_a_refused_body_is_read_on_without_haste() -> None:
    began = time.monotonic()
    with pytest.raises(UploadTooLarge):
        await receive(Sender([b"a" * 10] * 10), headers=announcing(101))
    assert time.monotonic() - began > 1.4


async def test_few_refused_bodies_at_once_are_read_on() -> None:
    budget, senders = UploadBudget(1000), [Sender([b"a"] * 3) for _ in range(3)]

    async def be_refused(sender: Sender) -> None:
        with pytest.raises(UploadTooLarge):
            await receive(sender, headers=announcing(101), budget=budget)

    with budget.draining() as first, budget.draining() as second:
        assert first
        assert second
        await be_refused(senders[0])
    await be_refused(senders[1])
    assert [len(sender.left) for sender in senders] == [3, 0, 3]


async def test_a_client_that_is_too_slow_is_refused() -> None:
    with pytest.raises(UploadTimedOut):
        await receive(Sender([b"a"], then="wait"), seconds=0.05)


async def test_a_client_that_hangs_up_is_noticed() -> None:
    with pytest.raises(ClientDisconnect):
        await receive(Sender([b"a"], then="hang up"))


async def test_all_uploads_together_are_bounded_and_give_their_share_back() -> None:
    budget = UploadBudget(150)
    with budget.share() as other:
        other.grow_to(100)
        with pytest.raises(Overloaded):
            await receive(Sender([b"a" * 60]), budget=budget)
        assert budget.held_bytes == 100
    assert await receive(Sender([b"a" * 60]), budget=budget) == b"a" * 60
    assert budget.held_bytes == 0


async def test_what_is_announced_is_refused_before_anything_is_read_or_taken() -> None:
    budget = UploadBudget(150)
    sender = Sender([b"a" * 60])
    with budget.share() as other:
        other.grow_to(100)
        headers = [("content-length", "60"), ("expect", "100-continue")]
        with pytest.raises(Overloaded):
            await receive(sender, budget=budget, headers=headers)
        assert len(sender.left) == 1
        assert budget.held_bytes == 100


async def test_what_the_whole_budget_could_not_hold_is_too_large() -> None:
    with pytest.raises(UploadTooLarge):
        await receive(
            Sender([b"a"]), max_bytes=100, headers=announcing(60), budget=UploadBudget(50)
        )
    with pytest.raises(UploadTooLarge):
        await receive(Sender([b"a" * 30] * 2), max_bytes=100, budget=UploadBudget(50))


@pytest.mark.parametrize("room_for", [1, 2, 3])
@pytest.mark.parametrize("announced", [True, False])
async def test_of_the_largest_bodies_at_once_as_many_get_through_as_there_is_room_for(
    room_for: int, announced: bool
) -> None:
    pieces, size, count = 40, LARGEST, 8
    budget = UploadBudget(room_for * size + size // 2)
    for _ in range(3):
        bodies = [
            receive(
                Sender([b"a" * (size // pieces)] * pieces, in_turns=True),
                max_bytes=size,
                headers=announcing(size) if announced else (),
                budget=budget,
            )
            for _ in range(count)
        ]
        found = await asyncio.gather(*bodies, return_exceptions=True)
        through = [each for each in found if isinstance(each, bytes)]
        assert len(through) >= room_for
        assert {type(each) for each in found} == {bytes, Overloaded}
        assert budget.held_bytes == 0


async def test_a_body_without_a_length_does_not_end_one_that_was_let_in() -> None:
    size = LARGEST
    pieces = [b"a" * (size // 40)] * 40
    budget = UploadBudget(size + size // 2)
    announced = receive(
        Sender(pieces, in_turns=True), max_bytes=size, headers=announcing(size), budget=budget
    )
    others = (receive(Sender(pieces, in_turns=True), max_bytes=size, budget=budget) for _ in "abcd")
    first, *rest = await asyncio.gather(announced, *others, return_exceptions=True)
    assert first == b"".join(pieces)
    assert {type(each) for each in rest} == {Overloaded}


async def test_room_that_a_body_did_not_need_is_given_back_at_its_end() -> None:
    budget = UploadBudget(2 * LARGEST)
    body = b"a" * (LARGEST // 32 + 1)
    request = Request({"type": "http", "method": "POST", "headers": []}, Sender([body]))
    with budget.share() as share:
        incoming = IncomingBody(request, LARGEST, share)
        async with incoming.arriving_within(5.0) as chunks:
            async for _ in chunks:
                assert budget.held_bytes == LARGEST
        assert budget.held_bytes == share.taken == len(body)
    assert budget.held_bytes == 0


@pytest.mark.parametrize(
    ("end", "raised"),
    [
        ("hang up", ClientDisconnect),
        ("wait", UploadTimedOut),
        ("fail", OSError),
        ("end", UnreadableRequest),
        ("cancel", asyncio.CancelledError),
    ],
)
async def test_what_was_reserved_is_given_back_however_a_request_ends(
    end: str, raised: type[BaseException]
) -> None:
    budget = UploadBudget(100)
    sender = Sender([b"a" * 10] * 3, then=end)
    raw = [(b"content-length", b"90")]
    request = Request({"type": "http", "method": "POST", "headers": raw}, sender)
    begun = asyncio.Event()
    held: list[int] = []

    async def take_in() -> None:
        with budget.share() as share:
            body = IncomingBody(request, 100, share)
            async with body.arriving_within(60.0 if end == "cancel" else 0.2) as chunks:
                async for _ in chunks:
                    held.append(budget.held_bytes)
                    begun.set()
                # As a form that is cut off.
                raise UnreadableRequest

    task = asyncio.create_task(take_in())
    await begun.wait()
    if end == "cancel":
        task.cancel()
    with pytest.raises(raised):
        await task
    assert held == [90] * len(held)
    assert budget.held_bytes == 0
