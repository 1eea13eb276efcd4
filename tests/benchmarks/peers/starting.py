"""Starting the peers, each in its own environment (`make bench-peers`), and asking each its way."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import httpx

from cardioquery.demo.server import HOST, ServerDidNotStart, free_port
from ecg_core.readers import UploadedFile
from tests.benchmarks.driver import diagnose_request, post_request

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENTS = ROOT / ".venv-peers"
_READY_WITHIN_S = 180.0
_STOP_S = 10.0

MakeRequest = Callable[[str, Sequence[UploadedFile], Sequence[str]], bytes]


@dataclass(frozen=True, slots=True)
class Peer:
    """Another way of serving the same engine.

    Attributes:
        command: What starts it, of its port and number of worker processes.
        environment: Variables of its environment, of the same; besides those of `_quiet`.
        request: The bytes of a request to it.
        ready: The path that answers 200 once it is ready.
    """

    command: Callable[[int, int], list[str]]
    request: MakeRequest
    ready: str
    environment: Callable[[int, int], Mapping[str, str]] = lambda _port, _workers: {}


def json_request(url: str, files: Sequence[UploadedFile], queries: Sequence[str]) -> bytes:
    """Names, contents in base64 and queries as a JSON object: what LitServe and BentoML take."""
    return post_request(f"{url}/diagnose", json.dumps(_texts(files, queries)).encode())


def v2_request(url: str, files: Sequence[UploadedFile], queries: Sequence[str]) -> bytes:
    """The same in the V2 inference protocol, each as a tensor of strings."""
    inputs = [
        {"name": name, "shape": [len(values)], "datatype": "BYTES", "data": values,
         "parameters": {"content_type": "str"}}
        for name, values in _texts(files, queries).items()
    ]  # fmt: skip
    path = f"{url}/v2/models/cardioquery/infer"
    return post_request(path, json.dumps({"inputs": inputs}).encode())


def _texts(files: Sequence[UploadedFile], queries: Sequence[str]) -> dict[str, list[str]]:
    return {
        "names": [file.name for file in files],
        "contents": [base64.b64encode(file.content).decode() for file in files],
        "queries": [*queries],
    }


def _tool(peer: str, name: str) -> str:
    return str(ENVIRONMENTS / peer / "bin" / name)


PEERS: Mapping[str, Peer] = MappingProxyType(
    {
        "litserve": Peer(
            lambda port, workers: [
                _tool("litserve", "python"), "-m", "tests.benchmarks.peers.litserve_app",
                str(port), str(workers),
            ],
            json_request,
            "/health",
        ),
        "bentoml": Peer(
            lambda port, _workers: [
                _tool("bentoml", "bentoml"), "serve",
                "tests.benchmarks.peers.bentoml_app:CardioQuery",
                "--host", HOST, "--port", str(port),
            ],
            json_request,
            "/readyz",
            lambda _port, workers: {
                "BENTOML_DO_NOT_TRACK": "True", "PEER_WORKERS": str(workers),
            },
        ),
        "mlserver": Peer(
            lambda _port, _workers: [
                _tool("mlserver", "mlserver"),
                "start",
                str(ROOT / "tests/benchmarks/peers/mlserver"),
            ],
            v2_request,
            "/v2/models/cardioquery/ready",
            lambda port, workers: {
                "MLSERVER_HTTP_PORT": str(port), "MLSERVER_GRPC_PORT": str(free_port()),
                "MLSERVER_METRICS_PORT": str(free_port()),
                "MLSERVER_PARALLEL_WORKERS": str(workers),
            },
        ),
        "plain": Peer(
            lambda port, workers: [
                sys.executable, "-m", "uvicorn", "tests.benchmarks.peers.plain_app:create_app",
                "--factory", "--host", HOST, "--port", str(port), "--workers", str(workers),
                "--log-level", "warning", "--no-access-log",
            ],
            diagnose_request,
            "/openapi.json",
        ),
    }
)  # fmt: skip


def missing_environments() -> list[str]:
    """Peers that `make bench-peers` has not installed."""
    return [name for name in PEERS if name != "plain" and not (ENVIRONMENTS / name).is_dir()]


@contextmanager
def running_peer(name: str, workers: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The URL and process of a peer on a free port; all that it started ends with it.

    Raises:
        ServerDidNotStart: It ended, or was not ready in time; with its output.
    """
    peer, port = PEERS[name], free_port()
    with TemporaryDirectory(prefix=f"cardioquery-{name}-") as folder:
        log_path = Path(folder, "peer.log")
        environment = {**os.environ, **_quiet(folder), **peer.environment(port, workers)}
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                peer.command(port, workers), env=environment, cwd=ROOT,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        try:
            _wait_until_ready(f"http://{HOST}:{port}", peer.ready, process, log_path)
            yield f"http://{HOST}:{port}", process
        finally:
            _stop_all(process)


def _quiet(folder: str) -> dict[str, str]:
    """Nothing is left outside of the folder, and no library takes more threads than are meant."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    own = {"TMPDIR": folder, "HOME": folder, "BENTOML_HOME": folder, "PYTHONPATH": str(ROOT)}
    return threads | own


def _wait_until_ready(
    url: str, path: str, process: subprocess.Popen[bytes], log_path: Path
) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    with httpx.Client(base_url=url, timeout=5.0) as client:
        while not _is_ready(client, path):
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServerDidNotStart(log_path.read_text(errors="replace").strip()[-4000:])
            time.sleep(0.1)


def _is_ready(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).status_code == 200
    except httpx.TransportError:
        return False


def _stop_all(process: subprocess.Popen[bytes]) -> None:
    """End the session that the process leads: not every peer ends its own workers."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
