"""The dashboard's panels, and the Prometheus that is asked for what they show."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "cardioquery.json"

Target = dict[str, Any]


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


def expression(target: Target, rate_interval: str) -> str:
    """A target's query as Grafana would send it."""
    stated: str = target["expr"]
    return stated.replace("$__rate_interval", rate_interval)


def targets() -> dict[str, Target]:
    """Every target of every panel, by a name for it."""
    return {
        f"{panel['title']} {target['refId']}": target
        for panel in panels()
        for target in panel["targets"]
    }


def wait_for_data(
    prometheus: Prometheus, target: Target, rate_interval: str, within_s: float, step_s: float = 1
) -> None:
    """Wait until a range query of a target returns a number; an instant query too, if it is one."""
    query, is_instant = expression(target, rate_interval), target.get("instant", False)
    end = time.monotonic() + within_s
    while True:
        series = prometheus.query_range(query, seconds=30, step_s=step_s)
        values = [float(value) for one in series for _, value in one["values"]]
        shown = prometheus.query(query) if is_instant else series
        if shown and any(value == value for value in values):
            return
        if time.monotonic() > end:
            raise AssertionError(f"nothing, or NaN only: {query}")
        time.sleep(1)
