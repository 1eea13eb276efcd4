import json
from pathlib import Path

import httpx
import pytest

from api_schemas import Problem, ProblemError
from cardioquery.cli.exits import ExitCode
from tests.unit.cardioquery.fakes import (
    CONDITION,
    DIAGNOSIS,
    MODEL,
    Run,
    StubService,
    answer,
    page,
    problem,
)


@pytest.fixture
def table(tmp_path: Path) -> str:
    path = tmp_path / "a.csv"
    path.write_text("I,II\n0,0\n")
    return str(path)


class TestDiagnose:
    def test_findings_stand_in_a_table_with_what_they_are_for(
        self, run: Run, stub: StubService, table: str
    ) -> None:
        stub.answers["POST /diagnose"] = answer(DIAGNOSIS)
        result = run("diagnose", table, "-q", "AFib")
        assert result.exit_code == ExitCode.OK
        assert "93.0%" in result.stdout
        assert "█" * 15 + "░" in result.stdout
        assert "known" in result.stdout
        assert "clipped_lead [V3]: 2 % of the samples stand at the limit" in result.stdout
        assert "For research use only; not a medical device." in result.stdout

    def test_the_list_that_nobody_asked_for_has_two_parts_and_the_most_specific(
        self, run: Run, stub: StubService, table: str
    ) -> None:
        (first,) = DIAGNOSIS.findings
        changes: list[dict[str, object]] = [
            {},
            {"query": "any AF", "condition_id": "any-af", "part_of": "atrial-fibrillation"},
            {"query": "cut off", "condition_id": "cut-off", "part_of": "not-in-the-list"},
            {"query": "rarity", "condition_id": "rarity", "trained": False, "lift": 20.0},
        ]
        findings = [first.model_copy(update=change) for change in changes]
        stub.answers["POST /diagnose"] = answer(DIAGNOSIS.model_copy(update={"findings": findings}))
        listed = run("diagnose", table).stdout
        parts = listed.split("Other conditions, by probability over base rate:")
        assert "Trained conditions, by probability:" in parts[0]
        assert "cut off" in parts[0]
        assert "7.0% (x 13)" in parts[0]
        assert "rarity" in parts[1]
        assert "7.0% (x 20)" in parts[1]
        assert "any AF" not in listed
        assert "Not shown: 1 that a narrower finding says already" in listed
        stated = run("diagnose", table, "-q", "any AF", "-q", "rarity").stdout
        assert "any AF" in stated
        assert "Other conditions" not in stated

    def test_a_service_that_does_not_say_what_was_trained_gets_one_list(
        self, run: Run, stub: StubService, table: str
    ) -> None:
        document = json.loads(DIAGNOSIS.model_dump_json())
        for name in ("trained", "group", "base_rate", "lift"):
            del document["findings"][0][name]
        stub.answers["POST /diagnose"] = httpx.Response(200, json=document)
        listed = run("diagnose", table).stdout
        assert "93.0%" in listed
        assert "conditions, by" not in listed
        assert "base rate" not in listed

    def test_json_is_the_answer_and_nothing_else(
        self, run: Run, stub: StubService, table: str
    ) -> None:
        stub.answers["POST /diagnose"] = answer(DIAGNOSIS)
        result = run("diagnose", table, "--json")
        assert json.loads(result.stdout) == DIAGNOSIS.model_dump(mode="json")
        assert result.stderr == ""

    def test_every_option_reaches_the_service(
        self, run: Run, stub: StubService, table: str
    ) -> None:
        stub.answers["POST /diagnose"] = answer(DIAGNOSIS)
        options = [
            "--top-k",
            "3",
            "--sampling-rate-hz",
            "500",
            "--units",
            "uV",
            "--lead-order",
            "I,II",
        ]
        run("diagnose", table, "-q", "LBBB", "--query", "b", *options, "--lead-order", "I,II",
            "--allow-missing-leads")  # fmt: skip
        body = stub.bodies[0].decode()
        pairs = [("top_k", "3"), ("sampling_rate_hz", "500.0"), ("units", "uV"), ("queries", "b")]
        others = [("lead_order", "I,II"), ("queries", "LBBB"), ("allow_missing_leads", "true")]
        for name, value in pairs + others:
            assert f'name="{name}"\r\n\r\n{value}\r\n' in body

    def test_every_fault_of_a_refusal_is_told(
        self, run: Run, stub: StubService, table: str
    ) -> None:
        faults = [
            ProblemError(code="missing_lead", lead="V3", detail="V3 is not there"),
            ProblemError(code="unknown_units", field="units", detail="state units"),
        ]
        refusal = Problem(type="u", title="No", status=422, request_id="R1", errors=faults)
        body = refusal.model_dump_json()
        stub.answers["POST /diagnose"] = httpx.Response(422, text=body)
        result = run("diagnose", table)
        assert result.exit_code == ExitCode.REFUSED
        assert result.stdout == ""
        assert "missing_lead [V3]: V3 is not there" in result.stderr
        assert "unknown_units [units]: state units" in result.stderr
        assert "request id: R1" in result.stderr

    def test_escape_sequences_of_a_service_do_not_reach_the_terminal(
        self, run: Run, stub: StubService, table: str
    ) -> None:
        finding = DIAGNOSIS.findings[0].model_copy(update={"query": "x\x1b[2Jy [bold]z"})
        stub.answers["POST /diagnose"] = answer(
            DIAGNOSIS.model_copy(update={"findings": [finding]})
        )
        result = run("diagnose", table)
        assert "\x1b" not in result.stdout
        assert "[bold]z" in result.stdout

    def test_file_that_is_not_there(self, run: Run) -> None:
        result = run("diagnose", "nowhere.csv")
        assert result.exit_code == ExitCode.USAGE
        assert "nowhere.csv: No such file or directory" in result.stderr

    def test_without_a_file_the_usage_is_told(self, run: Run) -> None:
        assert run("diagnose").exit_code == ExitCode.USAGE

    @pytest.mark.parametrize(("status", "code"), [(500, 5), (503, 5), (429, 5), (404, 3)])
    def test_exit_code_tells_refusal_from_failure(
        self, run: Run, stub: StubService, table: str, status: int, code: int
    ) -> None:
        stub.answers["POST /diagnose"] = problem(status)
        assert run("diagnose", table).exit_code == code

    def test_service_that_is_not_there(self, run: Run, table: str) -> None:
        result = run("diagnose", table, "--url", "http://127.0.0.1:1")
        assert result.exit_code == ExitCode.UNREACHABLE
        assert "no connection to the service" in result.stderr

    def test_something_else_at_that_url(self, run: Run, stub: StubService, table: str) -> None:
        stub.answers["POST /diagnose"] = httpx.Response(200, text="<html>")
        assert run("diagnose", table).exit_code == ExitCode.SERVICE_FAILED


