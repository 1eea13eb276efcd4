"""The files that images are made of, as far as they can be checked without building one."""

import os
import re
import shutil
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
PINNED = ROOT / "docker/pinned.env"
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


def test_every_image_from_outside_has_its_digest_in_version_control() -> None:
    text = "\n".join(path.read_text() for path in (ROOT / "docker-compose.yml", *DOCKERFILES))
    tags = set(re.findall(r"docker\.io/[\w./-]+:[\w.-]+", text))
    assert {pin.partition("@")[0] for pin in pins_in(PINNED).values()} == tags
    assert all(re.search(r"@sha256:[0-9a-f]{64}$", pin) for pin in pins_in(PINNED).values())


def test_make_uses_the_digests_and_keeps_what_a_user_wrote(tmp_path: Path) -> None:
    for name in ("Makefile", "docker/pinned.env"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    settings = tmp_path / ".env"
    settings.write_text("REDIS_IMAGE=ours\nCARDIOQUERY_CPUS=4\n")
    for _ in range(2):
        os.utime(settings, (0, 0))
        subprocess.run(["make", "-s", ".env"], cwd=tmp_path, check=True)
    shipped = pins_in(tmp_path / "docker/pinned.env")
    assert pins_in(settings) == {**shipped, "REDIS_IMAGE": "ours", "CARDIOQUERY_CPUS": "4"}
    assert settings.read_text().count("GRAFANA_IMAGE") == 1


def test_new_digests_are_written_all_together_or_not_at_all(tmp_path: Path) -> None:
    pinned = tmp_path / "pinned.env"
    shutil.copy(PINNED, pinned)

    def pin(skopeo: str) -> int:
        tool = tmp_path / "skopeo"
        tool.write_text(f"#!/bin/sh\n{skopeo}\n")
        tool.chmod(0o755)
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PINNED": str(pinned)}
        command = ["bash", "docker/pin-images"]
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode

    assert pin("exit 1") == pin("echo not-a-digest") == 1
    assert pinned.read_text() == PINNED.read_text()
    digest = f"sha256:{'0' * 64}"
    assert pin(f"echo {digest}") == 0
    renewed = re.sub(r"sha256:\w{64}", digest, PINNED.read_text())
    assert pinned.read_text() == renewed


def pins_in(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)
