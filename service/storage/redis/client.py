"""The client of Redis: made of its options, with time-outs that no diagnosis could miss."""

from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.retry import Retry
from redis.sentinel import Sentinel

from service.storage.redis.options import RedisOptions
from service.storage.redis.url import RedisAddress, parse_redis_url

RedisClient = redis.Redis | redis.RedisCluster


def connect(options: RedisOptions, timeout_s: float | None = None) -> RedisClient:
    """A client that gives up soon; safe to share between threads.

    A connection that turns out to be closed (Redis was restarted) is made anew once, at once; what
    timed out is not tried again. Replies are bytes. A single server is first contacted by the
    first command, a Cluster here.

    Args:
        options: How Redis is reached.
        timeout_s: Longest wait for a connection and for each reply; None: that of the options.

    Raises:
        redis.RedisError: No node of the Cluster answers.
        OSError: A file that the options name cannot be read.
    """
    address = parse_redis_url(options.url)
    arguments: dict[str, Any] = {
        "username": address.username,
        "password": _password(address, options.password_file),
        **_connection_arguments(address, options, timeout_s),
    }
    if address.kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in address.hosts]
        return redis.RedisCluster(startup_nodes=nodes, retry=Retry(NoBackoff(), 1), **arguments)
    arguments |= {"db": address.database, "retry": _once_more_if_closed()}
    if address.kind == "sentinel":
        return _of_sentinels(address, options, arguments)
    ((host, port),) = address.hosts
    return redis.Redis(host, port, ssl=address.tls, **arguments)


def _connection_arguments(
    address: RedisAddress, options: RedisOptions, timeout_s: float | None
) -> dict[str, Any]:
    seconds = options.timeout_s if timeout_s is None else timeout_s
    arguments: dict[str, Any] = {
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
        "socket_keepalive": True,
    }
    if address.tls and options.ca_file is not None:
        arguments["ssl_ca_certs"] = str(options.ca_file)
    if address.tls and address.kind == "cluster":
        arguments["ssl"] = True
    return arguments


def _of_sentinels(
    address: RedisAddress, options: RedisOptions, arguments: dict[str, Any]
) -> redis.Redis:
    own = _connection_arguments(address, options, arguments["socket_timeout"])
    own |= {"username": address.sentinel_username, "password": address.sentinel_password}
    sentinel = Sentinel(
        address.hosts, sentinel_kwargs={**own, "ssl": address.tls, "retry": _once_more_if_closed()}
    )
    client: redis.Redis = sentinel.master_for(address.service, ssl=address.tls, **arguments)
    return client


def _once_more_if_closed() -> Retry:
    return Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))


def _password(address: RedisAddress, file: Path | None) -> str | None:
    return address.password if file is None else file.read_text(encoding="utf-8").strip()
