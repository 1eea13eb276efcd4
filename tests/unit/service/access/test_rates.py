import asyncio
from collections.abc import Iterator

import pytest
from limits import parse

from service.access import rates
from service.access.rates import Allowance, RateLimiter, RateLimitState, caller_by_address
from service.observability.metrics import Metrics
from service.storage.redis.client import connect
from service.storage.redis.link import RedisLink
from service.storage.redis.options import RedisOptions
from tests.support.redis import RedisServer, RedisStarter

pytestmark = pytest.mark.anyio

ONE = Allowance("key:one", parse("3/hour"))
OTHER = Allowance("key:other", parse("3/hour"))


class Fallbacks:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.fixture
def fallbacks() -> Fallbacks:
    return Fallbacks()


@pytest.fixture
def limiter(fallbacks: Fallbacks) -> Iterator[RateLimiter]:
    made = RateLimiter(fallbacks)
    yield made
    made.close()


def share(limiter: RateLimiter, server: RedisServer) -> RedisLink:
    link = RedisLink(connect(RedisOptions(server.url)), Metrics())
    limiter.share(link, "test")
    return link


async def count(limiter: RateLimiter, allowance: Allowance, *costs: int) -> list[RateLimitState]:
    return [await limiter.count(allowance, cost) for cost in costs]


async def test_a_caller_may_ask_so_often_and_no_more(limiter: RateLimiter) -> None:
    states = await count(limiter, ONE, 1, 1, 1, 1)
    assert [state.allowed for state in states] == [True, True, True, False]
    assert [state.remaining for state in states] == [2, 1, 0, 0]
    assert {(state.limit, state.window_s) for state in states} == {(3, 3600)}
    assert 3590 <= states[-1].reset_s <= 3600


async def test_callers_do_not_count_for_each_other(limiter: RateLimiter) -> None:
    await count(limiter, ONE, 1, 1, 1)
    assert (await count(limiter, OTHER, 1))[0].allowed


async def test_the_window_moves(limiter: RateLimiter) -> None:
    allowance = Allowance("key:one", parse("1/second"))
    first, second = await limiter.count(allowance), await limiter.count(allowance)
    await asyncio.sleep(second.reset_s + 0.1)
    third = await limiter.count(allowance)
    assert [each.allowed for each in (first, second, third)] == [True, False, True]


async def test_a_batch_counts_as_a_whole_or_not_at_all(limiter: RateLimiter) -> None:
    states = await count(limiter, ONE, 2, 2, 1)
    assert [state.allowed for state in states] == [True, False, True]


async def test_many_callers_do_not_fill_the_memory(
    limiter: RateLimiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "_MAX_CALLERS_IN_MEMORY", 10)
    for number in range(50):
        await count(limiter, Allowance(f"address:{number}", parse("3/hour")), 1)
    assert len(limiter._memory.events) <= 11


async def test_whoever_asks_now_stays_counted_while_many_others_come(
    limiter: RateLimiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "_MAX_CALLERS_IN_MEMORY", 10)
    allowed = []
    for number in range(60):
        await count(limiter, Allowance(f"address:{number}", parse("3/hour")), 1)
        if number % 5 == 0:
            (state,) = await count(limiter, Allowance("key:greedy", parse("12/hour")), 1)
            allowed.append(state.allowed)
    assert allowed == [True] * 12
    assert not (await count(limiter, Allowance("key:greedy", parse("12/hour")), 1))[0].allowed


@pytest.mark.parametrize(
    ("host", "caller"),
    [
        ("192.0.2.7", "address:192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "address:192.0.2.7"),
        ("::ffff:c000:208", "address:192.0.2.8"),
        ("testclient", "address:unknown"),
        (None, "address:unknown"),
    ],
)
def test_addresses_are_counted_by_host_or_site(host: str | None, caller: str) -> None:
    assert caller_by_address(host) == caller


async def test_replicas_count_together_through_redis(
    redis_server: RedisServer, fallbacks: Fallbacks
) -> None:
    replicas = [RateLimiter(fallbacks) for _ in range(2)]
    links = [share(replica, redis_server) for replica in replicas]
    asked = [(await count(replica, ONE, 1))[0] for replica in replicas * 3]
    assert [state.allowed for state in asked] == [True, True, True, False, False, False]
    assert [state.remaining for state in asked[:3]] == [2, 1, 0]
    assert fallbacks.count == 0
    with redis_server.client() as client:
        (key,) = client.keys("*")
        assert key.startswith(b"test:rates:")
        assert 0 < client.ttl(key) <= 3600
    for replica, link in zip(replicas, links, strict=True):
        replica.close()
        link.close()


async def test_garbage_in_redis_refuses_nobody(
    redis_server: RedisServer, limiter: RateLimiter, fallbacks: Fallbacks
) -> None:
    link = share(limiter, redis_server)
    with redis_server.client() as client:
        client.set("test:rates:LIMITER/key:one/3/1/hour", "garbage")
    assert [state.allowed for state in await count(limiter, ONE, 1, 1)] == [True, True]
    assert fallbacks.count == 2
    link.close()


@pytest.mark.parametrize("fault", ["kill", "pause"])
async def test_a_redis_that_fails_refuses_nobody_and_is_counted(
    start_redis: RedisStarter, limiter: RateLimiter, fallbacks: Fallbacks, fault: str
) -> None:
    server = start_redis()
    link = share(limiter, server)
    assert (await count(limiter, ONE, 1))[0].allowed
    getattr(server, fault)()
    async with asyncio.timeout(5.0):
        # At once: each would wait for its own time-out if they were let through.
        states = await asyncio.gather(*(limiter.count(ONE) for _ in range(20)))
    # This process counts for itself now, and it still counts.
    assert sum(state.allowed for state in states) == 3
    assert fallbacks.count == 20
    server.resume()
    link.close()


async def test_redis_counts_again_once_it_is_back(
    start_redis: RedisStarter, limiter: RateLimiter, fallbacks: Fallbacks
) -> None:
    server = start_redis()
    link = share(limiter, server)
    server.kill()
    await count(limiter, ONE, 1)
    assert fallbacks.count == 1
    server.start()
    async with asyncio.timeout(60.0):
        seen = -1
        while seen != fallbacks.count:
            seen = fallbacks.count
            await asyncio.sleep(0.3)
            await limiter.count(OTHER)
    with server.client() as client:
        assert len(client.keys("*")) == 1
    link.close()
