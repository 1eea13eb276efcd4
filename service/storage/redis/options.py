"""The options of a connection to Redis."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """The address of Redis, and how long it is waited for.

    Attributes:
        url: Of a server, Sentinels or a Cluster; it may hold a password
            (`service.storage.redis.url`).
        password_file: Holds the password, instead of the URL.
        ca_file: Certificates (PEM) that the server's is checked against.
        key_prefix: Beginning of every key.
        timeout_s: Longest wait for a connection and for each reply.
        start_timeout_s: Longest wait for Redis at the start.
    """

    url: str = field(repr=False)
    password_file: Path | None = None
    ca_file: Path | None = None
    key_prefix: str = "cardioquery"
    timeout_s: float = 0.1
    start_timeout_s: float = 30.0
