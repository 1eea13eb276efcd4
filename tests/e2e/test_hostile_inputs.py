"""Every hostile input against a running server: refused or right, soon, in little memory."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.footprint import Footprint
from tests.e2e.hostile_rows import QUERIES, ROWS, Row
from tests.support.recordings import make_wfdb
from tests.support.server import Server, running
from tests.support.service import as_upload

MAX_GROWTH_BYTES = 512 * 1024 * 1024
# By the clock on the wall only a hang is told, since the machine may be busy.
HANG_S = 180.0

Probabilities = dict[str, float]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the limits that it is shipped with, but for the one by the clock."""
    folder = tmp_path_factory.mktemp("hostile")
    options: dict[str, object] = {
        "store_path": folder / "conditions.sqlite3",
        "request_deadline_s": HANG_S,
    }
    with running(folder / "log", options) as made:
        yield made


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client(HANG_S) as made:
        yield made


@pytest.fixture(scope="module")
def expected(client: httpx.Client) -> Probabilities:
    """The right answer to the good request."""
    return good_answer(client)


def good_answer(client: httpx.Client) -> Probabilities:
    response = client.post("/diagnose", files=as_upload(make_wfdb()), data={"queries": QUERIES})
    assert response.status_code == 200, response.text
    return by_query(response)


def by_query(response: httpx.Response) -> Probabilities:
    return {finding["query"]: finding["probability"] for finding in response.json()["findings"]}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_hostile_input(
    row: Row, server: Server, client: httpx.Client, expected: Probabilities
) -> None:
    before = Footprint(server.process.pid)
    started = time.monotonic()
    response = row.send(client)
    elapsed_s = time.monotonic() - started
    assert response.status_code == row.status, response.text[:1000]
    check_answer(row, response, expected)
    assert elapsed_s < HANG_S
    assert before.processor_s < row.max_processor_s
    assert before.growth_bytes < MAX_GROWTH_BYTES
    assert good_answer(client) == expected


def check_answer(row: Row, response: httpx.Response, expected: Probabilities) -> None:
    if row.status == 200:
        for query, probability in by_query(response).items():
            asked = query.strip()
            asked = asked if asked in expected else asked.upper()
            assert probability == pytest.approx(expected[asked], abs=1e-3)
        return
    assert response.headers["content-type"] == "application/problem+json"
    problem = json.loads(response.content)
    assert problem["status"] == row.status
    codes = [error["code"] for error in problem.get("errors", [])]
    assert row.code is None or row.code in codes, codes


def test_every_row_has_a_name_of_its_own() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_nothing_is_left_on_the_disk(server: Server) -> None:
    folder = Path(server.log.parent)
    assert {path.name.removesuffix("-wal").removesuffix("-shm") for path in folder.iterdir()} == {
        "conditions.sqlite3",
        "log",
    }
