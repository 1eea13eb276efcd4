"""Drills: what clients see when a worker is killed, or a disk gets full, under load.

Redis is killed in `test_redis.py`, a replica behind a proxy in `tests/deploy/test_replicas.py`.
`docs/operate/drills.md` says what comes of each.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.e2e.disks import Disk, SizeLimit, small_file_system
from tests.e2e.under_load import NEW, diagnose, under_load
from tests.support.recordings import make_wfdb
from tests.support.server import START_S, ServerStarter, wait_for, worker_ids
from tests.support.service import as_upload

OTHER = {"text": "R waves notched like a church spire in V1", "name": "Notched R in V1"}
CLIENTS = 4
KILLS = 3


@pytest.fixture(params=["full", "bounded"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    if request.param == "bounded":
        folder = tmp_path / "disk"
        folder.mkdir()
        yield SizeLimit(folder)
        return
    with small_file_system(tmp_path / "disk", "8m") as made:
        if made is None:
            pytest.skip("no right to mount a file system")
        yield made


def refused_for(response: httpx.Response) -> str:
    """Why a request was refused that may be tried again."""
    assert response.status_code == 503, response.text
    assert int(response.headers["retry-after"]) >= 1
    return str(response.json()["type"]).removeprefix("urn:cardioquery:problem:")


def test_killed_workers_cost_their_clients_a_connection_and_nobody_an_answer(
    start_server: ServerStarter,
) -> None:
    server = start_server(workers=2)
    with under_load(server, CLIENTS, may_be_cut=True) as load:
        for kill in range(KILLS):
            wait_for(lambda kill=kill: server.ready_workers == 2 + kill)
            load.wait_for_more(10)
            victim = min(worker_ids(server))
            os.kill(victim, signal.SIGKILL)
            wait_for(lambda victim=victim: not psutil.pid_exists(victim))
            load.wait_for_more(10)
    assert load.wrong == []
    # What the dead one had in hand: of each client one request at most.
    assert load.cut <= KILLS * CLIENTS
    assert server.log.read_text().count("another takes its place") == KILLS


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_of_the_store_refuses_conditions_and_no_diagnosis(
    start_server: ServerStarter, disk: Disk, workers: int
) -> None:
    store = disk.folder / "conditions.sqlite3"
    server = start_server(store_path=store, workers=workers)
    with server.client() as client:
        made = client.post("/queries", json=NEW)
        assert made.status_code == 201
        wait_for(lambda: server.ready_workers == workers)
        with under_load(server, CLIENTS) as load:
            disk.fill(server)
            assert refused_for(client.post("/queries", json=OTHER)) == "store-unavailable"
            assert refused_for(client.delete(made.headers["location"])) == "store-unavailable"
            load.wait_for_more(20)
            assert client.get(made.headers["location"]).json() == made.json()
            assert client.get("/readyz").status_code == 200
            disk.free(server)
            load.wait_for_more(5)
        assert load.wrong == []
        assert "the store of conditions failed: SQLITE_" in server.log.read_text()
        added = client.post("/queries", json=OTHER)
        assert added.status_code == 201
    server.process.kill()
    server.process.wait()
    with start_server(store_path=store).client() as client:
        for kept in (made, added):
            assert client.get(kept.headers["location"]).json() == kept.json()


def test_a_full_disk_for_temporary_files_refuses_nothing_and_kills_no_worker(
    start_server: ServerStarter, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where a size is bounded, the workers' metrics would be the largest files: one process then.
    workers = 1 if isinstance(disk, SizeLimit) else 2
    monkeypatch.setenv("TMPDIR", str(disk.folder))
    server = start_server(workers=workers)
    wait_for(lambda: server.ready_workers == workers)
    before = worker_ids(server)
    wfdb = as_upload(make_wfdb())

    def send(method: str, path: str, **body: Any) -> httpx.Response:
        # On a new connection each time: any worker's.
        return httpx.request(method, server.url + path, timeout=START_S, **body)

    def ask() -> httpx.Response:
        return send("POST", "/diagnose", files=wfdb, data={"queries": ["LBBB"]})

    assert ask().status_code == 200
    with under_load(server, CLIENTS) as load:
        disk.fill(server)
        for _ in range(8):
            assert ask().status_code == 200
            # New counters and histograms all the while.
            assert send("GET", "/nowhere").status_code == 404
            assert send("DELETE", "/queries/nowhere").status_code == 404
            assert send("POST", "/diagnose/batch").status_code == 415
        load.wait_for_more(10)
        disk.free(server)
        assert ask().status_code == 200
    assert load.wrong == []
    assert worker_ids(server) == before
    with server.client() as client:
        assert diagnose(client, ["LBBB"])
