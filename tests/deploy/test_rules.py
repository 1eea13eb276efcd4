"""Alert and recording rules, checked and played through by Prometheus' own tool."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
RULES = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"))
CASES = sorted(Path(__file__).parent.glob("*.promtool.yml"))
RUNBOOK = ROOT / "deploy" / "runbook.md"


def rules(kind: str) -> list[dict[str, Any]]:
    """All rules that are `alert`s or `record`s."""
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def cases() -> list[dict[str, Any]]:
    """What promtool is to expect of alerts, one case each."""
    tests = [test for path in CASES for test in yaml.safe_load(path.read_text())["tests"]]
    return [case for test in tests for case in test["alert_rule_test"]]


def promtool(*arguments: str | Path) -> None:
    command = shutil.which("promtool")
    if command is None:
        pytest.skip("promtool is not on PATH: Debian's package prometheus has it")
    result = subprocess.run(
        [command, *arguments], capture_output=True, text=True, check=False, timeout=300
    )
    assert result.returncode == 0, result.stdout + result.stderr


def sections() -> dict[str, str]:
    """The runbook's sections by their titles."""
    parts = re.split(r"^## ", RUNBOOK.read_text(), flags=re.M)[1:]
    return {title.strip(): body for title, _, body in (part.partition("\n") for part in parts)}


def test_rules_are_valid() -> None:
    promtool("check", "rules", *RULES)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_alerts_fire_when_they_should_and_only_then(path: Path) -> None:
    promtool("test", "rules", path)


@pytest.mark.parametrize("alert", rules("alert"), ids=lambda rule: rule["alert"])
def test_every_alert_has_a_case_that_fires_and_one_that_does_not(alert: dict[str, Any]) -> None:
    expected = [bool(c["exp_alerts"]) for c in cases() if c["alertname"] == alert["alert"]]
    assert set(expected) == {True, False}


@pytest.mark.parametrize("alert", rules("alert"), ids=lambda rule: rule["alert"])
def test_every_alert_says_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["annotations"]["summary"]
    assert alert["annotations"]["description"]
    anchor = f"deploy/runbook.md#{alert['alert'].lower()}"
    assert alert["annotations"]["runbook_url"] == anchor
    section = sections()[alert["alert"]]
    for part in ("**Means.**", "**Look.**", "**Do.**"):
        assert part in section


def test_the_runbook_has_no_section_without_an_alert() -> None:
    assert set(sections()) == {rule["alert"] for rule in rules("alert")}


def test_every_recorded_series_is_used() -> None:
    used = "".join(rule["expr"] for rule in rules("alert"))
    used += (ROOT / "deploy" / "grafana" / "dashboards" / "cardioquery.json").read_text()
    used += "".join(path.read_text() for path in (ROOT / "deploy" / "kubernetes").rglob("*.yaml"))
    assert [rule["record"] for rule in rules("record") if rule["record"] not in used] == []
