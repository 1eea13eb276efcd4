"""The supervisor with workers that are real processes, but serve nothing."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path

from service.supervisor import CANNOT_START, Supervisor

WITHIN_S = 60.0


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def lines(folder: Path) -> list[str]:
    path = folder / "told"
    return path.read_text().splitlines() if path.exists() else []


def tell(folder: Path, line: str) -> None:
    with (folder / "told").open("a") as stream:
        stream.write(f"{line} {os.getpid()}\n")


def serve(folder: Path, _listener: socket.socket, _metrics: Path, ready: Event) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, lambda *_: tell(folder, "reload"))
    tell(folder, "ready")
    ready.set()
    while not stop.wait(0.01):
        pass
    tell(folder, "finished")


def break_down(folder: Path, _listener: socket.socket, _metrics: Path, _ready: Event) -> None:
    tell(folder, "broken")
    raise SystemExit(3)


def ignore_sigterm(folder: Path, _listener: socket.socket, _metrics: Path, ready: Event) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    tell(folder, "ready")
    ready.set()
    time.sleep(WITHIN_S)


def count(folder: Path, word: str) -> int:
    return sum(line.startswith(word) for line in lines(folder))


def supervised(
    folder: Path,
    script: Callable[[], None],
    worker: Callable[..., None] = serve,
    stop_within_s: float = WITHIN_S,
) -> int:
    """The exit code of a supervisor in this thread, while a script runs in another one."""
    listener = socket.create_server(("127.0.0.1", 0))
    supervisor = Supervisor(partial(worker, folder), 2, listener, folder, stop_within_s)
    failures: list[AssertionError] = []

    def follow() -> None:
        try:
            script()
        except AssertionError as error:
            failures.append(error)
            stop()  # or the supervisor would wait for ever for a script that has given up

    other = threading.Thread(target=follow)
    other.start()
    try:
        return supervisor.run()
    finally:
        other.join()
        assert failures == []
        assert listener.fileno() == -1


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_workers_are_told_to_stop_and_finish(tmp_path: Path) -> None:
    def script() -> None:
        wait_for(lambda: count(tmp_path, "ready") == 2)
        stop()

    before = signal.getsignal(signal.SIGTERM)
    assert supervised(tmp_path, script) == 0
    assert count(tmp_path, "finished") == 2
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_killed_worker_is_replaced_and_its_gauges_are_dropped(tmp_path: Path) -> None:
    gauges: list[Path] = []

    def script() -> None:
        wait_for(lambda: count(tmp_path, "ready") == 2)
        victim = int(lines(tmp_path)[0].split()[1])
        gauges.append(tmp_path / f"gauge_livesum_{victim}.db")
        gauges[0].touch()
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: count(tmp_path, "ready") == 3)
        stop()

    assert supervised(tmp_path, script) == 0
    assert count(tmp_path, "finished") == 2
    assert not gauges[0].exists()


def test_every_worker_is_told_to_reload_once(tmp_path: Path) -> None:
    # Under nohup it is ignored, elsewhere not.
    before = signal.getsignal(signal.SIGHUP)

    def script() -> None:
        # Before they are ready: none may die of it.
        wait_for(lambda: signal.getsignal(signal.SIGHUP) != before)
        os.kill(os.getpid(), signal.SIGHUP)
        wait_for(lambda: count(tmp_path, "reload") == 2)
        stop()

    assert supervised(tmp_path, script) == 0
    assert len({line for line in lines(tmp_path) if line.startswith("reload")}) == 2


def test_workers_that_cannot_start_end_it(tmp_path: Path) -> None:
    assert supervised(tmp_path, lambda: None, break_down) == CANNOT_START
    assert count(tmp_path, "broken") <= 2


def test_a_worker_that_does_not_finish_is_killed(tmp_path: Path) -> None:
    def script() -> None:
        wait_for(lambda: count(tmp_path, "ready") == 2)
        stop()

    assert supervised(tmp_path, script, ignore_sigterm, stop_within_s=0.5) == 0
