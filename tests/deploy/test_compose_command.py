"""How CI finds what runs containers, with stand-ins for every program that it may find."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "compose-command"
WORKS, FAILS = "exit 0", "echo some cause >&2; exit 1"


class Machine:
    """A machine with some programs of its own before all others."""

    def __init__(self, folder: Path) -> None:
        self._programs = folder / "bin"
        self._containers = folder / "shared" / "containers"
        self.has("docker", FAILS)
        self.has("id", "echo 0")

    def has(self, name: str, script: str) -> None:
        """Put a program on its PATH."""
        _write(self._programs / name, script)

    def has_stand_in(self, name: str, script: str) -> Path:
        """Put a program beside the project."""
        return _write(self._containers / name, script)

    def asked(self) -> subprocess.CompletedProcess[str]:
        """What the script says there."""
        path = f"{self._programs}{os.pathsep}{os.environ['PATH']}"
        shared = str(self._containers.parent)
        return subprocess.run(
            [SCRIPT], capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": path, "SHARED": shared},
        )  # fmt: skip


def _write(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def reason(result: subprocess.CompletedProcess[str]) -> str:
    """Why containers are not tested: one line, and nothing that could be taken for a command."""
    assert (result.returncode, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("skipped, no containers here: ")
    return line


def test_docker_is_taken_where_it_works(machine: Machine) -> None:
    machine.has("docker", WORKS)
    machine.has_stand_in("compose.sh", FAILS)
    assert machine.asked().stdout == "docker compose\n"


def test_client_of_docker_without_its_daemon_is_not_enough(machine: Machine) -> None:
    machine.has("docker", '[ "$1" = compose ]')
    assert "nothing stands in for it" in reason(machine.asked())


def test_stand_in_is_taken_where_it_works(machine: Machine) -> None:
    stand_in = machine.has_stand_in("compose.sh", WORKS)
    machine.has_stand_in("setup.sh", FAILS)
    machine.has("podman", WORKS)
    assert machine.asked().stdout == f"{stand_in}\n"


def test_stand_in_is_set_up_first_by_root(machine: Machine, tmp_path: Path) -> None:
    stand_in = machine.has_stand_in("compose.sh", WORKS)
    machine.has("podman", f"[ -e {tmp_path}/ready ]")
    machine.has_stand_in("setup.sh", f"touch {tmp_path}/ready; echo much; echo talk")
    assert machine.asked().stdout == f"{stand_in}\n"


def test_set_up_that_fails_is_named_with_its_last_words(machine: Machine) -> None:
    machine.has_stand_in("compose.sh", FAILS)
    machine.has_stand_in("setup.sh", "echo first; echo no network; exit 100")
    assert reason(machine.asked()).endswith("cannot be set up: no network")


def test_containers_that_do_not_run_after_all_are_named_with_the_cause(machine: Machine) -> None:
    machine.has_stand_in("compose.sh", WORKS)
    machine.has_stand_in("setup.sh", WORKS)
    machine.has("podman", FAILS)
    assert reason(machine.asked()).endswith("do not run on this machine: some cause")


def test_nothing_is_set_up_for_others_than_root(machine: Machine, tmp_path: Path) -> None:
    machine.has("id", "echo 1000")
    machine.has_stand_in("compose.sh", FAILS)
    machine.has_stand_in("setup.sh", f"touch {tmp_path}/ready")
    assert "takes root" in reason(machine.asked())
    assert not (tmp_path / "ready").exists()
