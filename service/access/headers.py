"""Headers of every response: what browsers may do with it, and what is left of a limit."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access.rates import RateLimitState
from service.access.request_state import find_state

# Answers hold a patient's findings: no cache may keep them, no page frame them. HSTS is not here:
# it belongs to what speaks TLS.
_ALWAYS: tuple[tuple[bytes, bytes], ...] = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
_POLICY = "requests"


def rate_limit_headers(rate_limit: RateLimitState) -> list[tuple[bytes, bytes]]:
    """`RateLimit` and `RateLimit-Policy`, as in the draft of the IETF's HTTPAPI group."""
    policy = f'"{_POLICY}";q={rate_limit.limit};w={rate_limit.window_s}'
    left = f'"{_POLICY}";r={rate_limit.remaining};t={rate_limit.reset_s}'
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]


class ResponseHeadersMiddleware:
    """Adds them; a header that the response has already stays as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; other scopes pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                present = {name.lower() for name, _ in headers}
                headers += [header for header in _ALWAYS if header[0] not in present]
                state = find_state(scope)
                if state is not None and state.access.rate_limit is not None:
                    headers += rate_limit_headers(state.access.rate_limit)
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, with_headers)
