"""Limits on how often one caller may ask: a moving window, here or shared through Redis."""

import asyncio
import ipaddress
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from typing import Any

from limits import RateLimitItem
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter

from service.storage.redis.client import RedisClient
from service.storage.redis.link import RedisLink, RedisUnavailable

_SHARED_ANSWERS_WITHIN_S = 0.25
_SHARED_CALLS = 4
_MAX_CALLERS_IN_MEMORY = 100_000
_IPV6_SITE_BITS = 64


@dataclass(frozen=True, slots=True)
class Allowance:
    """The limit of one caller, and the name under which it is counted."""

    caller: str
    limit: RateLimitItem


@dataclass(frozen=True, slots=True)
class RateLimitState:
    """The rest of a limit.

    Attributes:
        allowed: Whether the request was within it.
        limit: Requests in a window.
        window_s: Its length.
        remaining: Requests that are left now.
        reset_s: Seconds until the oldest request that counts leaves the window.
    """

    allowed: bool
    limit: int
    window_s: int
    remaining: int
    reset_s: int


def caller_by_address(host: str | None) -> str:
    """The name under which an address is counted; of IPv6 the site, since a host has many."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return "address:unknown"
    if address.version == 6 and address.ipv4_mapped is not None:
        # A dual-stack socket's form of an IPv4 address: all of them lie in one /64.
        address = address.ipv4_mapped
    if address.version == 6:
        return f"address:{ipaddress.ip_network((address, _IPV6_SITE_BITS), strict=False)}"
    return f"address:{address}"


class RateLimiter:
    """Counts requests by caller.

    With Redis, all replicas count together. While Redis does not answer, each process counts for
    itself: nobody is refused or kept waiting because of it.

    Args:
        on_fallback: Told each time that Redis failed to count.
    """

    def __init__(self, on_fallback: Callable[[], None]) -> None:
        self._memory = MemoryStorage()
        self._local = MovingWindowRateLimiter(self._memory)
        self._shared: _SharedCounts | None = None
        self._threads = ThreadPoolExecutor(_SHARED_CALLS, thread_name_prefix="rate-limits")
        self._on_fallback = on_fallback

    def share(self, redis: RedisLink, key_prefix: str) -> None:
        """Count in Redis from now on."""
        self._shared = _SharedCounts(redis, key_prefix)

    def close(self) -> None:
        """Let the threads end; from now on this process counts for itself."""
        self._shared = None
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def count(self, allowance: Allowance, cost: int = 1) -> RateLimitState:
        """Count `cost` requests of a caller, or none of them if they are more than it has left."""
        if self._shared is not None:
            try:
                return await self._counted_by_all(self._shared, allowance, cost)
            except (RedisUnavailable, TimeoutError):
                self._on_fallback()
        return self.count_here(allowance, cost)

    def count_here(self, allowance: Allowance, cost: int = 1) -> RateLimitState:
        """Count requests of a caller in this process alone."""
        rate_limit = _count(self._local, allowance, cost)
        self._forget_the_oldest()
        return rate_limit

    def _forget_the_oldest(self) -> None:
        """Those that began to be counted first, a tenth at once; none that was just counted."""
        events = self._memory.events
        if len(events) > _MAX_CALLERS_IN_MEMORY:
            by_last = sorted(events, key=lambda key: _last_seen(events[key]))
            for key in by_last[: max(1, _MAX_CALLERS_IN_MEMORY // 10)]:
                self._memory.clear(key)

    async def _counted_by_all(
        self, shared: "_SharedCounts", allowance: Allowance, cost: int
    ) -> RateLimitState:
        work = asyncio.get_running_loop().run_in_executor(
            self._threads, shared.count, allowance, cost
        )
        # Its time-outs bound each call, but calls can queue up for a thread.
        return await asyncio.wait_for(work, _SHARED_ANSWERS_WITHIN_S)


class _SharedCounts:
    """The counts of all replicas, in Redis."""

    def __init__(self, redis: RedisLink, key_prefix: str) -> None:
        self._redis = redis
        storage = _GivenRedis(redis.client, f"{key_prefix}:rates")
        self._limiter = MovingWindowRateLimiter(storage)

    def count(self, allowance: Allowance, cost: int) -> RateLimitState:
        return self._redis.call("rate_limit", lambda _: _count(self._limiter, allowance, cost))


class _GivenRedis(RedisStorage):
    """The library's storage on a client that is there already: it opens none of its own."""

    def __init__(self, redis: RedisClient, key_prefix: str) -> None:
        super(RedisStorage, self).__init__()
        self.key_prefix = key_prefix
        self.target_server = "redis"
        self.dependency = self.dependencies["redis"].module
        self.storage = redis
        self.initialize_storage("")


def _last_seen(events: Sequence[Any]) -> float:
    # Newest first; a caller whose first requests were refused has none.
    return float(events[0].atime) if events else 0.0


def _count(limiter: MovingWindowRateLimiter, allowance: Allowance, cost: int) -> RateLimitState:
    limit = allowance.limit
    allowed = limiter.hit(limit, allowance.caller, cost=cost)
    window = limiter.get_window_stats(limit, allowance.caller)
    reset_s = max(1, min(ceil(window.reset_time - time.time()), limit.get_expiry()))
    return RateLimitState(
        allowed, limit.amount, limit.get_expiry(), max(0, window.remaining), reset_s
    )
