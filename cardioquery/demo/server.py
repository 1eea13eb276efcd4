"""A server of one's own: started as a process, stopped whatever happens."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from cardioquery.client import CardioQueryError, Client

HOST = "127.0.0.1"
_POLL_S = 0.1
_STOP_S = 20.0


class ServerDidNotStart(CardioQueryError):
    """The server ended, or was not ready in time; its output says why."""


@contextmanager
def running_server(
    ready_within_s: float = 60.0, options: Mapping[str, str] = MappingProxyType({})
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The URL and process of a server on a free port, with a store of its own that goes with it.

    Args:
        ready_within_s: How long it may take until it is ready.
        options: Settings of the service, as variables of its environment.

    Raises:
        ServerDidNotStart: It ended, or was not ready in time.
    """
    with TemporaryDirectory(prefix="cardioquery-") as folder:
        port, log_path = free_port(), Path(folder, "server.log")
        own = {
            "CARDIOQUERY_STORE_PATH": str(Path(folder, "conditions.sqlite3")),
            "CARDIOQUERY_LOG_LEVEL": "warning",
        }
        arguments = ["serve", "--host", HOST, "--port", str(port)]
        with log_path.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "cardioquery", *arguments],
                env={**os.environ, **own, **options},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            url = f"http://{HOST}:{port}"
            _wait_until_ready(url, process, log_path, ready_within_s)
            yield url, process
        finally:
            _stop(process)


def _wait_until_ready(
    url: str, process: subprocess.Popen[bytes], log_path: Path, within_s: float
) -> None:
    deadline = time.monotonic() + within_s
    with Client(url, timeout_s=5.0) as client:
        while not client.ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServerDidNotStart(log_path.read_text(errors="replace").strip())
            time.sleep(_POLL_S)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """A port of this machine on which nobody listens now."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
