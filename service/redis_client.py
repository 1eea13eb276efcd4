"""The client of Redis: made of the settings, with time-outs that no diagnosis could miss."""

from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.retry import Retry
from redis.sentinel import Sentinel

from service.redis_url import RedisAddress, parse_redis_url
from service.settings import Settings

RedisClient = redis.Redis | redis.RedisCluster


def connect(settings: Settings, timeout_s: float | None = None) -> RedisClient:
    """A client that gives up soon; safe to share between threads.

    A connection that turns out to be closed (Redis was restarted) is made anew once, at once; what
    timed out is not tried again. Replies are bytes. A single server is first contacted by the
    first command, a Cluster here.

    Args:
        settings: They must hold `redis_url`.
        timeout_s: Longest wait for a connection and for each reply; None: `redis_timeout_s`.

    Raises:
        redis.RedisError: No node of the Cluster answers.
        OSError: A file that the settings name cannot be read.
    """
    assert settings.redis_url is not None  # noqa: S101 - a mistake of ours, not of a user
    address = parse_redis_url(settings.redis_url.get_secret_value())
    options: dict[str, Any] = {
        "username": address.username,
        "password": _password(address, settings.redis_password_file),
        **_connection_options(address, settings, timeout_s),
    }
    if address.kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in address.hosts]
        return redis.RedisCluster(startup_nodes=nodes, retry=Retry(NoBackoff(), 1), **options)
    options |= {"db": address.database, "retry": _once_more_if_closed()}
    if address.kind == "sentinel":
        return _of_sentinels(address, settings, options)
    ((host, port),) = address.hosts
    return redis.Redis(host, port, ssl=address.tls, **options)


def _connection_options(
    address: RedisAddress, settings: Settings, timeout_s: float | None
) -> dict[str, Any]:
    seconds = settings.redis_timeout_s if timeout_s is None else timeout_s
    options: dict[str, Any] = {
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
        "socket_keepalive": True,
    }
    if address.tls and settings.redis_ca_file is not None:
        options["ssl_ca_certs"] = str(settings.redis_ca_file)
    if address.tls and address.kind == "cluster":
        options["ssl"] = True
    return options


def _of_sentinels(
    address: RedisAddress, settings: Settings, options: dict[str, Any]
) -> redis.Redis:
    own = _connection_options(address, settings, options["socket_timeout"])
    own |= {"username": address.sentinel_username, "password": address.sentinel_password}
    sentinel = Sentinel(
        address.hosts, sentinel_kwargs={**own, "ssl": address.tls, "retry": _once_more_if_closed()}
    )
    client: redis.Redis = sentinel.master_for(address.service, ssl=address.tls, **options)
    return client


def _once_more_if_closed() -> Retry:
    return Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))


def _password(address: RedisAddress, file: Path | None) -> str | None:
    return address.password if file is None else file.read_text(encoding="utf-8").strip()
