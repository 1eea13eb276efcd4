"""Request bodies, bounded in bytes and time while they arrive, whatever their headers claim."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.requests import ClientDisconnect, Request

from ecg_core.errors import Overloaded
from service.errors import RequestError, UnreadableRequest, UploadTimedOut, UploadTooLarge
from service.runtime.upload_budget import BudgetShare

_DRAIN_S = 2.0
# A refused body is read no faster than the largest in so long: else reading what counts for nothing
# would keep the event loop from others.
_LARGEST_DRAINED_IN_S = 1.5
# A body of unknown length is counted as it comes up to this part of the largest, a mebibyte of 32:
# most recordings are smaller, and all that one key may have at once hold one largest together.
_COUNTED_AS_IT_COMES = 1 / 32


class IncomingBody:
    """A request's body as it arrives.

    The bytes that it announces are counted before any of it is read: bodies that took their room
    piece by piece would take it from each other until none of them could end. For the same reason
    one without a length that goes on for long takes room for the largest there may be.

    Args:
        request: The request; nothing of its body has been read.
        max_bytes: Its largest size.
        share: Where its bytes are counted.
    """

    def __init__(self, request: Request, max_bytes: int, share: BudgetShare) -> None:
        self._request = request
        # What could never be held is too large, however much else is held now.
        self._max_bytes = min(max_bytes, share.largest)
        self._share = share
        self._complete = False

    @asynccontextmanager
    async def arriving_within(self, seconds: float) -> AsyncIterator[AsyncIterator[bytes]]:
        """The body's chunks, which have to be there in time.

        Raises:
            UploadTimedOut: They are not.
        """
        try:
            async with asyncio.timeout(seconds):
                yield self._chunks()
        except TimeoutError as error:
            raise UploadTimedOut from error
        except (RequestError, Overloaded):
            await self._drain()
            raise

    async def _chunks(self) -> AsyncIterator[bytes]:
        """Each chunk, once it is known to be within bounds.

        Raises:
            UploadTooLarge: There are more than `max_bytes`, or the header announces so.
            Overloaded: The service holds too many bytes of other uploads: told before anything is
                read if the header announces the length.
            ClientDisconnect: The client hung up before the end.
        """
        announced = _announced_bytes(self._request)
        if announced > self._max_bytes:
            raise UploadTooLarge
        self._share.grow_to(announced)
        received = 0
        while not self._complete:
            chunk = await self._next()
            received += len(chunk)
            if received > self._max_bytes:
                raise UploadTooLarge
            if received > self._share.taken:
                is_short = received <= _COUNTED_AS_IT_COMES * self._max_bytes
                self._share.grow_to(received if is_short else self._max_bytes)
            yield chunk
        self._share.shrink_to(received)

    async def _next(self) -> bytes:
        message = await self._request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        self._complete = not message.get("more_body", False)
        return bytes(message.get("body", b""))

    async def _drain(self) -> None:
        """Read on for a little while: a client that still sends would miss the answer otherwise.

        One that waits for "100 Continue" sends nothing yet, and is not told to.
        """
        if "100-continue" in self._request.headers.get("expect", ""):
            return
        drained = 0
        began = time.monotonic()
        with suppress(TimeoutError), self._share.draining() as may:
            async with asyncio.timeout(_DRAIN_S):
                while may and not self._complete and drained <= self._max_bytes:
                    drained += len(await self._next())
                    due = began + _LARGEST_DRAINED_IN_S * drained / self._max_bytes
                    await asyncio.sleep(due - time.monotonic())


def _announced_bytes(request: Request) -> int:
    stated = request.headers.get("content-length", "0")
    if not (stated.isascii() and stated.isdigit()):
        raise UnreadableRequest
    return int(stated)
