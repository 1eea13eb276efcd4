"""The audit: what a cardiologist is shown."""

import csv
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from ecg_core.conditions import Catalogue
from model_training.entities import (
    AuditCounter,
    LabelBuilder,
    Source,
    Status,
    audit_reports,
    entity_statements,
)
from model_training.entities.audit.counter import unmapped_phrases
from model_training.entities.audit.files import write_audit
from model_training.entities.rules.extractor import extract

CATALOGUE = Catalogue.load()
REPORTS = (
    "sinusrhythmus inferolateraler infarkt",
    "kein vorhofflimmern",
    "vorhofflimmern, linkshypertrophie möglich",
    None,
    "z.n. vorhofflimmern",
    "steiltyp, sinusrhythmus",
    "steiltyp",
)


def test_the_audit_counts_reports_statuses_and_what_is_left() -> None:
    audit = audit_reports(REPORTS)
    rows = {row.condition_id: row for row in audit.rows}
    assert (audit.reports, audit.without_entity) == (7, 2)
    assert rows["atrial-fibrillation"].statuses == {
        Status.ABSENT: 1, Status.PRESENT: 1, Status.HISTORY: 1
    }  # fmt: skip
    assert rows["sinus-rhythm"].reports == 2
    assert rows["sinus-rhythm"].examples == ("sinusrhythmus",)
    assert dict(audit.unmapped)["steiltyp"] == 2


def test_a_phrase_counts_once_a_report() -> None:
    assert dict(audit_reports(["steiltyp. steiltyp"]).unmapped) == {"steiltyp": 1}


def test_rare_phrases_are_not_shown() -> None:
    counter = AuditCounter(CATALOGUE)
    for report in (*REPORTS, "frau mustermann, linksschenkelblock"):
        entities = extract(report)
        counter.add(report, entities, unmapped_phrases(report or "", entities))
    audit = counter.audit(min_reports=2)
    assert audit.unmapped == (("steiltyp", 2),)
    rows = {row.condition_id: row for row in audit.rows}
    assert rows["complete-left-bundle-branch-block"].examples == ()
    assert rows["complete-left-bundle-branch-block"].reports == 1


def test_counting_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model_training.entities.audit.counter._MOST_PHRASES", 10)
    counter = AuditCounter(CATALOGUE)
    for number in range(200):
        counter.add("", (), ["steiltyp", f"phrase {number}"])
    unmapped = dict(counter.audit(most_unmapped=1000).unmapped)
    assert len(unmapped) <= 20
    assert unmapped["steiltyp"] == 200


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ("", []),
        ("sinusrhythmus steiltyp", ["steiltyp"]),
        ("steiltyp. 4.46   sinusrhythmus, u", ["steiltyp"]),
    ],
)
def test_unmapped_phrases_are_what_no_entity_covers(report: str, expected: list[str]) -> None:
    assert unmapped_phrases(report, extract(report)) == expected


@pytest.fixture
def written(tmp_path: Path) -> Path:
    builder = LabelBuilder(CATALOGUE)
    for number, report in enumerate([*REPORTS, "=1+1|x. sinusrhythmus"]):
        builder.add(str(number), {Source.RULES: entity_statements(extract(report))})
    audits = {"rules": audit_reports([*REPORTS, "=1+1|x. sinusrhythmus"])}
    found = Counter({("atrial-fibrillation", Source.SCP, Source.RULES): 4})
    matrix = builder.build(min_count=2)
    write_audit(tmp_path / "audit", "Reports of x", audits, matrix, found, CATALOGUE)
    return tmp_path / "audit"


def test_the_markdown_tells_labels_mentions_phrases_and_disagreements(written: Path) -> None:
    text = (written / "audit.md").read_text()
    assert "| sinus rhythm | 3 | 0 | 0 | 5 | 0 | 0 | 3 |" in text
    assert "| atrial fibrillation | 3 | 1 | 1 | 0 | 1 | 0 | vorhofflimmern |" in text
    assert "| steiltyp | 2 |" in text
    assert "| atrial fibrillation | scp | rules | 4 |" in text
    assert "### Dropped as rare" in text
    assert "| inferolateral myocardial infarction | 1 |" in text


def test_every_table_of_the_markdown_is_whole(written: Path) -> None:
    lines = (written / "audit.md").read_text().splitlines()
    for previous, line in pairwise(lines):
        if previous.startswith("|") and line.startswith("|"):
            assert previous.count("|") == line.count("|")


def test_the_csv_files_hold_the_same_and_no_formula(written: Path) -> None:
    with (written / "entities_rules.csv").open() as stream:
        rows = {row["id"]: row for row in csv.DictReader(stream)}
    assert rows["atrial-fibrillation"]["absent"] == "1"
    assert rows["atrial-fibrillation"]["condition"] == "atrial fibrillation"
    with (written / "unmapped_rules.csv").open() as stream:
        phrases = {row["phrase"]: row["reports"] for row in csv.DictReader(stream)}
    assert phrases["steiltyp"] == "2"
    assert all(not phrase.startswith("=") for phrase in phrases)
