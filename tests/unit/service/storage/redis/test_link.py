import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import redis

from service.observability.metrics import Metrics
from service.storage.redis.client import connect
from service.storage.redis.link import RedisLink, RedisUnavailable
from service.storage.redis.options import RedisOptions
from tests.support.redis import RedisServer, RedisStarter


class Clock:
    """A clock that tests turn."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def link_to(server: RedisServer, clock: Clock | None = None, **options: Any) -> RedisLink:
    return link_with(Metrics(), server, clock or time.monotonic, **options)


def link_with(
    metrics: Metrics, server: RedisServer, clock: Callable[[], float], **options: Any
) -> RedisLink:
    return RedisLink(connect(RedisOptions(server.url, **options)), metrics, clock)


def ping(client: Any) -> bool:
    return bool(client.ping())


def test_calls_reach_redis(redis_server: RedisServer) -> None:
    link = link_to(redis_server)
    assert link.call("ping", ping)
    assert link.call("set", lambda client: client.set("k", b"\xff"))
    assert link.call("get", lambda client: client.get("k")) == b"\xff"
    link.close()


def test_a_restart_goes_unnoticed(start_redis: RedisStarter) -> None:
    server = start_redis()
    link = link_to(server)
    link.call("ping", ping)
    server.restart()
    assert link.call("ping", ping)
    link.close()


def test_redis_that_is_gone_fails_at_once_and_is_found_again(start_redis: RedisStarter) -> None:
    server, clock = start_redis(), Clock()
    link = link_to(server, clock)
    link.call("ping", ping)
    server.kill()
    with pytest.raises(RedisUnavailable, match="ConnectionError"):
        link.call("ping", ping)
    server.start()
    with pytest.raises(RedisUnavailable, match="not asked"):
        link.call("ping", ping)
    clock.now_s += 1.0
    assert link.call("ping", ping)
    assert link.call("ping", ping)
    link.close()


def test_redis_that_hangs_costs_one_caller_one_timeout(start_redis: RedisStarter) -> None:
    server, clock = start_redis(), Clock()
    link = link_to(server, clock, timeout_s=0.2)
    link.call("ping", ping)
    server.pause()
    with pytest.raises(RedisUnavailable, match="TimeoutError"):
        link.call("ping", ping)
    clock.now_s += 1.0
    failures: list[str] = []

    def ask() -> None:
        try:
            link.call("ping", ping)
        except RedisUnavailable as error:
            failures.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(failures)) == ["TimeoutError", "not asked: it did not answer a moment ago"]
    assert failures.count("TimeoutError") == 1
    server.resume()
    clock.now_s += 1.0
    assert link.call("ping", ping)
    link.close()


def test_a_refused_command_is_an_error_but_no_reason_to_stop_asking(
    redis_server: RedisServer,
) -> None:
    link = link_to(redis_server)
    link.call("set", lambda client: client.set("k", "no list"))
    for _ in range(2):
        with pytest.raises(RedisUnavailable, match=r"^ResponseError$"):
            link.call("push", lambda client: client.rpush("k", "secret"))
    assert link.call("ping", ping)
    link.close()


def test_other_errors_are_not_hidden(redis_server: RedisServer) -> None:
    link = link_to(redis_server)
    with pytest.raises(ZeroDivisionError):
        link.call("ping", lambda _: 1 // 0)
    link.close()


def test_metrics_tell_how_redis_does(start_redis: RedisStarter) -> None:
    server, clock, metrics = start_redis(), Clock(), Metrics()
    link = link_with(metrics, server, clock)
    link.call("ping", ping)
    server.kill()
    with pytest.raises(RedisUnavailable):
        link.call("ping", ping)
    down = metrics.render().decode()
    assert "cardioquery_redis_up 0.0" in down
    assert 'cardioquery_redis_errors_total{operation="ping"} 1.0' in down
    assert 'cardioquery_redis_seconds_count{operation="ping"} 2.0' in down
    server.start()
    clock.now_s += 1.0
    link.call("ping", ping)
    assert "cardioquery_redis_up 1.0" in metrics.render().decode()
    link.close()


def test_a_wrong_password_is_refused(start_redis: RedisStarter) -> None:
    server = start_redis(password="right")
    link = link_to(server)
    assert link.call("ping", ping)
    link.close()
    server.password = "wrong"
    client = connect(RedisOptions(server.url))
    with pytest.raises(redis.AuthenticationError):
        client.ping()
    client.close()
