"""`serve` that cannot start says so in one line; that it starts is tested in e2e."""

import socket
from pathlib import Path

import pytest

from cardioquery.cli import starting
from cardioquery.cli.exits import ExitCode
from tests.unit.cardioquery.fakes import Run


def test_port_in_use(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("serve", "--port", str(port))
    assert result.exit_code == ExitCode.CANNOT_START
    assert result.stderr == (
        f"error: port {port} of 127.0.0.1 is in use: choose another one with --port\n"
    )


def test_address_that_is_not_ours(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARDIOQUERY_ALLOW_ANONYMOUS", "true")
    result = run("serve", "--host", "192.0.2.1", "--port", "0")
    assert result.exit_code == ExitCode.CANNOT_START
    assert result.stderr.startswith("error: cannot listen on 192.0.2.1, port 0: ")


def test_bundle_that_is_not_there(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARDIOQUERY_BUNDLE_DIR", str(tmp_path))
    result = run("serve", "--port", "0")
    assert result.exit_code == ExitCode.CANNOT_START
    assert result.stderr.count("\n") == 1
    assert "bundle is not valid: no readable manifest.json" in result.stderr


def test_setting_that_is_not_valid(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARDIOQUERY_MAX_QUERIES", "-1")
    result = run("serve", "--port", "0")
    assert result.exit_code == ExitCode.CANNOT_START
    assert result.stderr == "error: not valid: CARDIOQUERY_MAX_QUERIES\n"


def test_setting_that_cannot_be_parsed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARDIOQUERY_PROVIDERS", "cpu]")
    result = run("serve", "--port", "0")
    assert result.exit_code == ExitCode.CANNOT_START
    assert "providers" in result.stderr


def test_missing_runtime_names_the_extra(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "find_spec", lambda _: None)
    result = run("serve", "--port", "0")
    assert result.exit_code == ExitCode.CANNOT_START
    assert "pip install 'cardioquery[cpu]'" in result.stderr


def test_port_outside_of_the_range_is_wrong_usage(run: Run) -> None:
    assert run("serve", "--port", "70000").exit_code == ExitCode.USAGE


def test_beyond_loopback_without_keys_is_refused_in_one_line(run: Run) -> None:
    result = run("serve", "--host", "0.0.0.0", "--port", "0")
    assert result.exit_code == ExitCode.CANNOT_START
    assert result.stderr.count("\n") == 1
    assert "CARDIOQUERY_API_KEYS_FILE" in result.stderr
    assert "CARDIOQUERY_ALLOW_ANONYMOUS" in result.stderr


def test_keys_and_their_absence_exclude_each_other(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARDIOQUERY_API_KEYS_FILE", "keys.json")
    monkeypatch.setenv("CARDIOQUERY_ALLOW_ANONYMOUS", "true")
    result = run("serve", "--port", "0")
    assert result.exit_code == ExitCode.CANNOT_START
    assert result.stderr.count("\n") == 1
    assert "exclude each other" in result.stderr


def test_a_file_of_keys_that_is_not_there_is_told(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CARDIOQUERY_API_KEYS_FILE", str(tmp_path / "keys.json"))
    result = run("serve", "--port", "0")
    assert result.exit_code == ExitCode.CANNOT_START
    assert "keys.json: No such file" in result.stderr
