"""Real servers on a real Redis that is killed, paused and emptied under them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.under_load import NEW, diagnose, under_load
from tests.support.redis import RedisStarter
from tests.support.server import ServerStarter, free_port, launch

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


@pytest.mark.parametrize("workers", [1, 2])
def test_redis_killed_paused_and_emptied_under_load_costs_no_diagnosis(
    start_server: ServerStarter, start_redis: RedisStarter, workers: int
) -> None:
    redis = start_redis(*DURABLE)
    server = start_server(redis_url=redis.url, workers=workers)
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
        refused = client.post("/queries", json={"text": "T waves like a camel's hump"})
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
        lead = f"V{number + 1}"
        new = {"text": f"R waves notched like a spire in {lead}", "name": f"Notched R in {lead}"}
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