class TestConditions:
    def test_condition_is_added(self, run: Run, stub: StubService) -> None:
        stub.answers["POST /queries"] = answer(CONDITION, 201)
        system = "http://snomed.info/sct"
        result = run("conditions", "add", "hyperkalaemia", "--name", "K", "--synonym", "high K",
                     "--code", f"{system}=14140009")  # fmt: skip
        assert result.exit_code == ExitCode.OK
        assert CONDITION.id in result.stdout
        assert json.loads(stub.bodies[0]) == {
            "text": "hyperkalaemia",
            "name": "K",
            "synonyms": ["high K"],
            "codes": [{"system": system, "code": "14140009"}],
        }

    @pytest.mark.parametrize("code", ["14140009", "=1", "x="])
    def test_code_without_its_system_is_wrong_usage(self, run: Run, code: str) -> None:
        result = run("conditions", "add", "x", "--code", code)
        assert result.exit_code == ExitCode.USAGE
        assert "SYSTEM=CODE" in result.stderr

    def test_all_are_listed(self, run: Run, stub: StubService) -> None:
        built_in = CONDITION.model_copy(update={"id": "lbbb", "built_in": True})
        stub.answers["GET /queries"] = page(CONDITION, built_in)
        result = run("conditions", "list")
        assert CONDITION.id in result.stdout
        assert "lbbb" in result.stdout

    def test_added_ones_alone_as_json(self, run: Run, stub: StubService) -> None:
        built_in = CONDITION.model_copy(update={"id": "lbbb", "built_in": True})
        stub.answers["GET /queries"] = page(CONDITION, built_in)
        listed = json.loads(run("conditions", "list", "--added", "--json").stdout)
        assert listed == [CONDITION.model_dump(mode="json")]

    def test_what_one_service_lists_another_takes(
        self, run: Run, stub: StubService, tmp_path: Path
    ) -> None:
        built_in = CONDITION.model_copy(update={"id": "lbbb", "built_in": True})
        stub.answers["GET /queries"] = page(CONDITION, built_in)
        stub.answers["POST /queries"] = answer(CONDITION, 201)
        file = tmp_path / "conditions.json"
        file.write_text(run("conditions", "list", "--json").stdout)
        result = run("conditions", "import", str(file))
        assert result.stdout == "1 conditions are registered\n"
        (body,) = map(json.loads, filter(None, stub.bodies))
        expected = CONDITION.model_dump(mode="json")
        assert body == {name: expected[name] for name in ("text", "name", "synonyms", "codes")}

    def test_what_is_no_list_is_wrong_usage(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "conditions.json"
        file.write_text("{}")
        result = run("conditions", "import", str(file))
        assert result.exit_code == ExitCode.USAGE
        assert "conditions list --json" in result.stderr

    def test_one_is_shown(self, run: Run, stub: StubService) -> None:
        stub.answers[f"GET /queries/{CONDITION.id}"] = answer(CONDITION)
        result = run("conditions", "show", CONDITION.id)
        assert "http://snomed.info/sct 14140009" in result.stdout
        as_json = run("conditions", "show", CONDITION.id, "--json").stdout
        assert json.loads(as_json)["id"] == CONDITION.id

    def test_one_is_removed(self, run: Run, stub: StubService) -> None:
        stub.answers["DELETE /queries/x"] = httpx.Response(204)
        assert run("conditions", "remove", "x").stdout == "removed\n"

    def test_built_in_one_stays(self, run: Run, stub: StubService) -> None:
        stub.answers["DELETE /queries/lbbb"] = problem(409)
        assert run("conditions", "remove", "lbbb").exit_code == ExitCode.REFUSED


def test_model_is_shown(run: Run, stub: StubService) -> None:
    stub.answers["GET /model"] = answer(MODEL)
    assert MODEL.model.digest in run("model").stdout.replace("\n", "")
    assert json.loads(run("model", "--json").stdout) == MODEL.model_dump(mode="json")


def test_version_is_printed(run: Run) -> None:
    assert run("--version").stdout.count(".") == 2


def test_help_tells_the_exit_codes(run: Run) -> None:
    text = " ".join(run("--help").stdout.split())
    for code in (ExitCode.REFUSED, ExitCode.UNREACHABLE, ExitCode.SERVICE_FAILED):
        assert f"{code.value} " in text
