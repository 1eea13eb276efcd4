"""Real servers on a real Redis that is killed, paused and emptied under them."""

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.builders import make_recording, make_wfdb
from tests.e2e.conftest import Server, ServerStarter, free_port, launch
from tests.redis_fixtures import RedisStarter
from tests.service_fixtures import as_upload

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
NEW = {"text": "T waves tall and pointed like a tent", "name": "Steeple T waves"}
UPLOAD = as_upload(make_wfdb(make_recording(heart_rate_bpm=75.0)))
# Known conditions, a free text that is cached, and everything that is registered.
ASKED: tuple[list[str], ...] = (
    ["atrial flutter", "sinus rhythm", "no LBBB"],
    ["a wave like a camel's hump", "atrial flutter"],
    [],
)


def diagnose(client: httpx.Client, queries: list[str]) -> dict[str, float]:
    response = client.post("/diagnose", files=UPLOAD, data={"queries": queries})
    assert response.status_code == 200, response.text
    return {found["query"]: found["probability"] for found in response.json()["findings"]}


@dataclass
class Load:
    """Clients that go on asking, and what they got."""

    right: int = 0
    wrong: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, problem: str | None) -> None:
        with self._lock:
            if problem is None:
                self.right += 1
            else:
                self.wrong.append(problem)

    def wait_for_more(self, answers: int) -> None:
        """Go on once so many more diagnoses have been right."""
        target, end = self.right + answers, time.monotonic() + 150
        while self.right < target and not self.wrong:
            assert time.monotonic() < end, "no answers"
            time.sleep(0.02)


@contextmanager
def under_load(server: Server, threads: int = 4) -> Iterator[Load]:
    """Diagnoses all the while, each compared with the answer before."""
    load, stop = Load(), threading.Event()
    with server.client() as client:
        expected = [diagnose(client, queries) for queries in ASKED]

    def ask(number: int) -> None:
        with server.client() as client:
            for turn in itertools.count(number):
                if stop.is_set():
                    return
                load.count(_problem(client, ASKED[turn % 3], expected[turn % 3]))
                if turn % 5 == 0:
                    # A text that no cache holds, so that it is looked up, embedded and kept.
                    load.count(_problem(client, [f"hump {number} {turn}"], None))

    with ThreadPoolExecutor(threads) as pool:
        asking = [pool.submit(ask, number) for number in range(threads)]
        try:
            yield load
        finally:
            stop.set()
        for each in asking:
            each.result()


def _problem(
    client: httpx.Client, queries: list[str], expected: dict[str, float] | None
) -> str | None:
    """What is wrong with an answer; nothing, if it is the expected one to the last bit."""
    try:
        answer = diagnose(client, queries)
    except (AssertionError, httpx.HTTPError) as error:
        return f"failed: {error!r}"
    return None if expected in (None, answer) else "another answer"


def test_redis_killed_paused_and_emptied_under_load_costs_no_diagnosis(
    start_server: ServerStarter, start_redis: RedisStarter
) -> None:
    redis = start_redis(*DURABLE)
    server = start_server(redis_url=redis.url)
    with server.client() as client:
        assert client.post("/queries", json=NEW).status_code == 201
    with under_load(server) as load:
        load.wait_for_more(10)
        redis.kill()
        load.wait_for_more(20)
        redis.start()
        load.wait_for_more(20)
        redis.pause()
        load.wait_for_more(20)
        redis.resume()
        load.wait_for_more(20)
        redis.restart(empty=True)
        load.wait_for_more(20)
    assert load.wrong == []
    with server.client() as client:
        listed = client.get("/queries", params={"limit": 1000}).json()["conditions"]
    assert NEW["name"] in [condition["name"] for condition in listed]


def test_what_was_acknowledged_outlives_the_death_of_redis_and_of_the_server(
    start_server: ServerStarter, start_redis: RedisStarter
) -> None:
    redis = start_redis(*DURABLE)
    server = start_server(redis_url=redis.url)
    with server.client() as client:
        made = client.post("/queries", json=NEW)
        redis.kill()
        assert made.status_code == 201
        refused = client.post("/queries", json={"text": "a wave like a camel's hump"})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    server.process.kill()
    server.process.wait()
    redis.start()
    with start_server(redis_url=redis.url).client() as client:
        assert client.get(made.headers["location"]).json() == made.json()
        assert client.post("/queries", json=NEW).status_code == 200


def test_workers_of_one_server_share_conditions_at_once(
    start_server: ServerStarter, start_redis: RedisStarter
) -> None:
    server = start_server(redis_url=start_redis(*DURABLE).url, workers=2)
    for number in range(4):
        new = {"text": f"a strange wave of kind {number}", "name": f"Wave {number}"}
        with server.client() as client:
            assert client.post("/queries", json=new).status_code == 201
        # Each connection may be another worker's.
        for _ in range(6):
            with server.client() as client:
                assert new["name"] in diagnose(client, [])


def test_a_wrong_password_stops_the_start_with_one_line_that_says_what_to_do(
    start_redis: RedisStarter, tmp_path: Path
) -> None:
    redis = start_redis(password="right")
    redis.password = "wrong-password"
    log = tmp_path / "log"
    options: dict[str, object] = {"redis_url": redis.url, "store_path": tmp_path / "unused"}
    with log.open("wb") as stream:
        process = launch(free_port(), stream, options)
        assert process.wait(timeout=60) == 3
    text = log.read_text()
    lines = [json.loads(line)["message"] for line in text.splitlines() if "refusing" in line]
    assert len(lines) == 1
    assert "CARDIOQUERY_REDIS_PASSWORD_FILE" in lines[0]
    assert "wrong-password" not in text
    assert not (tmp_path / "unused").exists()


def test_a_url_that_cannot_be_read_is_not_repeated(tmp_path: Path) -> None:
    environment = {"CARDIOQUERY_REDIS_URL": "redis://:secret-word@", "PATH": "", "HOME": "."}
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    ended = subprocess.run(
        [sys.executable, "-m", "service"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode != 0
    assert "CARDIOQUERY_REDIS_URL" in ended.stderr
    assert "secret-word" not in ended.stdout + ended.stderr
