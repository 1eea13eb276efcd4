"""The files that images are made of, as far as they can be checked without building one."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from tests.support.recordings import make_wfdb

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
OURS_FROM_OUTSIDE = {"redis", "prometheus", "grafana"}


def version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return str(project["version"])


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_hadolint_has_no_complaint(path: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    result = subprocess.run([hadolint, path], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_version_of_an_image_is_the_project_s(path: Path) -> None:
    assert re.findall(r"^ARG VERSION=(.+)$", path.read_text(), re.M) == [version()]


def test_serving_loads_none_of_what_the_image_leaves_out(tmp_path: Path) -> None:
    modules = {"hf-xet": "hf_xet"}
    lines = (ROOT / "docker/not-loaded.txt").read_text().splitlines()
    left_out = [modules.get(line, line) for line in lines if line and not line.startswith("#")]
    left_out += ["wfdb", "pandas", "matplotlib"]  # the readers' work before; now not installed
    assert all(find_spec(name) for name in left_out), "none of them is misspelt"
    # None in sys.modules makes an import fail, as in the image.
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({left_out})); "
        "import service.processes.server; "
        "from cardioquery.cli import main; main()"
    )
    header, signals = make_wfdb()
    for file in (header, signals):
        (tmp_path / file.name).write_bytes(file.content)
    environment = {**os.environ, "CARDIOQUERY_STORE_PATH": str(tmp_path / "store.sqlite3")}
    result = subprocess.run(
        [sys.executable, "-c", program, "diagnose", "--local", tmp_path / header.name, "-q", "new"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_containers_are_hardened_and_limited(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    long_running = not {"training", "tools"} & set(service.get("profiles", []))
    needed = (
        {"mem_limit", "cpus", "pids_limit", "healthcheck", "restart"} if long_running else set()
    )
    assert needed <= set(service)


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_ports_are_published_on_loopback_only(name: str) -> None:
    for port in COMPOSE["services"][name].get("ports", []):
        assert re.fullmatch(r"\$\{[A-Z]+_PUBLISH:-127\.0\.0\.1:\d+\}:\d+", port)


def test_docker_compose_takes_the_file() -> None:
    found = find_spec("compose")
    if found is None or found.origin is None:
        pytest.skip("Docker's compose is on PyPI for Linux on x86_64 only")
    docker_compose = Path(found.origin).with_name("docker-compose")
    # This needs no daemon.
    command = [docker_compose, "--env-file", os.devnull, "--profile", "*", "config"]
    result = subprocess.run(
        [*command, "--images"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert len(result.stdout.split()) == len(COMPOSE["services"])
    broken = (ROOT / "docker-compose.yml").read_text().replace("mem_limit:", "memory_limit:", 1)
    command[1:1] = ["--project-directory", str(ROOT), "--file", "-"]
    refused = subprocess.run(command, input=broken, capture_output=True, text=True, check=False)
    assert "memory_limit" in refused.stderr


def test_make_up_says_what_to_do_where_a_port_is_in_use() -> None:
    command = ["make", "--old-file=secrets", "up", "COMPOSE=false"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "CARDIOQUERY_PUBLISH=127.0.0.1:8001 make up" in result.stderr.splitlines()[0]


@pytest.mark.parametrize("name", sorted(OURS_FROM_OUTSIDE))
def test_images_from_outside_are_pinned(name: str) -> None:
    image = COMPOSE["services"][name]["image"]
    assert re.fullmatch(r"\$\{[A-Z]+_IMAGE:-[\w./-]+:[\w.-]*\d[\w.-]*\}", image)


def test_no_secret_is_an_environment_variable() -> None:
    for service in COMPOSE["services"].values():
        names = service.get("environment", {})
        secret = [name for name in names if re.search("PASSWORD|TOKEN|SECRET|KEY", name)]
        assert all(name.endswith("FILE") for name in secret)


def test_folders_of_secrets_are_there_and_keep_them_out_of_version_control(tmp_path: Path) -> None:
    for folder in ("redis", "api-keys", "prometheus", "grafana"):
        path = f"secrets/{folder}/anything"
        ignored = subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, check=False)
        assert (ROOT / "secrets" / folder / ".gitignore").is_file()
        assert ignored.returncode == 0


def test_digests_are_written_beside_other_settings_or_not_at_all(tmp_path: Path) -> None:
    settings = tmp_path / "env"
    settings.write_text("REDIS_IMAGE=old\nCARDIOQUERY_CPUS=4\n")

    def pin(skopeo: str) -> int:
        tool = tmp_path / "skopeo"
        tool.write_text(f"#!/bin/sh\n{skopeo}\n")
        tool.chmod(0o755)
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "ENV_FILE": str(settings)}
        command = ["bash", "docker/pin-images"]
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode

    before = settings.read_text()
    assert pin("exit 1") == pin("echo not-a-digest") == 1
    assert settings.read_text() == before
    digest = f"sha256:{'0' * 64}"
    assert pin(f"echo {digest}") == 0
    other, *pins = settings.read_text().splitlines()
    assert other == "CARDIOQUERY_CPUS=4"
    names = ["GRAFANA_IMAGE", "PROMETHEUS_IMAGE", "PYTHON_IMAGE", "REDIS_IMAGE"]
    assert [line.partition("=")[0] for line in pins] == names
    assert all(re.fullmatch(rf"\w+=docker\.io/\S+:[\w.-]+@{digest}", line) for line in pins)
