"""The containers of docker-compose.yml, in a project of their own, by the compose there is."""

import os
import shlex
import socket
import subprocess
import time
from collections.abc import Sequence
from copy import copy
from pathlib import Path

import httpx

from cardioquery.demo.simulator import csv_of, simulate
from tests.support.redis import PATIENCE_S

REPOSITORY = Path(__file__).resolve().parents[3]
PROJECT = "cardioquery-test"
QUERIES = ("atrial fibrillation", "sinus rhythm", "inferior myocardial infarction")
_BUILD_S, _COMMAND_S = 1800, 900
_ALL_PROFILES = ("--profile", "observability", "--profile", "tools", "--profile", "training")

Completed = subprocess.CompletedProcess[str]


class Stack:
    """A project of containers with secrets and ports of its own.

    Attributes:
        secrets: Folder of its secrets.
        image: The service's image.
        training_image: The one to train in, which is there only once it was built.
        first_diagnosis_s: Seconds from `up` to the first diagnosis, once it was started.
    """

    def __init__(self, command: Sequence[str], secrets: Path, image: str | None = None) -> None:
        self.command = tuple(command)
        self.secrets = secrets
        self.image = image or f"localhost/{PROJECT}:latest"
        self.training_image = f"localhost/{PROJECT}-training:latest"
        self.first_diagnosis_s = float("inf")
        self._image_is_ours = image is None
        self._ports = {"CARDIOQUERY": free_port(), "PROMETHEUS": free_port()}

    @property
    def engine(self) -> str:
        """What lists containers, volumes and networks: the compose command does not."""
        return "docker" if Path(self.command[0]).name == "docker" else "podman"

    @property
    def url(self) -> str:
        """The service's."""
        return f"http://127.0.0.1:{self._ports['CARDIOQUERY']}"

    @property
    def prometheus_url(self) -> str:
        """Prometheus's."""
        return f"http://127.0.0.1:{self._ports['PROMETHEUS']}"

    @property
    def environment(self) -> dict[str, str]:
        """What the compose file takes from the environment."""
        published = {f"{name}_PUBLISH": f"127.0.0.1:{port}" for name, port in self._ports.items()}
        return published | {
            "COMPOSE_PROJECT_NAME": PROJECT,
            "SECRETS": str(self.secrets),
            "CARDIOQUERY_IMAGE": self.image,
            "TRAINING_IMAGE": self.training_image,
            "COMPOSE": shlex.join(self.command),
            "CARDIOQUERY_REDIS_TIMEOUT_S": str(PATIENCE_S),
            # The project's own .env, if a user has one, is not this test's.
            "COMPOSE_ENV_FILES": os.devnull,
        }

    def compose(
        self, *arguments: str, check: bool = True, timeout_s: int = _COMMAND_S
    ) -> Completed:
        """Run one compose command on the project."""
        return self._run(
            [*self.command, *_ALL_PROFILES, *arguments], check=check, timeout_s=timeout_s
        )

    def make_secrets(self) -> Completed:
        """What `make secrets` does."""
        return self._run([str(REPOSITORY / "docker/make-secrets")])

    def build(self) -> None:
        """Build the service's image, unless one was given."""
        if self._image_is_ours:
            self.compose("build", "service", timeout_s=_BUILD_S)

    def build_training(self) -> None:
        """Build the image to train in."""
        self.compose("build", "training", timeout_s=_BUILD_S)

    def up(self, *services: str) -> None:
        """Start services; not Grafana, whose image is not everywhere to be had."""
        self.compose("up", "-d", "--no-build", *services)

    def run(
        self,
        service: str,
        *command: str,
        options: Sequence[str] = (),
        timeout_s: int = _COMMAND_S,
    ) -> Completed:
        """Run a container of a service to its end, without those that it depends on."""
        arguments = ["run", "--rm", "-T", "--no-deps", *options, service, *command]
        return self.compose(*arguments, check=False, timeout_s=timeout_s)

    def new_key(self, name: str, *options: str) -> str:
        """An API key that was made by the service `keys`."""
        made = self.run("keys", "create", name, *options)
        return next(word for word in made.stdout.split() if word.startswith("cqk_"))

    def reload(self) -> None:
        """Have the service load its model anew."""
        self.compose("kill", "-s", "HUP", "service")

    def with_secrets(self, secrets: Path) -> "Stack":
        """The same project with secrets of another folder."""
        other = copy(self)
        other.secrets = secrets
        return other

    def on_port(self, port: int) -> "Stack":
        """The same project with its service published on another port."""
        other = copy(self)
        other._ports = {**self._ports, "CARDIOQUERY": port}
        return other

    def run_image(self, *arguments: str) -> Completed:
        """Run a container that the compose file does not know, to its end."""
        command = [self.engine, "run", "--rm", "--read-only", "--network", "none", *arguments]
        return self._run(command, check=False)

    def down(self) -> None:
        """Take everything away, and the image if it is this test's."""
        self.compose("down", "-v", "-t", "45", check=False)
        ours = [self.training_image, *([self.image] if self._image_is_ours else [])]
        self._run([self.engine, "image", "rm", "--force", *ours], check=False)

    def left_over(self) -> list[str]:
        """What the project still has: containers, volumes, networks, images."""
        listings = (
            ("ps", "--all", "--format", "{{.Names}}"),
            ("volume", "ls", "--format", "{{.Name}}"),
            ("network", "ls", "--format", "{{.Name}}"),
            ("image", "ls", "--format", "{{.Repository}}"),
        )
        names = [
            name
            for listing in listings
            for name in self._run([self.engine, *listing]).stdout.split()
        ]
        return [name for name in names if PROJECT in name]

    def containers(self) -> list[str]:
        """Names of the project's containers."""
        listing = self._run([self.engine, "ps", "--format", "{{.Names}}"]).stdout.split()
        return [name for name in listing if name.startswith(PROJECT)]

    def published(self) -> list[str]:
        """Where the project's containers listen on this machine, as address:port."""
        lines = [
            line
            for container in self.containers()
            for line in self._run([self.engine, "port", container]).stdout.splitlines()
        ]
        return [line.rpartition("-> ")[2] for line in lines]

    def logs(self) -> str:
        """What the containers have said."""
        result = self.compose("logs", check=False)
        return result.stdout + result.stderr

    def client(self, key: str | None = None) -> httpx.Client:
        """A client with an API key, by default the one that `make secrets` has made."""
        key = key or (self.secrets / "api-key").read_text().strip()
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def wait_until_ready(self, within_s: float) -> None:
        """Wait until the service says that it is ready."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        raise AssertionError(f"not ready within {within_s} s:\n{self.logs()[-8000:]}")

    def _run(
        self, command: Sequence[str], *, check: bool = True, timeout_s: int = _COMMAND_S
    ) -> Completed:
        result = subprocess.run(
            command,
            cwd=REPOSITORY,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if check and result.returncode:
            said = (result.stdout + result.stderr)[-6000:]
            raise AssertionError(f"{shlex.join(command)} ended with {result.returncode}:\n{said}")
        return result


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def diagnose(client: httpx.Client, queries: Sequence[str] = QUERIES) -> httpx.Response:
    """Diagnose a simulated recording."""
    files = [("recording", ("synthetic.csv", csv_of(simulate())))]
    return client.post("/diagnose", files=files, data={"queries": list(queries)})


def probabilities(response: httpx.Response) -> dict[str, float]:
    """What was answered, by query."""
    assert response.status_code == httpx.codes.OK, response.text
    return {found["query"]: found["probability"] for found in response.json()["findings"]}


SERVICES = ("redis", "service", "prometheus")
