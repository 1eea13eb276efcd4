"""How many requests of one API key are being answered at once."""

from collections import Counter

from starlette.types import ASGIApp, Receive, Scope, Send

from service.access.request_state import find_state
from service.errors import TooManyRunning


class RunningRequests:
    """Counts the requests of each key that have no answer yet, so that none takes every place.

    Args:
        most: Of one key.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_key: Counter[str] = Counter()

    def begin(self, key_id: str) -> None:
        """Count one more.

        Raises:
            TooManyRunning: There are as many as one key may have.
        """
        if self._by_key[key_id] >= self._most:
            raise TooManyRunning
        self._by_key[key_id] += 1

    def of(self, key_id: str) -> int:
        """How many this key has."""
        return self._by_key[key_id]

    def end(self, key_id: str) -> None:
        """Count one less."""
        self._by_key[key_id] -= 1
        if self._by_key[key_id] <= 0:
            del self._by_key[key_id]


class RunningMiddleware:
    """Counts a request out once its answer was sent, or its client has gone."""

    def __init__(self, app: ASGIApp, running: RunningRequests) -> None:
        self._app = app
        self._running = running

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; other scopes pass through."""
        try:
            await self._app(scope, receive, send)
        finally:
            state = find_state(scope)
            if state is not None and state.access.running and state.access.key_id is not None:
                self._running.end(state.access.key_id)
