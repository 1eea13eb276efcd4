"""A worker that hangs, as seen from outside: it is there, and does nothing."""

import os
import signal
import threading
import time

import httpx
import psutil

from tests.support.server import Server, ServerStarter, ask, wait_for, worker_ids

WITHIN_S = 60.0
HANG_AFTER_S = 4.0


def hang(process_id: int) -> None:
    os.kill(process_id, signal.SIGSTOP)


def healthy_within_s(server: Server, stop: threading.Event, took_s: list[float]) -> None:
    """Ask on new connections, one after another, until told to stop."""
    while not stop.wait(0.05):
        began = time.monotonic()
        assert httpx.get(f"{server.url}/healthz", timeout=WITHIN_S).status_code == 200
        took_s.append(time.monotonic() - began)


def test_a_hung_worker_is_replaced_while_the_other_answers(start_server: ServerStarter) -> None:
    server = start_server(workers=2, hang_after_s=HANG_AFTER_S)
    wait_for(lambda: server.ready_workers == 2)
    victim = min(worker_ids(server))
    stop, took_s = threading.Event(), list[float]()
    asking = threading.Thread(target=healthy_within_s, args=(server, stop, took_s))
    asking.start()
    hang(victim)
    try:
        wait_for(lambda: not psutil.pid_exists(victim), within_s=3 * HANG_AFTER_S)
        wait_for(lambda: server.ready_workers == 3)
    finally:
        stop.set()
        asking.join()
    assert len(took_s) > 10
    assert max(took_s) < HANG_AFTER_S  # nobody waited for the hung one
    assert victim not in worker_ids(server)
    replaced = 'cardioquery_workers_replaced{reason="hung"} 1.0'
    wait_for(lambda: replaced in httpx.get(f"{server.url}/metrics").text)
    assert f"worker {victim} was silent for 4 s: killed" in server.log.read_text()
    with server.client() as client:
        assert ask(client).status_code == 200
    assert server.stop() == 0


def test_a_service_whose_workers_all_hang_still_ends_when_told_to(
    start_server: ServerStarter,
) -> None:
    server = start_server(workers=2, hang_after_s=HANG_AFTER_S)
    wait_for(lambda: server.ready_workers == 2)
    workers = worker_ids(server)
    for worker in workers:
        hang(worker)
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 3 * HANG_AFTER_S
    assert not any(psutil.pid_exists(worker) for worker in workers)


def test_a_single_process_that_was_silent_ends_itself_to_be_started_again(
    start_server: ServerStarter,
) -> None:
    server = start_server(workers=1, hang_after_s=HANG_AFTER_S)
    with server.client() as client:
        assert ask(client).status_code == 200
    time.sleep(2 * HANG_AFTER_S)
    assert server.process.poll() is None
    hang(server.process.pid)
    time.sleep(1.5 * HANG_AFTER_S)
    # The real hang lets no other thread run; a stopped process can end only once it goes on.
    server.process.send_signal(signal.SIGCONT)
    assert server.process.wait(timeout=WITHIN_S) == 1
    assert "Timeout" in server.log.read_text()
