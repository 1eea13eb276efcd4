"""Two replicas behind a proxy on one Redis: what one learns the other knows, and none is missed."""

import shutil
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import httpx
import pytest

from cardioquery.demo.simulator import csv_of, simulate
from tests.deploy.replicas import Line, Replica, proxy
from tests.support.redis import RedisServer, redis_binaries

QUERIES = ("atrial fibrillation", "sinus rhythm", "a prolonged QT interval after a drug")
CONDITION = "delta waves with a short PR interval"
SEEN_WITHIN_S = 1.0
THREADS = 3

pytestmark = pytest.mark.skipif(
    not (shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin"))
    or not shutil.which("openssl"),
    reason="needs nginx and openssl (Debian's packages of these names)",
)


@dataclass
class Site:
    """What a hospital would run: a proxy, two replicas, and Redis behind a line to each."""

    url: str
    trust: ssl.SSLContext
    replicas: tuple[Replica, Replica]
    lines: tuple[Line, Line]

    def client(self) -> httpx.Client:
        """Through the proxy."""
        return httpx.Client(base_url=self.url, verify=self.trust, timeout=60)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Both replicas up, as every test leaves them."""
    folder = tmp_path_factory.mktemp("site")
    with ExitStack() as stack:
        redis = RedisServer(redis_binaries()[0], folder / "redis").start()
        stack.callback(redis.stop)
        lines = (Line(redis.port), Line(redis.port))
        replicas = tuple(
            Replica(folder / f"replica-{number}", f"redis://127.0.0.1:{line.port}/0")
            for number, line in enumerate(lines, 1)
        )
        for line, replica in zip(lines, replicas, strict=True):
            stack.callback(line.close)
            stack.callback(replica.stop)
            replica.start()
        one, two = replicas
        made = stack.enter_context(proxy(folder / "nginx", (one.port, two.port)))
        trust = ssl.create_default_context(cafile=made[1])
        yield Site(made[0], trust, (one, two), lines)


def asked(client: httpx.Client, queries: tuple[str, ...] = QUERIES) -> httpx.Response:
    files = [("recording", ("synthetic.csv", csv_of(simulate())))]
    return client.post("/diagnose", files=files, data={"queries": list(queries)})


def probabilities(response: httpx.Response) -> dict[str, float]:
    assert response.status_code == httpx.codes.OK, response.text
    return {found["query"]: found["probability"] for found in response.json()["findings"]}


@contextmanager
def load(site: Site) -> Iterator[list[httpx.Response]]:
    """Several clients that ask all the time; what they were answered."""
    answers: list[httpx.Response] = []
    over, failures = threading.Event(), []

    def ask() -> None:
        try:
            with site.client() as client:
                while not over.is_set():
                    answers.append(asked(client))
        except httpx.HTTPError as error:
            failures.append(repr(error))

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert failures == []


def register(client: httpx.Client, text: str) -> str:
    made = client.post("/queries", json={"text": text})
    assert made.status_code == httpx.codes.CREATED, made.text
    return str(made.json()["id"])


def ranked_within_s(client: httpx.Client, text: str, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if text in probabilities(asked(client, ())):
            return True
    return False


def test_condition_registered_at_one_is_ranked_by_the_other_within_a_second(site: Site) -> None:
    one, two = (httpx.Client(base_url=replica.url, timeout=60) for replica in site.replicas)
    with one, two:
        asked(two, ())
        condition = register(one, CONDITION)
        registered = time.monotonic()
        # The recording is sent within the second; on a busy machine its answer may take longer.
        time.sleep(max(0.0, SEEN_WITHIN_S - 0.1 - (time.monotonic() - registered)))
        assert CONDITION in probabilities(asked(two, ()))
        assert probabilities(asked(one, ())) == probabilities(asked(two, ()))
        two.delete(f"/queries/{condition}")
        time.sleep(SEEN_WITHIN_S)
        assert CONDITION not in probabilities(asked(one, ()))


def test_rolling_restart_under_load_fails_no_request(site: Site) -> None:
    with site.client() as client:
        expected = probabilities(asked(client))
    with load(site) as answers:
        for replica in site.replicas:
            time.sleep(1)
            assert replica.stop() == 0
            without = len(answers)
            replica.start()
            assert len(answers) > without
        time.sleep(1)
    assert [answer.text for answer in answers if answer.status_code != httpx.codes.OK] == []
    assert all(probabilities(answer) == expected for answer in answers)


def test_killed_replica_under_load_fails_no_request(site: Site) -> None:
    with site.client() as client:
        expected = probabilities(asked(client))
    with load(site) as answers:
        time.sleep(1)
        site.replicas[0].kill()
        site.replicas[0].start()
    assert [answer.text for answer in answers if answer.status_code != httpx.codes.OK] == []
    assert all(probabilities(answer) == expected for answer in answers)


def test_replica_that_is_cut_off_from_redis_keeps_answering_right(site: Site) -> None:
    with httpx.Client(base_url=site.replicas[0].url, timeout=60) as one:
        known = register(one, CONDITION)
        expected = probabilities(asked(one, ()))
        new = "an epsilon wave in the right precordial leads"
        expected_new = probabilities(asked(one, (new,)))
        with httpx.Client(base_url=site.replicas[1].url, timeout=60) as two:
            assert ranked_within_s(two, CONDITION, 10)
            site.lines[1].cut()
            try:
                with load(site) as answers:
                    assert probabilities(asked(two, ())) == expected
                    assert probabilities(asked(two, (new,))) == expected_new
                    refused = two.post("/queries", json={"text": "T waves like a camel's hump"})
                    assert refused.status_code == httpx.codes.SERVICE_UNAVAILABLE
                    assert "Retry-After" in refused.headers
                    later = register(one, "R waves notched like a church spire in V1")
            finally:
                site.lines[1].mend()
            assert all(answer.status_code == httpx.codes.OK for answer in answers)
            assert ranked_within_s(two, "R waves notched like a church spire in V1", 10)
        for condition in (known, later):
            assert one.delete(f"/queries/{condition}").status_code == httpx.codes.NO_CONTENT


def test_proxy_keeps_metrics_to_itself_and_demands_tls(site: Site) -> None:
    with site.client() as client:
        assert client.get("/metrics").status_code == httpx.codes.NOT_FOUND
        assert client.get("/readyz").headers["Strict-Transport-Security"]
    answer = httpx.get(f"http://{site.url.removeprefix('https://')}/readyz", timeout=20)
    assert answer.status_code == httpx.codes.BAD_REQUEST
