"""Fixtures for tests of the client side."""

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from cardioquery.cli.app import app
from tests.unit.cardioquery.fakes import Run, StubService


@pytest.fixture
def stub() -> Iterator[StubService]:
    """A server with canned answers."""
    service = StubService()
    yield service
    service.stop()


@pytest.fixture
def run(stub: StubService) -> Run:
    """Runs the command against the stub."""

    def invoke(*arguments: str) -> Result:
        environment = {"CARDIOQUERY_URL": stub.url, "COLUMNS": "120", "NO_COLOR": "1"}
        return CliRunner().invoke(app, list(arguments), env=environment)

    return invoke
