"""A model beside the rules on the same reports, and labels of a run that lack failed reports."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest
import yaml

from model_training.recipes.evaluate_entities import in_rule_half
from model_training.recipes.evaluate_llm import main
from model_training.run.config import Run
from model_training.run.recordings import _matrix
from tests.unit.model_training.entities.scripted_llm import (
    Handler,
    ScriptedLlm,
    answer,
    completion,
    finding,
    scripted_llm,
)

RULE_HALF = [patient for patient in range(100) if in_rule_half(patient)][:20]
HELD_OUT = [patient for patient in range(100) if not in_rule_half(patient)][:10]
SINUS, ABNORMAL = finding("sinus rhythm", "sinusrhythmus"), finding("abnormal QRS", "qrs(t) abnorm")
UNREADABLE = "sinusrhythmus 8"


def act(handler: Handler, body: dict[str, Any], number: int) -> None:
    """Reads sinus rhythm everywhere, what is not there in two reports, nothing in one."""
    report = body["messages"][-1]["content"]
    if report == UNREADABLE:
        handler.send(200, completion("Sinus rhythm."))
    elif report.endswith(("0", "1")):
        answer(handler, [SINUS, finding("abnormal QRS", "sinusrhythmus")])
    else:
        answer(handler, [SINUS])


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    rows = [(1000 + patient, patient, "sinusrhythmus, qrs(t) abnorm", "{'SR': 0.0, 'ABQRS': 0.0}")
            for patient in RULE_HALF]  # fmt: skip
    rows += [
        (n, patient, f"sinusrhythmus {n}", "{'SR': 0.0}") for n, patient in enumerate(HELD_OUT)
    ]
    rows.append((99, HELD_OUT[0], "", "{'SR': 0.0}"))
    table = pd.DataFrame(rows, columns=["ecg_id", "patient_id", "report", "scp_codes"])
    folder = tmp_path / "data/ptb-xl"
    folder.mkdir(parents=True)
    table.to_csv(folder / "ptbxl_database.csv", index=False)
    return tmp_path


def settings(llm: ScriptedLlm, folder: Path) -> Path:
    path = folder / "llm.yaml"
    reports = {"files": ["ptb-xl/ptbxl_database.csv"], "id": "ecg_id", "text": ["report"]}
    path.write_text(
        yaml.safe_dump(
            {"name": "test", "reports": reports, "rules": False, "min_count": 0,
             "llm": {"base_url": llm.url, "model": "tiny"}}
        )
    )  # fmt: skip
    return path


def test_figures_are_those_of_the_answers_and_a_failure_counts_as_nothing_read(
    shared: Path, tmp_path: Path
) -> None:
    output = tmp_path / "figures.json"
    with scripted_llm() as llm:
        llm.act = act
        arguments = ["--config", str(settings(llm, tmp_path)), "--shared", str(shared),
                     "--runs", str(tmp_path / "runs"), "--output", str(output)]  # fmt: skip
        assert main([*arguments, "--reports", "200"]) == 0
        figures = json.loads(output.read_text())
        asked = len(llm.requests)
        assert main([*arguments, "--reports", "200"]) == 0
        assert len(llm.requests) == asked + 2  # the unreadable one, twice
        assert main([*arguments, "--reports", "3"]) == 0
        assert json.loads(output.read_text())["reports"] == 3
    assert (figures["reports"], figures["answered_reports"]) == (10, 9)
    assert figures["run"]["failed"] == {"not_json": 1}
    assert figures["run"]["mode"] == "json_schema"
    rules, model = (figures["all"][reader]["mentioned_codes"] for reader in ("rules", "llm"))
    assert (rules["precision"], rules["recall"], rules["f1"]) == (1, 1, 1)
    assert (model["positives"], model["read"], model["codes"]) == (10, 11, 2)
    assert model["precision"] == round(9 / 11, 4)
    assert model["recall"] == 0.9
    answered = figures["answered"]["llm"]["mentioned_codes"]
    assert (answered["recall"], answered["precision"]) == (1, round(9 / 11, 4))


def test_an_endpoint_that_is_not_there_leaves_the_figures_alone(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "figures.json"
    with scripted_llm() as llm:
        llm.probe = lambda handler, body, number: handler.send(404, b'{"error": "no such model"}')
        path = settings(llm, tmp_path)
        arguments = ["--config", str(path), "--shared", str(shared), "--output", str(output)]
        assert main([*arguments, "--runs", str(tmp_path / "runs")]) == 2
    assert "no such model" in capsys.readouterr().err
    assert not output.exists()


def test_later_steps_take_labels_without_failed_reports_and_say_so(
    shared: Path, tmp_path: Path
) -> None:
    with scripted_llm() as llm:
        llm.act = act
        labels = SimpleNamespace(extraction=settings(llm, tmp_path))
        config = SimpleNamespace(labels=labels)
        folder = tmp_path / "runs/one"
        run = cast(Run, SimpleNamespace(config=config, folder=folder, shared=shared / "data"))
        with pytest.warns(UserWarning, match="1 reports could not be read"):
            first = _matrix(run)
        asked = len(llm.requests), len(llm.probes)
        with pytest.warns(UserWarning, match="1 reports could not be read"):
            again = _matrix(run)
        assert (len(llm.requests), len(llm.probes)) == asked
    assert again.report_ids.tolist() == first.report_ids.tolist()
    assert first.rows_of(["0", "8", "99"]).tolist() == [len(RULE_HALF), -1, -1]
