"""The real app with the shipped bundle, in this process."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ecg_core.errors import InferenceFailed
from service.app import create_app
from service.runtime.assembly import RuntimeLoader, load_runtime
from service.settings import Settings
from tests.support.clients import HERE, ClientMaker, load_with_gate
from tests.support.redis import PATIENCE_S
from tests.support.service import Gate


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of one app for all tests that leave nothing behind."""
    settings = Settings(store_path=tmp_path_factory.mktemp("store") / "conditions.sqlite3")
    with TestClient(create_app(settings), HERE, raise_server_exceptions=False) as made:
        yield made


@pytest.fixture
def make_client(tmp_path: Path) -> Iterator[ClientMaker]:
    """Makes clients of apps with settings of their own."""
    with ExitStack() as stack:

        def make(load: RuntimeLoader = load_runtime, **options: Any) -> TestClient:
            options.setdefault("redis_timeout_s", PATIENCE_S)
            settings = Settings(store_path=tmp_path / "conditions.sqlite3", **options)
            app = create_app(settings, load)
            return stack.enter_context(TestClient(app, HERE, raise_server_exceptions=False))

        yield make


@pytest.fixture
def failing_load() -> RuntimeLoader:
    """Loads a runtime whose encoder fails."""
    gate = Gate()
    gate.open()
    return load_with_gate(gate, InferenceFailed("out of memory at John Doe"))
