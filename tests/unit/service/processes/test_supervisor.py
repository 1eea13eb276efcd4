"""The supervisor with workers that are real processes, but serve nothing."""

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from service.processes.heartbeat import Pulse
from service.processes.supervisor import CANNOT_START, Supervisor

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


def serve(folder: Path, _listener: socket.socket, _metrics: Path, pulse: Pulse) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, lambda *_: tell(folder, "reload"))
    tell(folder, "ready")
    pulse.ready.set()
    while not stop.wait(0.01):
        pass
    tell(folder, "finished")


def break_down(folder: Path, _listener: socket.socket, _metrics: Path, _pulse: Pulse) -> None:
    tell(folder, "broken")
    raise SystemExit(3)


def ignore_sigterm(folder: Path, _listener: socket.socket, _metrics: Path, pulse: Pulse) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    tell(folder, "ready")
    pulse.ready.set()
    time.sleep(WITHIN_S)


def hold_the_interpreter() -> None:
    """Never returns, runs no signal handler, and lets no other thread run."""
    re.match("(?:1|1)*,", "1" * 80)


def hang_once(folder: Path, _listener: socket.socket, _metrics: Path, pulse: Pulse) -> None:
    first = not lines(folder)
    tell(folder, "hangs" if first else "ready")
    pulse.ready.set()
    pulse.beat()
    if first:
        hold_the_interpreter()
    while count(folder, "told to stop") == 0:
        pulse.beat()
        time.sleep(0.05)


def load_for_long(folder: Path, _listener: socket.socket, _metrics: Path, pulse: Pulse) -> None:
    pulse.beat(loading=True)
    serve(folder, _listener, _metrics, pulse)


def hang_for_ever(folder: Path, _listener: socket.socket, _metrics: Path, pulse: Pulse) -> None:
    pulse.beat()
    pulse.ready.set()
    tell(folder, "ready")
    hold_the_interpreter()


def count(folder: Path, word: str) -> int:
    return sum(line.startswith(word) for line in lines(folder))


def supervised(
    folder: Path,
    script: Callable[[], None],
    worker: Callable[..., None] = serve,
    stop_within_s: float = WITHIN_S,
    hang_after_s: float = 0.0,
    workers: int = 2,
) -> int:
    """The exit code of a supervisor in this thread, while a script runs in another one."""
    listener = socket.create_server(("127.0.0.1", 0))
    serving = partial(worker, folder)
    supervisor = Supervisor(serving, workers, listener, folder, stop_within_s, hang_after_s)
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


def test_a_worker_that_hangs_is_killed_and_replaced_within_ten_seconds(tmp_path: Path) -> None:
    took_s: list[float] = []

    def script() -> None:
        wait_for(lambda: count(tmp_path, "hangs"))
        began = time.monotonic()
        wait_for(lambda: count(tmp_path, "ready"))
        took_s.append(time.monotonic() - began)
        tell(tmp_path, "told to stop")
        stop()

    assert supervised(tmp_path, script, hang_once, hang_after_s=1.0, workers=1) == 0
    assert took_s[0] < 10


@pytest.mark.parametrize("worker", [serve, load_for_long])
def test_a_worker_that_has_not_begun_to_beat_or_loads_a_model_is_left_alone(
    tmp_path: Path, worker: Callable[..., None]
) -> None:
    def script() -> None:
        wait_for(lambda: count(tmp_path, "ready") == 2)
        time.sleep(2)
        stop()

    assert supervised(tmp_path, script, worker, hang_after_s=0.5) == 0
    assert count(tmp_path, "ready") == count(tmp_path, "finished") == 2


def test_workers_that_hang_do_not_keep_the_service_from_ending(tmp_path: Path) -> None:
    told_at: list[float] = []

    def script() -> None:
        wait_for(lambda: count(tmp_path, "ready") == 2)
        told_at.append(time.monotonic())
        stop()

    assert supervised(tmp_path, script, hang_for_ever, hang_after_s=1.0) == 0
    assert time.monotonic() - told_at[0] < 10
