"""From tables to labels and audit by one command, with faults listed and nothing half-written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from model_training.entities import load_label_matrix
from model_training.entities.config import EntitiesConfig, load_entities_config
from model_training.entities.pipeline import Extracted, extract_labels
from model_training.entities.tables import TableFaults, check_tables, read_chunks
from model_training.recipes.extract_entities import main
from tests.unit.model_training.entities.scripted_llm import answer, finding, scripted_llm

CONFIGS = Path("model_training/recipes/configs/entities")
TABLE = """ecg_id,report,scp_codes
1,sinusrhythmus,"{'SR': 0.0, 'NORM': 100.0}"
2,"linksschenkelblock, sinusrhythmus","{'CLBBB': 100.0, 'SR': 0.0}"
3,"vorhofflimmern, überdrehter linkstyp","{'AFIB': 0.0}"
4,,"{'SR': 0.0}"
5,"kein vorhofflimmern, linksschenkelblock",{}
"""
STATEMENTS = ",description,rhythm\nSR,,1.0\nAFIB,,1.0\nNORM,,\nCLBBB,,\n"
RULES_ONLY = {"name": "test", "reports": {"files": ["t.csv"], "id": "ecg_id", "text": ["report"]},
              "min_count": 0}  # fmt: skip
WITH_CODES = RULES_ONLY | {"scp": {"column": "scp_codes", "statements": "s.csv"}}
Make = Callable[..., EntitiesConfig]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "t.csv").write_text(TABLE)
    (folder / "s.csv").write_text(STATEMENTS)
    return folder


def make(settings: dict[str, Any], **changes: Any) -> EntitiesConfig:
    return EntitiesConfig.model_validate(settings | changes)


def labels(extracted: Extracted, condition_id: str) -> list[float]:
    matrix = load_label_matrix(extracted.folder)
    return matrix.targets[:, matrix.conditions.index(condition_id)].tolist()


def test_codes_are_heard_first_then_reports(data: Path, tmp_path: Path) -> None:
    extracted = extract_labels(make(WITH_CODES), data, tmp_path / "runs")
    nan = pytest.approx(np.nan, nan_ok=True)
    assert labels(extracted, "complete-left-bundle-branch-block") == [0, 1, 0, 0, 1]
    assert labels(extracted, "atrial-fibrillation") == [0, 0, 1, 0, 0]
    assert labels(extracted, "left-axis-deviation") == [nan, nan, 1, nan, nan]
    matrix = load_label_matrix(extracted.folder)
    assert matrix.provenance(4)["atrial-fibrillation"]["source"] == "rules"
    assert matrix.provenance(2)["atrial-fibrillation"]["source"] == "scp"
    assert extracted.counts["reports"] == 5
    assert extracted.counts["empty_reports"] == 1


def test_chunks_change_nothing(data: Path, tmp_path: Path) -> None:
    one = extract_labels(make(WITH_CODES, chunk=1), data, tmp_path / "a")
    other = extract_labels(make(WITH_CODES, chunk=5), data, tmp_path / "b")
    assert one.folder.name == other.folder.name
    first, second = load_label_matrix(one.folder), load_label_matrix(other.folder)
    np.testing.assert_array_equal(first.targets, second.targets)


def test_what_is_there_is_not_made_again(data: Path, tmp_path: Path) -> None:
    first = extract_labels(make(RULES_ONLY), data, tmp_path / "runs")
    again = extract_labels(make(RULES_ONLY), data, tmp_path / "runs")
    assert again.folder == first.folder
    assert again.counts == {}


@pytest.mark.parametrize("change", ["report", "setting", "statements"])
def test_other_inputs_make_other_labels(data: Path, tmp_path: Path, change: str) -> None:
    first = extract_labels(make(WITH_CODES), data, tmp_path / "runs")
    config = make(WITH_CODES, uncertain_is_yes=True) if change == "setting" else make(WITH_CODES)
    if change == "report":
        (data / "t.csv").write_text(TABLE.replace("1,sinus", "1,normales ekg sinus"))
    if change == "statements":
        (data / "s.csv").write_text(STATEMENTS + "LVOLT,,\n")
    assert extract_labels(config, data, tmp_path / "runs").folder != first.folder


def test_several_files_and_numbered_columns_are_read(tmp_path: Path) -> None:
    header = "study_id,report_0,report_1,report_10,report_2,report_time"
    (tmp_path / "a.csv").write_text(f"{header}\n7.0,Sinus rhythm,,last,Left axis deviation,12:00\n")
    (tmp_path / "b.csv").write_text(f"{header}\n007,,,,,\n")
    reports = {"files": ["a.csv", "b.csv"], "id": "study_id", "text": ["report_*"]}
    chunks = list(read_chunks(make(RULES_ONLY, reports=reports), tmp_path))
    rows = [row for chunk in chunks for row in chunk]
    assert [(row.id, row.report) for row in rows] == [
        ("7", "Sinus rhythm. Left axis deviation. last"),
        ("007", ""),
    ]


class TestFaults:
    def test_all_missing_files_and_columns_are_told_at_once(self, data: Path) -> None:
        reports = {"files": ["t.csv", "u.csv"], "id": "study", "text": ["report", "note_*"]}
        scp = {"column": "codes", "statements": "nowhere.csv"}
        with pytest.raises(TableFaults) as caught:
            check_tables(make(RULES_ONLY, reports=reports, scp=scp), data)
        assert caught.value.faults == (
            "t.csv: there is no column study",
            "t.csv: there is no column codes",
            "t.csv: there is no column note_*",
            "u.csv: there is no such file",
            "nowhere.csv: there is no such file",
        )

    @pytest.mark.parametrize(
        ("table", "why"),
        [
            (TABLE + ",nobody,{}\n", "row 6 has no id"),
            (TABLE + "1,again,{}\n", "1 reports have the id"),
            (TABLE + "6,x,\"{'SR'\"\n", "recording 6: no dictionary of codes"),
            (TABLE + "6,x,\"{'QQ': 1}\"\n", "recording 6: codes that are not in the list: QQ"),
            ("", "not a CSV"),
            (TABLE + '7,"open', "not a CSV"),
        ],
    )
    def test_broken_tables_are_refused_and_nothing_is_written(
        self, data: Path, tmp_path: Path, table: str, why: str
    ) -> None:
        (data / "t.csv").write_text(table)
        with pytest.raises(ValueError, match=why):
            extract_labels(make(WITH_CODES), data, tmp_path / "runs")
        assert list(tmp_path.glob("runs/*")) == []

    def test_bytes_that_are_no_text_are_refused(self, data: Path, tmp_path: Path) -> None:
        (data / "t.csv").write_bytes(TABLE.encode("latin-1"))
        with pytest.raises(TableFaults, match="not a CSV in UTF-8"):
            extract_labels(make(RULES_ONLY), data, tmp_path / "runs")

    @pytest.mark.parametrize(
        "changes",
        [{"rules": False}, {"priority": ["scp", "rules"]}, {"name": "../x"}, {"chunk": 0},
         {"surprise": 1}],
    )  # fmt: skip
    def test_settings_that_make_no_sense_are_refused(self, changes: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="EntitiesConfig"):
            make(RULES_ONLY, **changes)


class TestCommand:
    def run(self, data: Path, tmp_path: Path, settings: dict[str, Any]) -> int:
        path = tmp_path / "run.yaml"
        path.write_text(yaml.safe_dump(settings))
        runs = str(tmp_path / "runs")
        return main(["--config", str(path), "--shared", str(data), "--runs", runs])

    def test_labels_and_audit_are_written(
        self, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.run(data, tmp_path, WITH_CODES) == 0
        folder = Path(capsys.readouterr().out.splitlines()[-1])
        assert {path.name for path in folder.iterdir()} == {
            "labels.npz", "labels.json", "failures.csv", "audit",
        }  # fmt: skip
        assert "left bundle branch block" in (folder / "audit/audit.md").read_text()
        manifest = json.loads((folder / "labels.json").read_text())
        assert set(manifest["extractors"]) == {"scp", "rules"}
        assert manifest["about"]["failed"] == 0
        assert self.run(data, tmp_path, WITH_CODES) == 0
        assert "there already" in capsys.readouterr().out

    def test_faults_go_to_the_error_stream(
        self, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.run(data, tmp_path, WITH_CODES | {"chunk": 0, "surprise": 1}) == 2
        told = capsys.readouterr().err
        assert "chunk" in told
        assert "surprise" in told
        (data / "t.csv").unlink()
        assert self.run(data, tmp_path, WITH_CODES) == 2
        assert "t.csv: there is no such file" in capsys.readouterr().err

    def test_failed_reports_are_listed_and_mended_by_the_next_run(
        self, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with scripted_llm() as llm:
            sinus = [finding("sinus rhythm", "sinusrhythmus")]
            llm.act = lambda handler, body, number: (
                handler.send(400, b"{}") if len(llm.requests) == 2 else answer(handler, sinus)
            )
            settings = RULES_ONLY | {
                "llm": {"base_url": llm.url, "model": "tiny", "concurrency": 1},
                "rules": False,
            }
            assert self.run(data, tmp_path, settings) == 1
            folder = Path(capsys.readouterr().out.splitlines()[-1])
            failures = (folder / "failures.csv").read_text().splitlines()
            assert failures[1] == "2,rejected,1,status 400"
            assert self.run(data, tmp_path, settings) == 0
            counts = json.loads((folder / "labels.json").read_text())["about"]["counts"]["llm"]
            assert (counts["asked"], counts["cached"], counts["empty"]) == (1, 3, 1)
            assert (folder / "failures.csv").read_text().count("\n") == 1
            assert self.run(data, tmp_path, settings) == 0
            assert len(llm.requests) == 5
            assert "sinus rhythm" in (folder / "audit/audit.md").read_text()

    def test_only_this_command_asks_again_for_reports_that_failed(
        self, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with scripted_llm() as llm:
            llm.act = lambda handler, body, number: (
                handler.send(400, b"{}")
                if "kein" in body["messages"][-1]["content"]
                else answer(handler, [])
            )
            settings = RULES_ONLY | {"llm": {"base_url": llm.url, "model": "tiny"}, "rules": False}
            assert self.run(data, tmp_path, settings) == 1
            folder = Path(capsys.readouterr().out.splitlines()[-1])
            asked = len(llm.requests), len(llm.probes)
            runs = tmp_path / "runs/test"
            later = extract_labels(make(settings), data, runs, ask_again=False)
            assert (later.folder, later.counts, later.failed) == (folder, {}, 1)
            assert (len(llm.requests), len(llm.probes)) == asked
            # Neither the one that failed nor the empty one may be taken for a silent one.
            assert load_label_matrix(folder).report_ids.tolist() == [b"1", b"2", b"3"]
            assert self.run(data, tmp_path, settings) == 1
            assert len(llm.requests) == asked[0] + 1

    def test_an_endpoint_that_refuses_says_how_to_go_on(
        self, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with scripted_llm() as llm:
            llm.act = lambda handler, body, number: handler.send(401, b"{}")
            settings = RULES_ONLY | {"llm": {"base_url": llm.url, "model": "tiny"}}
            assert self.run(data, tmp_path, settings) == 2
        assert "run again to resume" in capsys.readouterr().err
        assert [path.name for path in (tmp_path / "runs/test").glob("labels-*")] == []


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_configurations_are_valid_and_say_how_to_run_them(path: Path) -> None:
    assert load_entities_config(path).name
    assert f"--config {path}" in path.read_text().splitlines()[0]
