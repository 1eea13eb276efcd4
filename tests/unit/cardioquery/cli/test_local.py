"""`cardioquery diagnose --local` where no web framework and no Redis client can be imported."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cardioquery.cli.exits import ExitCode
from service.settings import Settings
from service.storage.sqlite import SqliteStore
from tests.support.fhir_r4 import faults, resources
from tests.support.recordings import make_csv, make_recording
from tests.support.service import make_stored

ABSENT = ("fastapi", "starlette", "uvicorn", "redis", "prometheus_client")
PROGRAM = """
import sys
sys.modules.update(dict.fromkeys(filter(None, sys.argv.pop(1).split(","))))  # cannot be imported
from cardioquery.cli.app import main
main()
"""


def run(
    folder: Path, *arguments: str, absent: tuple[str, ...] = ABSENT
) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"CARDIOQUERY_STORE_PATH": str(folder / "conditions.sqlite3")}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, ",".join(absent), "diagnose", *arguments, "--local"],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip


@pytest.fixture
def table(tmp_path: Path) -> str:
    (file,) = make_csv(make_recording())
    path = tmp_path / file.name
    path.write_bytes(file.content)
    return str(path)


def test_what_was_registered_is_asked_for_as_well(tmp_path: Path, table: str) -> None:
    store = SqliteStore(Settings(store_path=tmp_path / "conditions.sqlite3").store_path)
    store.add(make_stored("camel-1", "a wave like the hump of a camel"))
    store.close()
    done = run(tmp_path, table, "--json")
    assert done.returncode == ExitCode.OK, done.stderr
    answer = json.loads(done.stdout)
    assert "camel-1" in {finding["condition_id"] for finding in answer["findings"]}
    assert answer["timings_ms"]["measure"] > 0


def test_fhir_is_written_by_the_engine_alone(tmp_path: Path, table: str) -> None:
    effective = "2025-01-31T09:30:00+01:00"
    options = ("-q", "LBBB", "--fhir", "--fhir-subject", "Patient/1", "--fhir-effective", effective)
    done = run(tmp_path, table, *options)
    assert done.returncode == ExitCode.OK, done.stderr
    bundle = json.loads(done.stdout)
    assert faults(bundle) == []
    (report,) = resources(bundle, "DiagnosticReport")
    assert report["subject"] == {"reference": "Patient/1"}
    assert report["effectiveDateTime"] == effective


def test_a_time_without_a_zone_is_refused(tmp_path: Path, table: str) -> None:
    done = run(tmp_path, table, "--fhir", "--fhir-effective", "2025-01-31T09:30:00")
    assert done.returncode == ExitCode.REFUSED
    assert "[fhir_effective]" in done.stderr


def test_whose_it_is_needs_fhir(tmp_path: Path, table: str) -> None:
    done = run(tmp_path, table, "--fhir-subject", "Patient/1")
    assert done.returncode == ExitCode.USAGE
    assert "--fhir" in done.stderr


def test_every_fault_is_told_as_the_service_would(tmp_path: Path, table: str) -> None:
    done = run(tmp_path, table, "-q", "", "--units", "furlongs", "--top-k", "0")
    assert done.returncode == ExitCode.REFUSED
    for field in ("units", "top_k", "queries[0]"):
        assert f"[{field}]" in done.stderr


def test_a_bundle_that_is_not_there_is_told_in_one_line(
    tmp_path: Path, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARDIOQUERY_BUNDLE_DIR", str(tmp_path / "nowhere"))
    done = run(tmp_path, table)
    assert done.returncode == ExitCode.CANNOT_START
    assert done.stderr.count("\n") == 1


def test_a_redis_that_does_not_answer_is_told_in_one_line(
    tmp_path: Path, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARDIOQUERY_REDIS_URL", "redis://127.0.0.1:1")
    monkeypatch.setenv("CARDIOQUERY_REDIS_START_TIMEOUT_S", "0")
    done = run(tmp_path, table, absent=())
    assert done.returncode == ExitCode.CANNOT_START
    assert done.stderr.count("\n") == 1
    assert "CARDIOQUERY_REDIS_URL" in done.stderr
