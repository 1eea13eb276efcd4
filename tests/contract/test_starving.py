"""One caller's expensive questions: they end with the deadline, are counted, and leave room."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import pytest

from ecg_core.readers import UploadedFile
from service.access.keys import Scope
from service.api.guards import cost
from service.api.routes import diagnose
from service.engine.deadline import Deadline
from service.runtime.working_memory import needed_bytes
from tests.support.answers import problem
from tests.support.clients import ClientMaker, load_with_gate
from tests.support.keys import bearer, make_keys
from tests.support.recordings import make_wfdb, make_wfdb_zip
from tests.support.service import Gate, as_upload, make_resolver

# 700 texts that no catalogue lists, each of which denies something.
WORDS = ("basal", "distal", "focal", "early", "left", "slow", "subtle", "tall", "wide")
NEGATED = [f"no {' '.join(words)} strain" for words in product(WORDS, repeat=3)][:700]


def test_texts_are_understood_only_as_long_as_there_is_time() -> None:
    looked = 0

    def checkpoint() -> None:
        nonlocal looked
        looked += 1
        if looked > 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        make_resolver(max_queries=1000).resolve(NEGATED, checkpoint)
    assert looked == 4


def test_a_deadline_ends_hundreds_of_negated_texts_and_their_work(
    make_client: ClientMaker,
) -> None:
    client = make_client(request_deadline_s=0.3)
    response = client.post("/diagnose", files=as_upload(make_wfdb()), data={"queries": NEGATED})
    problem(response, 504, "deadline-exceeded")
    # Nothing goes on behind: the thread has looked at the time before its next text.
    until = Deadline(2.0)
    while "cardioquery_queue_running 0.0" not in client.get("/metrics").text:
        until.check()
        threading.Event().wait(0.02)


def test_a_request_is_answered_while_hundreds_of_texts_of_another_are_understood(
    make_client: ClientMaker,
) -> None:
    client = make_client(max_concurrent_diagnoses=1)
    many = [f"{text} pattern" for text in NEGATED]
    with ThreadPoolExecutor(1) as callers:
        long = callers.submit(
            client.post, "/diagnose", files=as_upload(make_wfdb()), data={"queries": many}
        )
        until = Deadline(20.0)
        while "cardioquery_queue_running 1.0" not in client.get("/metrics").text:
            until.check()
        short = client.post("/diagnose", files=as_upload(make_wfdb()), data={"queries": ["AFib"]})
        assert short.status_code == 200
        assert not long.done()


@pytest.mark.parametrize(
    ("recordings", "texts", "requests"),
    [(1, 0, 1), (1, 9, 1), (1, 10, 2), (1, 700, 71), (30, 20, 32)],
)
def test_the_price_of_a_question_grows_with_its_texts(
    recordings: int, texts: int, requests: int
) -> None:
    assert cost(recordings, texts) == requests


def test_texts_count_against_the_limit_of_the_key(make_client: ClientMaker, tmp_path: Path) -> None:
    (key,) = make_keys(tmp_path / "keys.json", Scope.DIAGNOSE, rate_limit="40/hour")
    client = make_client(api_keys_file=tmp_path / "keys.json")

    def left(queries: list[str]) -> tuple[int, str]:
        response = client.post(
            "/diagnose", headers=bearer(key), files=as_upload(make_wfdb()),
            data={"queries": queries},
        )  # fmt: skip
        return response.status_code, response.headers["ratelimit"].partition(";t=")[0]

    assert left(["AFib"] * 100) == (200, '"requests";r=29')
    assert left(["AFib"] * 400)[0] == 429
    assert left(["AFib"]) == (200, '"requests";r=27')


def test_one_key_cannot_take_every_place(make_client: ClientMaker, tmp_path: Path) -> None:
    greedy, other = make_keys(tmp_path / "keys.json", Scope.DIAGNOSE, Scope.DIAGNOSE)
    gate = Gate()
    client = make_client(
        load_with_gate(gate),
        api_keys_file=tmp_path / "keys.json",
        max_running_per_key=2,
        max_concurrent_diagnoses=4,
    )

    def ask(key: object) -> int:
        return client.post(
            "/diagnose", headers=bearer(key), files=as_upload(make_wfdb()),  # type: ignore[arg-type]
            data={"queries": ["AFib"]},
        ).status_code  # fmt: skip

    running = client.app.state.service.access.running  # type: ignore[attr-defined]
    with ThreadPoolExecutor(4) as threads:
        held = [threads.submit(ask, greedy) for _ in range(2)]
        until = Deadline(20)
        while running.of(greedy.id) < 2:
            until.check()
            threading.Event().wait(0.01)
        assert ask(greedy) == 429
        of_another = threads.submit(ask, other)
        gate.open()
        assert of_another.result() == 200
        assert [each.result() for each in held] == [200, 200]
    assert ask(greedy) == 200
    assert running.of(greedy.id) == 0


def test_the_directory_of_an_archive_is_read_in_a_worker_not_by_the_event_loop(
    make_client: ClientMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []

    def noting(files: Sequence[UploadedFile]) -> int:
        threads.append(threading.current_thread().name)
        return needed_bytes(files)

    monkeypatch.setattr(diagnose, "needed_bytes", noting)
    sent = as_upload([make_wfdb_zip()])
    response = make_client().post("/diagnose", files=sent, data={"queries": "LBBB"})
    assert response.status_code == 200
    assert [name.partition("_")[0] for name in threads] == ["diagnosis"]
