"""The command and the client against a real server with the shipped bundle."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cardioquery import Client, Conflict, InvalidInput, NotFound
from cardioquery.cli.exits import ExitCode
from cardioquery.demo.server import running_server
from cardioquery.demo.simulator import csv_of, simulate
from tests.support.server import run

TIMEOUT_S = 120.0
SYNTHETIC = ("synthetic.csv", csv_of(simulate()))
QUERIES = ("atrial fibrillation", "sinus rhythm", "LBBB")


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    with running_server(ready_within_s=TIMEOUT_S) as running:
        yield running


@pytest.fixture(scope="module")
def url(server: tuple[str, "subprocess.Popen[bytes]"]) -> str:
    return server[0]


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    with Client(url) as connected:
        yield connected


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / SYNTHETIC[0]
    path.write_bytes(SYNTHETIC[1])
    return path


def test_command_ranks_queries(url: str, table: Path) -> None:
    queries = [part for query in QUERIES for part in ("-q", query)]
    result = run("diagnose", table, *queries, "--json", CARDIOQUERY_URL=url)
    assert result.returncode == ExitCode.OK, result.stderr
    findings = json.loads(result.stdout)["findings"]
    assert sorted(finding["query"] for finding in findings) == sorted(QUERIES)
    assert [finding["rank"] for finding in findings] == [1, 2, 3]
    probabilities = [finding["probability"] for finding in findings]
    assert probabilities == sorted(probabilities, reverse=True)


def test_table_holds_each_query_and_what_it_is_for(url: str, table: Path) -> None:
    result = run("diagnose", table, "-q", "sinus rhythm", "--url", url, COLUMNS="120")
    assert result.returncode == ExitCode.OK, result.stderr
    assert "sinus rhythm" in result.stdout
    assert "research use only" in result.stdout


def test_without_a_server_the_answer_is_the_same(
    client: Client, table: Path, tmp_path: Path
) -> None:
    served = client.diagnose(table, queries=QUERIES)
    queries = [part for query in QUERIES for part in ("-q", query)]
    store = str(tmp_path / "conditions.sqlite3")
    result = run("diagnose", table, "--local", "--json", *queries, CARDIOQUERY_STORE_PATH=store)
    assert result.returncode == ExitCode.OK, result.stderr
    local = json.loads(result.stdout)
    assert local["findings"] == [finding.model_dump(mode="json") for finding in served.findings]


def test_condition_that_nobody_trained_is_ranked_once_registered(client: Client) -> None:
    condition = client.add_condition("hyperkalaemia with peaked T waves")
    try:
        assert client.add_condition("hyperkalaemia with peaked T waves").id == condition.id
        assert condition.familiarity != "known"
        assert condition.id in {known.id for known in client.conditions()}
        ranked = client.diagnose(SYNTHETIC).findings
        assert condition.id in {finding.condition_id for finding in ranked}
    finally:
        client.remove_condition(condition.id)
    with pytest.raises(NotFound):
        client.condition(condition.id)


def test_built_in_condition_stays(client: Client) -> None:
    built_in = next(known for known in client.conditions() if known.built_in)
    with pytest.raises(Conflict):
        client.remove_condition(built_in.id)


def test_all_faults_of_a_request_come_at_once(client: Client) -> None:
    with pytest.raises(InvalidInput) as caught:
        client.diagnose(("a.csv", b"I;II\n1;2\n"), units="apples", sampling_rate_hz=-1)
    fields = {fault.field for fault in caught.value.problem.errors or []}
    assert {"units", "sampling_rate_hz"} <= fields


def test_model_says_what_it_is_for(client: Client) -> None:
    assert "research" in client.model().model.intended_use


def test_port_in_use_is_told(url: str) -> None:
    result = run("serve", "--port", url.rpartition(":")[2])
    assert result.returncode == ExitCode.CANNOT_START
    assert "is in use" in result.stderr


@pytest.mark.shared
def test_recording_and_queries_of_the_quick_start(url: str, shared: Path) -> None:
    record = shared / "data/ptb-xl/records100/00000/00017_lr"
    asked = ["atrial flutter", "sinus rhythm", "inferior myocardial infarction"]
    files = [
        ("recording", (path.name, path.read_bytes()))
        for path in (record.with_suffix(".hea"), record.with_suffix(".dat"))
    ]
    response = httpx.post(f"{url}/diagnose", files=files, data={"queries": asked}, timeout=60.0)
    assert response.status_code == 200
    assert {finding["query"] for finding in response.json()["findings"]} == set(asked)


@pytest.mark.shared
def test_header_alone_is_enough_for_the_command(url: str, shared: Path) -> None:
    header = shared / "data/ptb-xl/records100/00000/00017_lr.hea"
    result = run("diagnose", header, "-q", "sinus rhythm", "--url", url)
    assert result.returncode == ExitCode.OK, result.stderr


def test_demo_runs_from_nothing() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "cardioquery.demo"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert result.returncode == ExitCode.OK, result.stdout + result.stderr
    assert "Synthetic recording" in result.stdout
    assert result.stdout.rstrip().endswith("Server stopped.")


def test_server_ends_when_it_is_told_to() -> None:
    with running_server(ready_within_s=TIMEOUT_S) as (url, process):
        process.send_signal(signal.SIGINT)
        assert process.wait(30.0) == ExitCode.OK
        with Client(url) as client:
            assert not client.ready()
