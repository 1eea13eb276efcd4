"""Several workers, stopping and reloading while clients ask: nothing is lost, nothing is wrong."""

import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.bundles import break_bundle, make_bundle, point_to
from tests.support.server import (
    LOAD_QUERIES,
    START_S,
    Server,
    ServerStarter,
    ask,
    load_files,
    wait_for,
    worker_ids,
)

WITHIN_S = START_S


def answer_of(response: httpx.Response) -> tuple[str, tuple[float, ...]]:
    """Digest of the model and probabilities in the order of the queries' names."""
    body = response.json()
    found = sorted((f["query"], f["probability"]) for f in body["findings"])
    return body["model"]["digest"], tuple(probability for _, probability in found)


def metric(server: Server, line: str) -> float:
    text = httpx.get(f"{server.url}/metrics", timeout=WITHIN_S).text
    found = re.search(rf"^{re.escape(line)} ([\d.e+]+)$", text, re.M)
    return float(found.group(1)) if found else 0.0


def stopped(server: Server) -> int:
    server.process.send_signal(signal.SIGTERM)
    return server.process.wait(timeout=WITHIN_S)


@contextmanager
def asking(server: Server, clients: int = 3) -> Iterator[list[httpx.Response]]:
    """Clients that ask without a pause; their answers, in the end without an error."""
    answers: list[httpx.Response] = []
    stop = threading.Event()

    def loop() -> None:
        with server.client(timeout_s=WITHIN_S) as client:
            while not stop.is_set():
                answers.append(ask(client))

    with ThreadPoolExecutor(clients) as callers:
        loops = [callers.submit(loop) for _ in range(clients)]
        try:
            yield answers
        finally:
            stop.set()
            for each in loops:
                each.result()


def link_to(tmp_path: Path, folder: str) -> Path:
    point_to(tmp_path / "bundle", tmp_path / folder)
    return tmp_path / "bundle"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_reload_loses_no_request_and_mixes_no_models(
    start_server: ServerStarter, tmp_path: Path, workers: int
) -> None:
    digests = [f"sha256:{make_bundle(tmp_path / name, version=name, temperature=temperature)}"
               for name, temperature in (("old", 1.0), ("new", 3.0))]  # fmt: skip
    server = start_server(bundle_dir=link_to(tmp_path, "old"), workers=workers)
    # One that is still starting would begin with the new model.
    wait_for(lambda: server.ready_workers == workers)
    with asking(server) as answers:
        wait_for(lambda: len(answers) >= 5)
        link_to(tmp_path, "new")
        server.process.send_signal(signal.SIGHUP)
        wait_for(
            lambda: metric(server, 'cardioquery_model_reloads_total{result="done"}') == workers
        )
        so_far = len(answers)
        wait_for(lambda: len(answers) >= so_far + 5)
    assert {response.status_code for response in answers} == {200}
    by_digest: dict[str, set[tuple[float, ...]]] = {}
    for response in answers:
        digest, probabilities = answer_of(response)
        by_digest.setdefault(digest, set()).add(probabilities)
    assert sorted(by_digest) == sorted(digests)
    # Each model has one answer to the same question, and it is its own.
    assert [len(found) for found in by_digest.values()] == [1, 1]
    assert by_digest[digests[0]] != by_digest[digests[1]]
    with server.client() as client:
        assert client.get("/model").json()["model"]["digest"] == digests[1]
        assert client.get("/readyz").json()["model_digest"] == digests[1]
    assert f"{digests[1]} answers in place of {digests[0]}" in server.log.read_text()


def test_a_broken_bundle_leaves_the_old_one_serving(
    start_server: ServerStarter, tmp_path: Path
) -> None:
    digest = make_bundle(tmp_path / "old", version="old")
    server = start_server(bundle_dir=link_to(tmp_path, "old"))
    make_bundle(tmp_path / "broken", version="broken")
    break_bundle(tmp_path / "broken")
    link_to(tmp_path, "broken")
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: metric(server, 'cardioquery_model_reloads_total{result="failed"}') == 1)
    with server.client() as client:
        assert answer_of(ask(client))[0] == f"sha256:{digest}"
        assert client.get("/readyz").status_code == 200
    log = server.log.read_text()
    assert "reload failed" in log
    assert "fusion.onnx does not match" in log


def test_a_killed_worker_is_replaced_and_the_others_go_on(start_server: ServerStarter) -> None:
    server = start_server(workers=2)
    wait_for(lambda: server.ready_workers == 2)
    before = worker_ids(server)
    assert all(psutil.Process(pid).ppid() == server.process.pid for pid in before)
    os.kill(min(before), signal.SIGKILL)
    # On new connections: what the dead one had in hand is lost, as its client is told at once.
    wait_for(lambda: not psutil.pid_exists(min(before)))
    for _ in range(5):
        assert httpx.get(f"{server.url}/healthz", timeout=WITHIN_S).status_code == 200
    wait_for(lambda: len(worker_ids(server)) == 2 and min(before) not in worker_ids(server))
    with server.client() as client:
        assert ask(client).status_code == 200
    counted = metric(
        server, 'cardioquery_requests_total{method="GET",route="/healthz",status="200"}'
    )
    assert counted == 5
    assert stopped(server) == 0
    assert [pid for pid in before if psutil.pid_exists(pid)] == []


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_in_flight_or_queued_is_finished_before_the_end(
    start_server: ServerStarter, workers: int
) -> None:
    server = start_server(workers=workers)
    with ThreadPoolExecutor(8) as callers:
        started = [callers.submit(httpx.post, f"{server.url}/diagnose", files=load_files(),
                                  data={"queries": LOAD_QUERIES}, timeout=WITHIN_S)
                   for _ in range(8)]  # fmt: skip
        name = "cardioquery_queue_running"
        wait_for(lambda: metric(server, name) > 0 or any(each.done() for each in started))
        wait_for(lambda: all_arrived(server, started))
        server.process.send_signal(signal.SIGTERM)
        assert [each.result().status_code for each in started] == [200] * 8
    assert server.process.wait(timeout=WITHIN_S) == 0
    assert "Traceback" not in server.log.read_text()


def all_arrived(server: Server, started: list[Future[httpx.Response]]) -> bool:
    # First what has no answer, then what is running, then what waits: what moves on meanwhile is
    # counted too little, never twice.
    unanswered = sum(not each.done() for each in started)
    names = ("cardioquery_queue_running", "cardioquery_queue_waiting")
    return sum(metric(server, name) for name in names) >= unanswered


def test_a_draining_service_says_so_and_still_answers(start_server: ServerStarter) -> None:
    server = start_server(drain_s=3)
    with server.client() as client:
        assert client.get("/readyz").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: client.get("/readyz").status_code == 503)
        assert client.get("/readyz").json()["type"] == "urn:cardioquery:problem:model-not-ready"
        answered = ask(client)
        assert answered.status_code == 200
        wait_for(lambda: client.get("/healthz").headers.get("connection") == "close")
    assert server.process.wait(timeout=WITHIN_S) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=5)


def test_workers_go_when_the_one_that_started_them_is_killed(start_server: ServerStarter) -> None:
    server = start_server(workers=2)
    wait_for(lambda: server.ready_workers == 2)
    workers = worker_ids(server)
    server.process.kill()
    server.process.wait()
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in workers))


def test_workers_that_cannot_start_stop_the_service(
    start_server: ServerStarter, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match=r"manifest\.json"):
        start_server(workers=2, bundle_dir=tmp_path / "nowhere")
