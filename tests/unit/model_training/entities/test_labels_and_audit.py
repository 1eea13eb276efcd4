"""The ternary matrix with provenance, and the audit."""

import numpy as np
import pytest

from model_training.entities import LabelMatrix, Status, audit_reports, label_rows
from model_training.entities.audit import unmapped_phrases
from model_training.entities.extractor import extract


def value(labels: LabelMatrix, row: int, condition_id: str) -> float:
    return float(labels.targets[row, labels.conditions.index(condition_id)])


REPORTS = (
    "sinusrhythmus inferolateraler infarkt",
    "kein vorhofflimmern",
    "vorhofflimmern, linkshypertrophie möglich",
    None,
    "z.n. vorhofflimmern",
)


def test_labels_are_yes_no_or_not_said() -> None:
    labels = label_rows(REPORTS)
    assert labels.targets.dtype == np.float32
    assert [value(labels, row, "atrial-fibrillation") for row in (1, 2)] == [0, 1]
    assert all(np.isnan(value(labels, row, "atrial-fibrillation")) for row in (0, 3, 4))
    assert "left-ventricular-hypertrophy" not in labels.conditions  # only ever in doubt
    assert np.isnan(labels.targets[3]).all()


def test_a_yes_is_a_yes_for_the_broader_and_a_no_for_itself_only() -> None:
    labels = label_rows(REPORTS)
    assert value(labels, 0, "inferior-myocardial-infarction") == 1
    assert value(labels, 0, "myocardial-infarction") == 1
    assert np.isnan(value(labels, 1, "cardiac-arrhythmia"))


def test_a_no_does_not_take_back_a_yes() -> None:
    labels = label_rows(["no atrial flutter. atrial fibrillation. no atrial fibrillation"])
    assert value(labels, 0, "atrial-fibrillation") == 1
    assert value(labels, 0, "atrial-flutter") == 0


def test_uncertain_can_be_asked_to_be_yes() -> None:
    labels = label_rows(REPORTS, uncertain_is_yes=True)
    assert value(labels, 2, "left-ventricular-hypertrophy") == 1


def test_rare_conditions_are_dropped_and_counted() -> None:
    labels = label_rows(["linksschenkelblock", "sinusrhythmus", "sinus rhythm"], min_count=2)
    assert labels.conditions == ("sinus-rhythm",)
    assert labels.dropped["complete-left-bundle-branch-block"] == 1
    assert "complete-left-bundle-branch-block" not in labels.provenance[0]


def test_every_label_has_its_provenance() -> None:
    labels = label_rows(REPORTS)
    said = [{labels.conditions[i] for i in np.flatnonzero(~np.isnan(r))} for r in labels.targets]
    assert [set(sources) for sources in labels.provenance] == said
    assert labels.provenance[0]["myocardial-infarction"] == "rule:infarct-inferolateral"


def test_no_reports_make_an_empty_matrix() -> None:
    assert label_rows([]).targets.shape == (0, 0)


def test_the_audit_counts_reports_statuses_and_what_is_left() -> None:
    audit = audit_reports([*REPORTS, "steiltyp, sinusrhythmus", "steiltyp"])
    rows = {row.condition_id: row for row in audit.rows}
    assert (audit.reports, audit.without_entity) == (7, 2)
    assert rows["atrial-fibrillation"].statuses == {
        Status.ABSENT: 1, Status.PRESENT: 1, Status.HISTORY: 1
    }  # fmt: skip
    assert rows["sinus-rhythm"].reports == 2
    assert rows["sinus-rhythm"].examples == ("sinusrhythmus",)
    assert dict(audit.unmapped)["steiltyp"] == 2


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
