"""The dashboard: what every panel needs, and that its queries return data from a live service."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.dashboard import (
    DASHBOARD,
    ROOT,
    Prometheus,
    Target,
    panels,
    targets,
    wait_for_data,
)
from tests.deploy.live import live_stack, send_traffic

TRAFFIC_S = 12.0
RATE_INTERVAL = "10s"
WAIT_S = 90.0
MIN_SCHEMA_VERSION = 39
WIDTH = 24


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus that has watched a service answer, refuse, warn and reload for a while."""
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not on PATH: Debian's package prometheus has it")
    with live_stack(tmp_path_factory.mktemp("live")) as (server, watching):
        with server.client() as client:
            assert send_traffic(client, TRAFFIC_S, server.reload) > 1
        yield watching


def document() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return loaded


@pytest.mark.parametrize("target", targets().values(), ids=targets())
def test_every_panels_query_returns_data(prometheus: Prometheus, target: Target) -> None:
    # Rules of the drift are evaluated once a minute.
    wait_for_data(prometheus, target, RATE_INTERVAL, WAIT_S)


def test_no_alert_fires_at_a_healthy_service(prometheus: Prometheus) -> None:
    firing = prometheus.query('ALERTS{alertstate="firing"}')
    assert [alert["metric"]["alertname"] for alert in firing] == []


def test_the_observed_distribution_reaches_one(prometheus: Prometheus) -> None:
    for panel in panels():
        if panel["type"] == "barchart":
            series = prometheus.query(panel["targets"][0]["expr"])
            share = {one["metric"]["le"]: float(one["value"][1]) for one in series}
            assert share["1.0"] == pytest.approx(1.0)
            assert sorted(share.values()) == [share[le] for le in sorted(share, key=float)]


def test_the_autoscalers_query_returns_data(prometheus: Prometheus) -> None:
    rules = read(ROOT / "deploy" / "kubernetes" / "components/monitoring/adapter-rules.yaml")
    stated: str = rules["rules"][0]["metricsQuery"]
    query = stated.replace("<<.GroupBy>>", "instance").replace(
        "<<.LabelMatchers>>", 'job="cardioquery"'
    )
    (pod,) = prometheus.query(query)
    assert 0 < float(pod["value"][1]) < 10


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_every_panel_says_what_it_shows(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    for target in panel["targets"]:
        assert target["datasource"]["uid"] == "${datasource}"


def test_ids_and_titles_are_unique_and_panels_do_not_overlap() -> None:
    everything = document()["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    assert len({panel["title"] for panel in everything}) == len(everything)
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in everything):
        assert place["x"] + place["w"] <= WIDTH
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        taken |= cells


def test_the_dashboard_is_for_a_grafana_of_these_days() -> None:
    assert document()["schemaVersion"] >= MIN_SCHEMA_VERSION
    assert document()["uid"] == "cardioquery"


def test_every_panel_is_explained_in_the_docs() -> None:
    page = (ROOT / "docs" / "operate" / "dashboards.md").read_text()
    assert [panel["title"] for panel in panels() if f"| {panel['title']} |" not in page] == []


def test_grafana_is_told_where_its_data_and_dashboards_are() -> None:
    provisioning = ROOT / "deploy" / "grafana" / "provisioning"
    (source,) = read(provisioning / "datasources" / "prometheus.yml")["datasources"]
    assert source["type"] == "prometheus"
    (provider,) = read(provisioning / "dashboards" / "cardioquery.yml")["providers"]
    compose = (ROOT / "docker-compose.yml").read_text()
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in compose
    assert "./deploy/grafana/provisioning:/etc/grafana/provisioning:ro" in compose


def read(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    return loaded
