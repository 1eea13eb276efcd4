"""Two replicas on one Redis behind nginx, each of which can be stopped or cut off."""

import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import httpx

from tests.support.server import free_port, launch

ROOT = Path(__file__).resolve().parents[2]
READY_S = 120.0
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Replica:
    """A service process that keeps its port over a restart."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self.port = free_port()
        self._folder = folder
        self._options: dict[str, object] = {
            "redis_url": redis_url,
            "log_level": "warning",
            # The proxy in front of it is reached from elsewhere.
            "allow_anonymous": True,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its own, beside the proxy."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "log").open("ab") as log:
            self._process = launch(self.port, log, self._options)
        end = time.monotonic() + READY_S
        while time.monotonic() < end and self._process.poll() is None:
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == httpx.codes.OK:
                    return
            time.sleep(0.1)
        raise AssertionError((self._folder / "log").read_text()[-4000:])

    def stop(self) -> int | None:
        """End it as an administrator would; its exit code."""
        if self._process is None:
            return None
        self._process.terminate()
        code = self._process.wait(timeout=60)
        self._process = None
        return code

    def kill(self) -> None:
        """End it at once, whatever it has in hand."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Line:
    """A line to a server that can be cut: it passes on bytes until then."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._is_cut = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Close what is open and take nothing new."""
        with self._lock:
            self._is_cut, ended, self._open = True, self._open, []
        for end in ended:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let connections pass again."""
        self._is_cut = False

    def close(self) -> None:
        """Cut it for good."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self._is_cut:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._target))
                with self._lock:
                    self._open += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=_pass_on, args=(source, sink), daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError), closing(sink):
        while data := source.recv(65536):
            sink.sendall(data)


@contextmanager
def proxy(folder: Path, ports: tuple[int, int]) -> Iterator[tuple[str, Path]]:
    """The shipped nginx before two replicas: its URL, and the certificate to trust."""
    folder.mkdir()
    port = free_port()
    text = (ROOT / "deploy/nginx/nginx.conf").read_text()
    for shipped, here in zip((8001, 8002, 8443), (*ports, port), strict=True):
        text = re.sub(rf"127\.0\.0\.1:{shipped}\b", f"127.0.0.1:{here}", text)
    # An nginx that was unpacked, not installed, has no folders under /var/lib for its bodies.
    temporary = "".join(f"\n  {name}_temp_path {name};" for name in _TEMPORARY)
    text = text.replace("\nhttp {", f"\nhttp {{{temporary}", 1)
    # Started by root, its workers become another user, who cannot enter a test's folder.
    (folder / "nginx.conf").write_text(f"user root;\n{text}")
    certificate = _make_certificate(folder)
    with ExitStack() as stack:
        log = stack.enter_context((folder / "log").open("wb"))
        command = [_nginx(), "-p", folder, "-c", "nginx.conf", "-g", "daemon off;"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait_for_port(port, process, folder / "log")
            yield f"https://127.0.0.1:{port}", certificate
        finally:
            process.terminate()
            process.wait(timeout=60)


def _nginx() -> str:
    # A Debian user's PATH has no /usr/sbin.
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    assert found is not None
    return found


def _make_certificate(folder: Path) -> Path:
    certificate = folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(certificate)]
    subprocess.run([*command, *files], check=True, capture_output=True)
    return certificate


def _wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"nginx did not start:\n{log.read_text()}")
