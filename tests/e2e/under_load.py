"""Clients that go on asking while something is done to the server, and what they saw of it."""

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.support.recordings import make_csv, make_recording
from tests.support.server import START_S, Server
from tests.support.service import as_upload

NEW = {"text": "T waves tall and pointed like a tent", "name": "Steeple T waves"}
# A table, for which the server needs no room on its disk.
UPLOAD = as_upload(make_csv(make_recording(heart_rate_bpm=75.0)))
# Known conditions, a free text that is cached, and everything that is registered.
ASKED: tuple[list[str], ...] = (
    ["atrial flutter", "sinus rhythm", "no LBBB"],
    ["T waves like a camel's hump", "atrial flutter"],
    [],
)


def diagnose(client: httpx.Client, queries: list[str]) -> dict[str, float]:
    """Probabilities by query; the diagnosis must succeed."""
    response = client.post("/diagnose", files=UPLOAD, data={"queries": queries})
    assert response.status_code == 200, response.text
    return {found["query"]: found["probability"] for found in response.json()["findings"]}


@dataclass
class Load:
    """Clients that go on asking, and what they got."""

    right: int = 0
    wrong: list[str] = field(default_factory=list)
    cut: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, problem: str | None) -> None:
        """One more answer: right, or what is wrong with it."""
        with self._lock:
            if problem is None:
                self.right += 1
            else:
                self.wrong.append(problem)

    def count_cut(self) -> None:
        """One more connection that ended without an answer."""
        with self._lock:
            self.cut += 1

    def wait_for_more(self, answers: int) -> None:
        """Go on once so many more diagnoses have been right."""
        target, end = self.right + answers, time.monotonic() + START_S
        while self.right < target and not self.wrong:
            assert time.monotonic() < end, "no answers"
            time.sleep(0.02)


@contextmanager
def under_load(server: Server, threads: int = 4, *, may_be_cut: bool = False) -> Iterator[Load]:
    """Diagnoses all the while, each compared with the answer before.

    Args:
        server: Asked all the while.
        threads: Clients at once.
        may_be_cut: A connection may end without an answer: its client asks again. Otherwise that
            is as wrong as another answer.
    """
    load, stop = Load(), threading.Event()
    with server.client() as client:
        expected = [diagnose(client, queries) for queries in ASKED]

    def problem(
        client: httpx.Client, queries: list[str], right: dict[str, float] | None
    ) -> str | None:
        while True:
            try:
                answer = diagnose(client, queries)
            except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
                if not may_be_cut:
                    return f"cut: {error!r}"
                load.count_cut()
            except (AssertionError, httpx.HTTPError) as error:
                return f"failed: {error!r}"
            else:
                return None if right in (None, answer) else "another answer"

    def ask(number: int) -> None:
        with server.client() as client:
            for turn in itertools.count(number):
                if stop.is_set():
                    return
                load.count(problem(client, ASKED[turn % 3], expected[turn % 3]))
                if turn % 5 == 0:
                    # A text that no cache holds, so that it is looked up, embedded and kept.
                    load.count(problem(client, [f"hump {number} {turn}"], None))

    with ThreadPoolExecutor(threads) as pool:
        asking = [pool.submit(ask, number) for number in range(threads)]
        try:
            yield load
        finally:
            stop.set()
        for each in asking:
            each.result()
