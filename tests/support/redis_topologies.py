"""Redis behind TLS, known to Sentinels, and as a Cluster: real processes on free ports."""

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.redis import RedisServer, free_port

PATIENCE_S = 90.0


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"not in time: {what}"
        time.sleep(0.05)


class Sentinel(RedisServer):
    """A Sentinel that watches one server under the name `main`, and may replace it alone."""

    def __init__(self, binary: Path, folder: Path, watched: RedisServer, auth: str) -> None:
        super().__init__(binary, folder)
        self._watched = watched
        self._auth = auth

    def _arguments(self) -> list[str]:
        config = self.folder / "sentinel.conf"
        lines = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"sentinel monitor main 127.0.0.1 {self._watched.port} 1",
            f"sentinel auth-pass main {self._auth}",
            "sentinel down-after-milliseconds main 500",
            "sentinel failover-timeout main 2000",
        ]
        config.write_text("\n".join(lines))
        return [str(config), "--sentinel"]


def start_cluster(start: Callable[..., RedisServer]) -> list[RedisServer]:
    """Two nodes that share the slots."""
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "5000", "--cluster-port")
    nodes = [
        start(*options, str(port), "--appendonly", "yes") for port in (free_port(), free_port())
    ]
    ranges = ((0, 8191), (8192, 16383))
    for node, (first, last) in zip(nodes, ranges, strict=True):
        with node.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            bus = str(client.config_get("cluster-port")["cluster-port"])
            if node is nodes[0]:
                meeting = ("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
            else:
                client.execute_command(*meeting)
    eventually(lambda: all(map(_whole, nodes)), "the Cluster is whole")
    return nodes


def _whole(node: RedisServer) -> bool:
    with node.client() as client:
        lines = client.execute_command("CLUSTER", "INFO").decode().split()
        return {"cluster_state:ok", "cluster_known_nodes:2"} <= set(lines)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=redis", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


@contextmanager
def tls_in_front_of(server: RedisServer, certificate: Path, key: Path) -> Iterator[int]:
    """A port that speaks TLS for a server that was built without."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_accept, args=(listener, context, server.port))
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=10)


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with suppress(OSError):
        while True:
            plain, _ = listener.accept()
            threading.Thread(target=_serve, args=(plain, context, port), daemon=True).start()


def _serve(plain: socket.socket, context: ssl.SSLContext, port: int) -> None:
    """Carry bytes both ways until one side hangs up."""
    with (
        suppress(OSError),
        context.wrap_socket(plain, server_side=True) as client,
        socket.create_connection(("127.0.0.1", port)) as server,
    ):
        back = threading.Thread(target=_pump, args=(server, client), daemon=True)
        back.start()
        _pump(client, server)
        server.shutdown(socket.SHUT_RDWR)
        back.join(timeout=10)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
