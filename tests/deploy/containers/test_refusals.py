"""What is wrong with a set-up ends the container at its start, with a line that says what to do."""

import shutil
import socket
from pathlib import Path

import pytest

from tests.deploy.containers.stack import REPOSITORY, Completed, Stack

BUNDLE = REPOSITORY / "service/bundle"


def refusal(result: Completed) -> str:
    """The line in which a container says what to do; it has ended, and not well.

    Every worker says it, in its own log line.
    """
    said = (result.stdout + result.stderr).splitlines()
    assert result.returncode not in {0, 125, 126, 127}, said
    assert not any("Traceback" in line for line in said), said
    refused = {line.rpartition("refusing to start")[2] for line in said if "refusing" in line}
    stated = refused or {line for line in said if line.startswith("error: ")}
    assert len(stated) == 1, said
    return stated.pop()


@pytest.fixture
def without_secrets(built: Stack, tmp_path: Path) -> Stack:
    """The project before `make secrets`."""
    secrets = tmp_path / "secrets"
    for folder in ("redis", "api-keys", "prometheus", "grafana"):
        (secrets / folder).mkdir(parents=True, exist_ok=True)
    return built.with_secrets(secrets)


@pytest.mark.parametrize("service", ["service", "redis", "prometheus"])
def test_missing_secret(without_secrets: Stack, service: str) -> None:
    line = refusal(without_secrets.run(service))
    assert "secret" in line or "api-keys/keys.json" in line
    assert "make secrets" in line or "cardioquery keys create" in line


def test_missing_redis_password_of_the_service(stack: Stack, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    shutil.copytree(stack.secrets, secrets)
    (secrets / "redis/password").unlink()
    line = refusal(stack.with_secrets(secrets).run("service"))
    assert "CARDIOQUERY_REDIS_PASSWORD_FILE" in line
    assert "is not there" in line


def test_wrong_redis_password(stack: Stack, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    shutil.copytree(stack.secrets, secrets)
    (secrets / "redis/password").write_text("not the one")
    line = refusal(stack.with_secrets(secrets).run("service"))
    assert "check CARDIOQUERY_REDIS_URL or CARDIOQUERY_REDIS_PASSWORD_FILE" in line
    assert "not the one" not in line


def test_bundle_that_does_not_match_its_digest(built: Stack, tmp_path: Path) -> None:
    altered = tmp_path / "bundle"
    shutil.copytree(BUNDLE, altered)
    with (altered / "model_card.json").open("a") as card:
        card.write("\n")
    options = ["-v", f"{altered}:/bundle:ro", "-e", "CARDIOQUERY_BUNDLE_DIR=/bundle"]
    line = refusal(built.run("service", options=options))
    assert "model_card.json does not match its SHA-256" in line
    assert "CARDIOQUERY_BUNDLE_DIR" in line


def test_port_in_use_inside_the_container(built: Stack) -> None:
    script = "python -m http.server 8000 >/dev/null 2>&1 & sleep 2; cardioquery serve"
    line = refusal(built.run("service", "-c", script, options=["--entrypoint", "sh"]))
    assert "port 8000 of 0.0.0.0 is in use: choose another one" in line


def test_published_port_in_use(built: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        result = built.on_port(port).run("service", options=["--service-ports"])
    said = result.stdout + result.stderr
    assert result.returncode != 0
    assert "address already in use" in said
    assert str(port) in said


def test_store_on_a_read_only_volume(built: Stack) -> None:
    options = ["--tmpfs", "/tmp", "-e", "CARDIOQUERY_ALLOW_ANONYMOUS=true"]  # noqa: S108
    line = refusal(built.run_image(*options, built.image))
    assert "CARDIOQUERY_STORE_PATH" in line


def test_redis_on_a_read_only_volume(built: Stack, tmp_path: Path) -> None:
    mounted = {
        tmp_path: "/data",
        REPOSITORY / "docker/redis": "/etc/redis",
        built.secrets / "redis": "/run/secrets/redis",
    }
    options = [part for here, there in mounted.items() for part in ("-v", f"{here}:{there}:ro")]
    options += ["--user", "999:999", "--entrypoint", "/bin/sh"]
    image = "docker.io/library/redis:7-bookworm"
    line = refusal(built.run_image(*options, image, "/etc/redis/start.sh"))
    assert "/data cannot be written to: mount it writable for user 999" in line
