"""Work for a client, which ends when the client hangs up."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

T = TypeVar("T")


async def unless_disconnected(receive: Receive, work: Awaitable[T]) -> T:
    """The result of `work`, which is cancelled if the client hangs up first.

    Args:
        receive: Of a request whose body has been read to its end.
        work: What the client waits for.

    Raises:
        ClientDisconnect: The client hung up.
    """
    task = asyncio.ensure_future(work)
    watcher = asyncio.ensure_future(_disconnection(receive))
    try:
        await asyncio.wait((task, watcher), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientDisconnect
    finally:
        task.cancel()
        watcher.cancel()
        await asyncio.gather(task, watcher, return_exceptions=True)
        # An error holds this frame, and those of the work with its files; were the error held from
        # here, all of it would stay until the garbage collector comes by.
        del task, watcher, work


async def _disconnection(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
