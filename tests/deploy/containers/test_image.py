"""What is in the service's image, and above all what is not."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.containers.stack import Stack

PROBE = (Path(__file__).parent / "probe.py").read_text()
MAX_OWN_BYTES = 400_000_000
NOT_WANTED = {
    "tests": re.compile(r"^/opt/.*/tests/"),
    "version control": re.compile(r"/\.git(/|$)|/\.gitignore$"),
    "pip's cache and downloads": re.compile(r"/\.cache/|^(?!/usr/).*\.whl$"),
    "recordings": re.compile(r"^/opt/.*\.(hea|dat|mat|edf|dcm|xyz)$"),
    "secrets": re.compile(
        r"^(?!/usr/|/etc/ssl/).*(\.key|/api-key|/keys\.json|/\.env|id_rsa|\.pem)$"
    ),
    "stores of conditions": re.compile(r"\.sqlite3"),
    "weights and runs of the training": re.compile(r"\.pt$|/runs/"),
    "settings of this machine's pip": re.compile(r"pip\.conf$"),
    "the project's own sources": re.compile(r"^/source/"),
}
# The authorities that clients trust are public.
PUBLIC = re.compile(r"/(certifi|truststore)/")


@pytest.fixture(scope="module")
def contents(built: Stack) -> dict[str, Any]:
    """What the probe finds in a container without network, secrets or volumes."""
    result = built.run("service", "-c", PROBE, options=["--entrypoint", "python"])
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout[result.stdout.index("{") :])
    return found


@pytest.mark.parametrize("what", NOT_WANTED)
def test_image_holds_none_of(contents: dict[str, Any], what: str) -> None:
    files = [name for name in contents["files"] if not PUBLIC.search(name)]
    assert [name for name in files if NOT_WANTED[what].search(name)] == []


def test_probe_would_see_them(contents: dict[str, Any]) -> None:
    assert any(name.endswith("/service/bundle/manifest.json") for name in contents["files"])
    assert len(contents["files"]) > 3000


def test_image_has_no_torch_and_no_tool(contents: dict[str, Any]) -> None:
    assert contents["modules"] == []
    assert contents["programs"] == []


def test_image_adds_less_than_its_budget(
    contents: dict[str, Any], report: Callable[[str], None]
) -> None:
    report(f"the service's image adds {contents['own_bytes'] / 1e6:.0f} MB to its base")
    assert contents["own_bytes"] < MAX_OWN_BYTES


def test_image_runs_as_a_user_who_can_write_nothing(contents: dict[str, Any]) -> None:
    assert contents["uid"] == 10001
    assert contents["writable"] == []


def test_environment_holds_no_secret(contents: dict[str, Any]) -> None:
    values = " ".join(contents["environment"].values())
    assert re.search(r"cqk_|https?://", values) is None
    assert not any("PASSWORD" in name and "FILE" not in name for name in contents["environment"])
