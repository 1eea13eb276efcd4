"""Writes the rules as a PrometheusRule, as the Prometheus operator wants them.

Run it after every change of the rules: `python -m tests.deploy.prometheus_rule`.
"""

from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
OUTPUT = DEPLOY / "kubernetes" / "components" / "monitoring" / "prometheusrule.yaml"


def prometheus_rule() -> dict[str, Any]:
    """The Kubernetes object with all groups."""
    groups = [
        group
        for path in sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
        for group in yaml.safe_load(path.read_text())["groups"]
    ]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "cardioquery", "namespace": "cardioquery"},
        "spec": {"groups": groups},
    }


if __name__ == "__main__":
    text = yaml.safe_dump(prometheus_rule(), sort_keys=False, width=10_000, allow_unicode=True)
    OUTPUT.write_text(
        "# Made of deploy/prometheus/rules by tests/deploy/prometheus_rule.py.\n" + text
    )
