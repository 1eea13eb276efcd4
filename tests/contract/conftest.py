"""The real app with the shipped bundle, in this process."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ecg_core.errors import InferenceFailed
from service.app import create_app
from service.runtime import Runtime, RuntimeLoader, load_runtime
from service.settings import Settings
from tests.service_fixtures import FakeEcgEncoder, Gate

ClientMaker = Callable[..., TestClient]


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of one app for all tests that leave nothing behind."""
    settings = Settings(store_path=tmp_path_factory.mktemp("store") / "conditions.sqlite3")
    with TestClient(create_app(settings), raise_server_exceptions=False) as made:
        yield made


@pytest.fixture
def make_client(tmp_path: Path) -> Iterator[ClientMaker]:
    """Makes clients of apps with settings of their own."""
    with ExitStack() as stack:

        def make(load: RuntimeLoader = load_runtime, **options: Any) -> TestClient:
            settings = Settings(store_path=tmp_path / "conditions.sqlite3", **options)
            app = create_app(settings, load)
            return stack.enter_context(TestClient(app, raise_server_exceptions=False))

        yield make


class GatedEncoder(FakeEcgEncoder):
    """Encodes once its gate is open; the real encoder does the work."""

    def __init__(self, real: Any, gate: Gate) -> None:
        super().__init__()
        self.real = real
        self.gate = gate

    def encode(self, windows: Any) -> Any:
        self.gate.pass_through()
        if self.error is not None:
            raise self.error
        return self.real.encode(windows)


def load_with_gate(gate: Gate, error: Exception | None = None) -> RuntimeLoader:
    """Loads the real runtime, warms it, and only then puts a gate before its encoder."""

    def load(*args: Any) -> Runtime:
        runtime = load_runtime(*args)
        encoder = GatedEncoder(runtime.engine.ecg_encoder, gate)
        encoder.error = error
        return replace(runtime, engine=replace(runtime.engine, ecg_encoder=encoder))

    return load


@pytest.fixture
def failing_load() -> RuntimeLoader:
    """Loads a runtime whose encoder fails."""
    gate = Gate()
    gate.open()
    return load_with_gate(gate, InferenceFailed("out of memory at John Doe"))
