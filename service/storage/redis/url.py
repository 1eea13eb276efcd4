"""The URL of Redis: one server, one that Sentinels know, or a Cluster."""

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

Kind = Literal["server", "sentinel", "cluster"]

_KINDS: dict[str, tuple[Kind, bool]] = {
    "redis": ("server", False),
    "rediss": ("server", True),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_DEFAULT_PORTS: dict[Kind, int] = {"server": 6379, "sentinel": 26379, "cluster": 6379}
_OPTIONS = frozenset({"sentinel_username", "sentinel_password"})


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """The parts of a Redis URL.

    Attributes:
        kind: One server, Sentinels, or nodes of a Cluster.
        hosts: (host, port) of the server, of the Sentinels, or of some nodes.
        tls: Whether the connection is encrypted; the server's certificate is then checked.
        username, password: Of the data servers.
        database: Number of the database; a Cluster has only 0.
        service: The name under which Sentinels know the server.
        sentinel_username, sentinel_password: Of the Sentinels.
    """

    kind: Kind
    hosts: tuple[tuple[str, int], ...]
    tls: bool
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    database: int = 0
    service: str | None = None
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)


def parse_redis_url(url: str) -> RedisAddress:
    """The address that a URL stands for.

    `redis://`, `redis+sentinel://` and `redis+cluster://`, or with TLS `rediss://` and so on:
    `redis://user:password@host:6379/0`, `redis+sentinel://host:26379,host:26379/service/0`,
    `redis+cluster://host:6379,host:6379`.

    Raises:
        ValueError: It is none of these. The message repeats nothing of the URL, which may hold a
            password.
    """
    parts = urlsplit(url)
    if parts.scheme not in _KINDS:
        raise ValueError(f"must begin with one of {', '.join(f'{s}://' for s in _KINDS)}")
    kind, tls = _KINDS[parts.scheme]
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    service, database = _path(kind, [unquote(step) for step in parts.path.split("/") if step])
    options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    if not options.keys() <= (_OPTIONS if kind == "sentinel" else frozenset()):
        raise ValueError("holds an option that is not known")
    return RedisAddress(
        kind=kind,
        hosts=_hosts(kind, hosts),
        tls=tls,
        username=unquote(username) or None,
        password=unquote(password) or None,
        database=database,
        service=service,
        sentinel_username=options.get("sentinel_username"),
        sentinel_password=options.get("sentinel_password"),
    )


def _hosts(kind: Kind, text: str) -> tuple[tuple[str, int], ...]:
    hosts = tuple(_host(kind, each) for each in text.split(","))
    if kind == "server" and len(hosts) > 1:
        raise ValueError("names several hosts: use redis+sentinel:// or redis+cluster://")
    return hosts


def _host(kind: Kind, text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("lacks a host")
    return parts.hostname, parts.port or _DEFAULT_PORTS[kind]


def _path(kind: Kind, steps: list[str]) -> tuple[str | None, int]:
    """The Sentinels' name of the server, and the number of the database."""
    service = None
    if kind == "sentinel":
        if not steps:
            raise ValueError("lacks the name of the service: redis+sentinel://host:port/service")
        service, *steps = steps
    if len(steps) > 1 or not all(step.isdecimal() for step in steps):
        raise ValueError("ends in something that is no number of a database")
    database = int(steps[0]) if steps else 0
    if kind == "cluster" and database:
        raise ValueError("names a database: a Cluster has only 0")
    return service, database
