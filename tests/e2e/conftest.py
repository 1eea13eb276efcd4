"""A real server in a process of its own, with the shipped bundle."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
# Against hanging, not for timing: loading models takes long where cores are shared.
START_S = 150.0
STOP_S = 60.0


@dataclass
class Server:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, timeout_s: float = START_S) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=timeout_s)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    @property
    def ready_workers(self) -> int:
        """How many processes have got ready to serve since the start."""
        return self.log.read_text().count('"message": "ready"')

    def reload(self) -> None:
        """Have it load its model anew."""
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=STOP_S)


ServerStarter = Callable[..., Server]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def launch(port: int, log: IO[bytes], options: dict[str, object]) -> subprocess.Popen[bytes]:
    environment = dict(os.environ) | {"PYTHONPATH": str(REPOSITORY), "CARDIOQUERY_PORT": str(port)}
    environment |= {f"CARDIOQUERY_{name.upper()}": str(value) for name, value in options.items()}
    command = [sys.executable, "-m", "service"]
    return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)


@contextmanager
def running(log: Path, options: dict[str, object]) -> Iterator[Server]:
    port = free_port()
    with log.open("ab") as stream:
        process = launch(port, stream, options)
        try:
            server = Server(port, process, log)
            _wait_until_ready(server)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(timeout=STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[ServerStarter]:
    """Starts servers with options of their own; all share one store of conditions."""
    with ExitStack() as stack:

        def start(**options: object) -> Server:
            stated = {"store_path": tmp_path / "conditions.sqlite3"} | options
            return stack.enter_context(running(tmp_path / "log", stated))

        yield start


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that leave nothing behind."""
    folder = tmp_path_factory.mktemp("server")
    options = {
        "store_path": folder / "conditions.sqlite3",
        "upload_timeout_s": 1.5,
        "head_timeout_s": 1.5,
        "answer_timeout_s": 1.5,
        "max_upload_bytes": 2_000_000,
    }
    with running(folder / "log", options) as made:
        yield made


def wait_for(condition: Callable[[], object], within_s: float = START_S) -> None:
    """Go on as soon as something holds."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def _wait_until_ready(server: Server) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if server.process.poll() is not None:
            break
        try:
            if httpx.get(f"{server.url}/readyz", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"the server did not start:\n{server.log.read_text()}")
