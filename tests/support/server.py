"""A real server in a process of its own, and the command line beside it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import httpx

from tests.support.recordings import make_wfdb
from tests.support.redis import PATIENCE_S
from tests.support.service import Upload, as_upload

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
    options = {"redis_timeout_s": PATIENCE_S} | options
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


LOAD_QUERIES = ["atrial flutter", "sinus rhythm", "no LBBB"]


@cache
def load_files() -> Upload:
    """One recording; made when it is first needed, for the library that writes it warns."""
    return as_upload(make_wfdb())


def ask(client: httpx.Client) -> httpx.Response:
    return client.post("/diagnose", files=load_files(), data={"queries": LOAD_QUERIES})


def worker_ids(server: Server) -> set[int]:
    """The processes that serve, from the metrics of all of them."""
    text = httpx.get(f"{server.url}/metrics", timeout=START_S).text
    return {int(pid) for pid in re.findall(r'process_cpu_seconds_total\{pid="(\d+)"\}', text)}


def run(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "cardioquery", *map(str, arguments)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
