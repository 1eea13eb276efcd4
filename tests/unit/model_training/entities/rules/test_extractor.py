"""From a report to entities: terms, spans, provenance, and reports that are odd."""

import time
import unicodedata
from typing import Literal

import pytest

from ecg_core.conditions import Catalogue
from model_training.entities import Entity, EntityExtractor, Status, extract
from model_training.entities.rules.extractor import MAX_CHARACTERS
from model_training.entities.rules.patterns import FindingRule, load_rules

MAX_SECONDS = 5.0


def conditions(report: str) -> set[str]:
    return {entity.condition_id for entity in extract(report)}


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ("sinusrhythmus normales ekg", {"sinus-rhythm", "normal-ecg"}),
        ("sinus rhythm. normal ecg.", {"sinus-rhythm", "normal-ecg"}),
        ("sinusrytm normalt ekg", {"sinus-rhythm", "normal-ecg"}),
        ("vorhofflimmern/-flattern lagetyp normal", {"atrial-fibrillation"}),
        (
            "ventrikulÄre extrasystole(n) sinusrhythmus",
            {"premature-ventricular-beat", "sinus-rhythm"},
        ),
        ("supraventrikuläre extrasystole(n)", {"premature-atrial-beat"}),
        ("a-v block i", {"first-degree-av-block"}),
        ("unvollständiger rechtsschenkelblock", {"incomplete-right-bundle-branch-block"}),
        ("rechtsschenkelblock", {"complete-right-bundle-branch-block"}),
        ("inkomplett högersidigt skänkelblock", {"incomplete-right-bundle-branch-block"}),
        ("periphere niederspannung", {"low-qrs-voltage"}),
        (
            "amplitudenkriterien f#r linkshypertrophie",
            {"voltage-criteria-for-left-ventricular-hypertrophy", "left-ventricular-hypertrophy"},
        ),
        (
            "st segments are depressed and t waves inverted in i",
            {"st-depression", "inverted-t-waves"},
        ),
        ("hochlateraler infarkt", {"high-lateral-myocardial-infarction"}),
        ("lateraler infarkt", {"lateral-myocardial-infarction"}),
        ("anterolateral myocardial infarction", {"anterolateral-myocardial-infarction"}),
        ("Edit: LAFB, IRBBB",
         {"left-anterior-fascicular-block", "incomplete-right-bundle-branch-block"}),
        ("vänster el-axel", set()),
    ],
)  # fmt: skip
def test_terms_become_the_catalogues_conditions(report: str, expected: set[str]) -> None:
    assert conditions(report) == expected


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ("runs of two", set()),
        ("RUNS OF TWO", set()),
        ("TWO in V3", {"inverted-t-waves"}),
        ("linksbelastung. t ab v3", set()),
        ("pat. ekg", set()),
        ("mehr als 5/min", set()),
        ("fraglich, ob es sonst anders war", set()),
        ("sonst o. B.", {"normal-ecg"}),
        ("vorhof-es, av-es", {"premature-atrial-beat", "premature-complexes"}),
    ],
)
def test_an_abbreviation_that_is_a_word_counts_as_it_is_written(
    report: str, expected: set[str]
) -> None:
    assert conditions(report) == expected


def test_synonyms_and_spellings_merge() -> None:
    reports = ("LBBB", "left bundle-branch block", "Linksschenkelblock", "kompletter LSB")
    assert {frozenset(conditions(report)) for report in reports} == {
        frozenset({"complete-left-bundle-branch-block"})
    }


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_spans_are_places_in_the_report_as_it_was_written(form: Literal["NFC", "NFD"]) -> None:
    report = unicodedata.normalize(form, "SINUSRHYTHMUS ventrikulÄre Extrasystole(n), möglich LSB")
    texts = [unicodedata.normalize("NFC", report[e.start : e.end]) for e in extract(report)]
    assert texts == ["SINUSRHYTHMUS", "ventrikulÄre Extrasystole(n)", "LSB"]


def test_entities_do_not_overlap_unless_one_rule_states_both() -> None:
    found = extract("voltages are high in chest leads suggesting lvh. left bundle branch block")
    assert [(e.start, e.end) for e in found] == [(0, 47), (0, 47), (49, 73)]


def test_provenance_names_the_rule_or_the_wording() -> None:
    by_rule, by_wording = extract("sinusrhythmus, torsade de pointes")
    assert by_rule.source == "rule:sinus-rhythm"
    assert by_wording.source.startswith("wording:")
    assert by_rule == Entity("sinus-rhythm", Status.PRESENT, 0, 13)


@pytest.mark.parametrize("report", [None, "", "  \n ", "trace only requested.", "?!%", "\x00", "́"])
def test_a_report_without_a_finding_has_no_entity(report: str | None) -> None:
    assert extract(report) == ()


@pytest.mark.parametrize(
    "unit", ["st & t abnorm ", "no ", "infarkt möglich, ", "a", " ", "(", "ä", "\u0301", "𝛂 q in "]
)
def test_huge_text_is_read_in_bounded_time(unit: str) -> None:
    started = time.process_time()
    found = extract(unit * (2_000_000 // len(unit)))
    assert time.process_time() - started < MAX_SECONDS
    assert all(0 <= e.start < e.end <= MAX_CHARACTERS for e in found)


def test_every_rule_names_conditions_of_the_catalogue() -> None:
    EntityExtractor(Catalogue.load(), load_rules())


def test_a_rule_for_an_unknown_condition_is_refused() -> None:
    rule = FindingRule(id="x", needs=("x",), pattern="x", conditions=("no-such-condition",))
    rules = load_rules().model_copy(update={"finding": (rule,)})
    with pytest.raises(KeyError, match="no-such-condition"):
        EntityExtractor(Catalogue.load(), rules)
