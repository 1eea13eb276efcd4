"""Containers for tests: built, started from nothing and taken away again."""

import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from tests.deploy.containers.stack import SERVICES, Stack, diagnose, probabilities


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The project with its image and its secrets, but no container; nothing of it is left after."""
    command = shlex.split(os.environ.get("CARDIOQUERY_COMPOSE", ""))
    if not command:
        pytest.skip("containers are tested by `make compose-test`, where a compose command works")
    secrets = tmp_path_factory.mktemp("containers") / "secrets"
    stack = Stack(command, secrets, os.environ.get("CARDIOQUERY_TEST_IMAGE"))
    stack.down()
    try:
        stack.build()
        stack.make_secrets()
        yield stack
    finally:
        stack.down()
    assert stack.left_over() == []


@pytest.fixture(scope="session")
def stack(built: Stack) -> Stack:
    """The project with its containers started; tests leave them running."""
    started = time.monotonic()
    built.up(*SERVICES)
    built.wait_until_ready(300)
    with built.client() as client:
        probabilities(diagnose(client))
    built.first_diagnosis_s = time.monotonic() - started
    return built


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Says what was measured on standard output, whatever becomes of the test."""

    def say(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}\n")

    return say
