"""The compose file for real, from a clean state: what a user gets, and what he may do to it."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.deploy.containers.stack import QUERIES, SERVICES, Stack, diagnose, probabilities

FIRST_DIAGNOSIS_S = 60.0
CONDITION = "tall R waves and a slurred upstroke"
THREADS = 4


def test_first_diagnosis_comes_within_a_minute(stack: Stack, report: Callable[[str], None]) -> None:
    # Programs that wait for each core: a busy machine is given more time in proportion.
    crowd = os.getloadavg()[0] / (os.cpu_count() or 1)
    report(f"from up to the first diagnosis: {stack.first_diagnosis_s:.1f} s, load {crowd:.1f}")
    assert stack.first_diagnosis_s <= FIRST_DIAGNOSIS_S * max(1.0, crowd)


@pytest.mark.shared
def test_real_recording_is_diagnosed(stack: Stack, shared: Path) -> None:
    header = next(iter(sorted((shared / "data/ptb-xl/records500").rglob("*.hea"))))
    pair = (header, header.with_suffix(".dat"))
    files = [("recording", (path.name, path.read_bytes())) for path in pair]
    with stack.client() as client:
        answer = client.post("/diagnose", files=files, data={"queries": list(QUERIES)})
    assert set(probabilities(answer)) == set(QUERIES)


def test_nothing_is_published_beyond_loopback(stack: Stack) -> None:
    published = stack.published()
    assert len(published) == 2
    assert all(address.startswith("127.0.0.1:") for address in published)


def test_requests_need_a_key(stack: Stack) -> None:
    with httpx.Client(base_url=stack.url) as client:
        assert diagnose(client).status_code == httpx.codes.UNAUTHORIZED
        assert client.get("/metrics").status_code == httpx.codes.UNAUTHORIZED


@pytest.mark.parametrize("service", SERVICES)
def test_containers_run_as_nobody_special_on_a_read_only_root(stack: Stack, service: str) -> None:
    script = "id -u; touch /written 2>&1 || true; grep -E 'CapEff|NoNewPrivs' /proc/self/status"
    said = stack.compose("exec", "-T", service, "sh", "-c", script).stdout
    assert not said.startswith("0\n")
    assert "Read-only file system" in said
    assert [int(line.split()[1], 16) for line in said.splitlines()[-2:]] == [0, 1]


def test_redis_takes_no_client_without_the_password(stack: Stack) -> None:
    said = stack.compose("exec", "-T", "redis", "redis-cli", "ping", check=False)
    assert "NOAUTH" in said.stdout + said.stderr
    password = (stack.secrets / "redis/password").read_text()
    with_password = ("exec", "-T", "redis", "/bin/sh", "/etc/redis/healthcheck.sh")
    assert stack.compose(*with_password).returncode == 0
    arguments = stack.compose("exec", "-T", "redis", "cat", "/proc/1/cmdline").stdout
    assert password not in arguments


def test_health_check_of_the_service_holds(stack: Stack) -> None:
    check = ("exec", "-T", "service", "python", "/opt/cardioquery/healthcheck.py")
    assert stack.compose(*check).returncode == 0


def test_condition_outlives_a_restart_of_every_container(stack: Stack) -> None:
    with stack.client() as client:
        made = client.post("/queries", json={"text": CONDITION})
        assert made.status_code == httpx.codes.CREATED, made.text
        before = probabilities(diagnose(client, (CONDITION,)))
        # All stopped before one starts: a service that outlives Redis puts back what that has lost.
        stack.compose("stop", *SERVICES)
        for name in SERVICES:
            stack.compose("start", name)
        stack.wait_until_ready(300)
        path = f"/queries/{made.json()['id']}"
        found = client.get(path)
        assert found.json() == made.json()
        assert CONDITION in probabilities(diagnose(client, ()))
        assert probabilities(diagnose(client, (CONDITION,))) == before
        assert client.delete(path).status_code == httpx.codes.NO_CONTENT


def test_revoked_key_is_refused_without_a_restart(stack: Stack) -> None:
    key = stack.new_key("for a while")
    with stack.client(key) as client:
        assert _within_s(30, lambda: diagnose(client).status_code == httpx.codes.OK)
        assert stack.run("keys", "revoke", key.split("_")[1]).returncode == 0
        refused = httpx.codes.UNAUTHORIZED
        assert _within_s(30, lambda: diagnose(client).status_code == refused)


def test_killed_redis_fails_no_diagnosis(stack: Stack, report: Callable[[str], None]) -> None:
    answers: list[httpx.Response] = []
    over = threading.Event()

    def ask() -> None:
        with stack.client(key) as client:
            while not over.is_set():
                answers.append(diagnose(client))

    # One that no rate limit stops.
    key = stack.new_key("load", "--rate-limit", "100000/minute")
    with stack.client() as client:
        expected = probabilities(diagnose(client))
    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        assert _within_s(60, lambda: len(answers) > 2 * THREADS)
        stack.compose("kill", "redis")
        without = len(answers)
        assert _within_s(60, lambda: len(answers) > without + 10 * THREADS)
        stack.compose("start", "redis")
        assert _within_s(60, lambda: _registers(stack))
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert [answer.text for answer in answers if answer.status_code != httpx.codes.OK] == []
    assert all(probabilities(answer) == expected for answer in answers)
    report(f"Redis was killed and came back during {len(answers)} diagnoses: none failed")


def _registers(stack: Stack) -> bool:
    """Whether conditions can be registered, which needs Redis."""
    with stack.client() as client:
        made = client.post("/queries", json={"text": CONDITION})
    return made.status_code in {httpx.codes.OK, httpx.codes.CREATED}


def _within_s(seconds: float, holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.2)
    return False
