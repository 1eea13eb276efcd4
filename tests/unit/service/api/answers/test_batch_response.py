import asyncio
import json
from contextlib import ExitStack

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from service.api.answers.batch_response import BatchResponse, BatchRun, ItemAnswer

pytestmark = pytest.mark.anyio


class Wire:
    """One connection: what was sent, and whether the client is still there."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.gone = asyncio.Event()
        self.may_send = asyncio.Event()
        self.may_send.set()

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await self.may_send.wait()
        self.sent.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


class Work:
    """Answers each item when it may; in this order."""

    def __init__(self, order: list[int]) -> None:
        self.begun: list[int] = []
        self.released: list[bool] = []
        self._events = {index: asyncio.Event() for index in order}
        self._order = order
        self.held = ExitStack()
        self.held.callback(self.released.append, True)

    async def answer(self, index: int) -> ItemAnswer:
        self.begun.append(index)
        await self._events[index].wait()
        return ItemAnswer(index, b'{"index":%d}' % index, failed=index == 1)

    async def let_go(self) -> None:
        for index in self._order:
            self._events[index].set()
            for _ in range(10):
                await asyncio.sleep(0)

    def response(self, *, as_lines: bool, at_once: int = 3, seconds: float = 20) -> BatchResponse:
        run = BatchRun('r"1', len(self._order), at_once, self.answer, seconds, self.held)
        return BatchResponse(run, as_lines=as_lines)


async def scenario(as_lines: bool) -> tuple[bytes, Work]:
    work, wire = Work([2, 0, 1]), Wire()
    task = asyncio.create_task(work.response(as_lines=as_lines)({}, wire.receive, wire.send))
    await asyncio.sleep(0)
    await work.let_go()
    await task
    return wire.body, work


async def test_lines_come_as_they_are_done_and_the_last_says_so() -> None:
    body, work = await scenario(as_lines=True)
    assert [json.loads(line) for line in body.splitlines()] == [
        {"index": 2}, {"index": 0}, {"index": 1}, {"done": True, "items": 3, "failed": 1},
    ]  # fmt: skip
    assert work.released == [True]


async def test_the_document_is_in_order() -> None:
    body, work = await scenario(as_lines=False)
    assert json.loads(body) == {
        "request_id": 'r"1',
        "items": [{"index": 0}, {"index": 1}, {"index": 2}],
        "failed": 1,
    }
    assert work.released == [True]


@pytest.mark.parametrize("as_lines", [True, False])
async def test_when_the_client_hangs_up_the_rest_is_not_scored(as_lines: bool) -> None:
    work, wire = Work([0, 1, 2]), Wire()
    response = work.response(as_lines=as_lines, at_once=1)
    task = asyncio.create_task(response({}, wire.receive, wire.send))
    while not work.begun:  # noqa: ASYNC110 (a few turns of the loop)
        await asyncio.sleep(0)
    wire.gone.set()
    with pytest.raises(ClientDisconnect):
        await task
    assert work.begun == [0]
    assert work.released == [True]
    assert b"done" not in wire.body
    assert all(message.get("more_body", True) for message in wire.sent)


async def test_a_client_that_does_not_read_is_left() -> None:
    work, wire = Work([0, 1, 2]), Wire()
    wire.may_send.clear()
    with pytest.raises(ClientDisconnect):
        await work.response(as_lines=True, seconds=0.05)({}, wire.receive, wire.send)
    assert work.released == [True]


async def test_a_broken_connection_is_a_client_that_hung_up() -> None:
    async def broken(_: Message) -> None:
        raise BrokenPipeError

    work = Work([0])
    with pytest.raises(ClientDisconnect):
        await work.response(as_lines=True)({}, Wire().receive, broken)
    assert work.released == [True]
