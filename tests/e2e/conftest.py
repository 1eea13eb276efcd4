"""A real server in a process of its own, with the shipped bundle."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.server import Server, ServerStarter, running


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[ServerStarter]:
    """Starts servers with options of their own; all share one store of conditions."""
    with ExitStack() as stack:

        def start(**options: object) -> Server:
            stated = {"store_path": tmp_path / "conditions.sqlite3"} | options
            return stack.enter_context(running(tmp_path / "log", stated))

        yield start


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that leave nothing behind."""
    folder = tmp_path_factory.mktemp("server")
    options = {
        "store_path": folder / "conditions.sqlite3",
        "upload_timeout_s": 1.5,
        "head_timeout_s": 1.5,
        "answer_timeout_s": 1.5,
        "max_upload_bytes": 2_000_000,
    }
    with running(folder / "log", options) as made:
        yield made
