"""Retries of a request: only if the service asks for it, so often, and not for too long."""

from dataclasses import dataclass

import httpx

from cardioquery.client.errors import retry_after_s

_WORTH_RETRYING = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounds on sending again what was answered with 429 or 503 and a `Retry-After`.

    Attributes:
        max_retries: Times that a request is sent again; 0 for never.
        max_wait_s: Longest wait before it; a service that asks for more is not waited for.
    """

    max_retries: int = 2
    max_wait_s: float = 30.0

    def wait_s(self, response: httpx.Response, retries: int) -> float | None:
        """Seconds to wait before sending again; None: this answer is the last.

        Args:
            response: The answer.
            retries: How often the request was sent again already.
        """
        if response.status_code not in _WORTH_RETRYING or retries >= self.max_retries:
            return None
        wait_s = retry_after_s(response)
        return None if wait_s is None or wait_s > self.max_wait_s else wait_s


NO_RETRIES = RetryPolicy(max_retries=0)
