import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

import api_schemas as wire
from ecg_core.leads import LEADS
from tests.support.recordings import make_recording, make_wfdb
from tests.support.server import REPOSITORY, Server, ServerStarter, free_port, launch, wait_for
from tests.support.service import as_upload

QUERIES = ["atrial flutter", "sinus rhythm", "inferior myocardial infarction", "no LBBB"]


def diagnose(server: Server, *, rate_bpm: float = 75.0, **data: object) -> wire.Diagnosis:
    files = as_upload(make_wfdb(make_recording(heart_rate_bpm=rate_bpm)))
    with server.client() as client:
        response = client.post("/diagnose", files=files, data=data)
    assert response.status_code == 200, response.text
    return wire.Diagnosis.model_validate_json(response.content)


def by_query(diagnosis: wire.Diagnosis) -> dict[str, float]:
    return {finding.query: finding.probability for finding in diagnosis.findings}


def test_a_recording_in_ranked_probabilities_out(server: Server) -> None:
    answer = diagnose(server, queries=QUERIES)
    assert sorted(by_query(answer)) == sorted(QUERIES)
    assert answer.recording.leads == list(LEADS)
    assert answer.timings_ms.total > 0


@pytest.mark.shared
def test_a_real_recording_gives_findings_that_make_sense(server: Server, shared: Path) -> None:
    stem = shared / "data" / "ptb-xl" / "records100" / "00000" / "00017_lr"
    files = [
        ("recording", (stem.with_suffix(suffix).name, stem.with_suffix(suffix).read_bytes()))
        for suffix in (".hea", ".dat")
    ]
    # PTB-XL 17: atrial flutter or fibrillation, by its report and its codes.
    queries = ["Vorhofflimmern", "atrial flutter", "left bundle branch block", "pacemaker rhythm"]
    with server.client() as client:
        response = client.post("/diagnose", files=files, data={"queries": queries})
    assert response.status_code == 200
    best = response.json()["findings"][0]
    assert best["query"] in queries[:2]


def test_a_registered_condition_outlives_the_server(start_server: ServerStarter) -> None:
    first = start_server()
    new = {"text": "T waves tall and pointed like a tent", "name": "Steeple T waves"}
    with first.client() as client:
        made = client.post("/queries", json=new)
    assert made.status_code == 201
    # Not a polite end: what was acknowledged is there all the same.
    first.process.kill()
    first.process.wait()
    second, third = start_server(), start_server()
    with second.client() as client:
        assert client.get(f"/queries/{made.json()['id']}").json() == made.json()
    assert "Steeple T waves" in by_query(diagnose(second))
    with second.client() as client:
        assert client.delete(f"/queries/{made.json()['id']}").status_code == 204
    assert "Steeple T waves" not in by_query(diagnose(third))


def test_the_same_answer_alone_and_under_load(server: Server) -> None:
    rates = [50.0, 75.0, 100.0, 150.0]
    alone = {rate: by_query(diagnose(server, rate_bpm=rate, queries=QUERIES)) for rate in rates}
    with ThreadPoolExecutor(8) as callers:
        jobs = []
        for number, rate in enumerate(rates * 4):
            queries = [*QUERIES[: 1 + number % 4], f"wave {number}"]
            job = callers.submit(diagnose, server, rate_bpm=rate, queries=queries)
            jobs.append((rate, job))
        for rate, job in jobs:
            found = by_query(job.result())
            for query in set(found) & set(QUERIES):
                assert found[query] == pytest.approx(alone[rate][query], abs=1e-6)


def test_a_server_that_is_told_to_stop_does_so_politely(start_server: ServerStarter) -> None:
    server = start_server()
    diagnose(server, queries=QUERIES)
    assert server.stop() == 0


def test_logs_are_one_json_object_a_line(server: Server) -> None:
    with server.client() as client:
        client.get("/healthz", headers={"X-Request-ID": "find-me"})
    wait_for(lambda: "find-me" in server.log.read_text())
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    (found,) = [line for line in lines if line.get("request_id") == "find-me"]
    assert (found["route"], found["status"]) == ("/healthz", 200)


def test_nothing_of_training_is_loaded(tmp_path: Path) -> None:
    program = (
        "import sys, service.app, service.processes.server;"
        "print([m for m in ('torch', 'transformers', 'model_training') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"bundle_dir": "/nowhere"}, "manifest.json"),
        ({"bundle_dir": "/nowhere"}, "CARDIOQUERY_BUNDLE_DIR has to name"),
        ({"store_path": "/dev/null/conditions.sqlite3"}, "CARDIOQUERY_STORE_PATH has to lie"),
        ({"providers": '["cuda"]'}, "CUDAExecutionProvider"),
        ({"providers": '["cuda"]'}, "change CARDIOQUERY_PROVIDERS"),
        ({"max_queries": "many"}, "CARDIOQUERY_MAX_QUERIES"),
        ({"host": "0.0.0.0"}, "cardioquery keys create"),
        ({"api_keys_file": "/nowhere"}, "/nowhere: No such file"),
        ({"audit_log": "/dev/null/audit.log"}, "CARDIOQUERY_AUDIT_LOG"),
    ],
)
def test_a_server_that_cannot_serve_stops_at_once_and_says_why(
    tmp_path: Path, options: dict[str, object], says: str
) -> None:
    log = tmp_path / "log"
    with log.open("wb") as stream:
        stated = {"store_path": tmp_path / "conditions.sqlite3"} | options
        process = launch(free_port(), stream, stated)
        assert process.wait(timeout=60) != 0
    assert says in log.read_text()
    assert "Traceback" not in log.read_text()


def test_a_port_in_use_stops_the_start(server: Server, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as stream:
        process = launch(server.port, stream, {"store_path": tmp_path / "conditions.sqlite3"})
        assert process.wait(timeout=60) != 0
    assert "address already in use" in log.read_text()


def test_two_hundred_connections_that_do_nothing_hurt_nobody(server: Server) -> None:
    idle = [server.connect() for _ in range(200)]
    try:
        assert diagnose(server, queries=QUERIES).findings
    finally:
        for connection in idle:
            connection.close()


def test_the_contract_holds_over_the_wire(server: Server) -> None:
    with server.client() as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/readyz").status_code == 200
        assert wire.ModelDescription.model_validate_json(client.get("/model").content)
        assert "cardioquery_stage_seconds" in client.get("/metrics").text
        assert client.get("/openapi.json").json()["paths"]["/diagnose"]
        response = client.request("BREW", "/diagnose")
    assert response.status_code == 405
    assert response.headers["content-type"] == "application/problem+json"


def test_memory_stays_flat_over_many_requests(server: Server) -> None:
    def resident_mb() -> float:
        pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    if not Path("/proc/self/statm").exists():
        pytest.skip("no /proc")
    files, growths_mb = as_upload(make_wfdb()), list[float]()
    with server.client() as client:
        # What leaks does so in every round; arenas and caches that fill do so in the first ones.
        for _ in range(5):
            before = resident_mb()
            for number in range(100):
                queries = [*QUERIES, ""] if number % 5 == 0 else QUERIES
                client.post("/diagnose", files=files, data={"queries": queries})
            growths_mb.append(resident_mb() - before)
            if growths_mb[-1] < 5:
                break
    assert growths_mb[-1] < 5, growths_mb


def test_keep_alive_survives_a_refusal(server: Server) -> None:
    files = as_upload(make_wfdb())
    with httpx.Client(base_url=server.url) as client:
        for _ in range(3):
            refused = client.post("/diagnose", files=files, data={"queries": [""]})
            assert refused.status_code == 422
            assert client.post("/diagnose", files=files, data={"top_k": "1"}).status_code == 200
