"""Negation, doubt, history and comparison, in German, English and Swedish."""

import pytest

from model_training.entities import Status, extract

AF = "atrial-fibrillation"
IMI = "inferior-myocardial-infarction"
LVH = "left-ventricular-hypertrophy"
LBBB = "complete-left-bundle-branch-block"
ISCHAEMIA = "myocardial-ischaemia"


def statuses(report: str) -> dict[str, Status]:
    return {entity.condition_id: entity.status for entity in extract(report)}


@pytest.mark.parametrize(
    ("report", "condition_id"),
    [
        ("sinusrhythmus, kein vorhofflimmern", AF),
        ("Kein Hinweis auf Vorhofflimmern.", AF),
        ("vorhofflimmern ausgeschlossen", AF),
        ("no atrial fibrillation", AF),
        ("no ecg evidence of lvh or ischaemia", LVH),
        ("no ecg evidence of lvh or ischaemia", ISCHAEMIA),
        ("no lvh, infarction or ischaemia", "myocardial-infarction"),
        ("ohne zeichen einer ischämie", ISCHAEMIA),
        ("left bundle branch block is no longer present, atrial fibrillation not seen", AF),
        ("inget förmaksflimmer", AF),
        ("compared with tracing of yesterday, no atrial fibrillation", AF),
        ("atrial fibrillation is no longer seen", AF),
        ("compared to the ECG of 2010 atrial fibrillation is no longer present", AF),
        ("previously seen atrial fibrillation has resolved", AF),
        ("neither atrial flutter nor atrial fibrillation", AF),
        ("atrial fibrillation not identified", AF),
        ("Vorhofflimmern nicht mehr nachweisbar", AF),
        ("Vorhofflimmern liegt nicht vor", AF),
        ("weder Vorhofflattern noch Vorhofflimmern", AF),
        ("Ausschluß Vorhofflimmern", AF),
        ("Vorhofflimmern im Vergleich zum Vor-EKG nicht mehr vorhanden", AF),
    ],
)
def test_negation_is_absent(report: str, condition_id: str) -> None:
    assert statuses(report)[condition_id] is Status.ABSENT


@pytest.mark.parametrize(
    ("report", "condition_id"),
    [
        ("keine extrasystolen. vorhofflimmern", AF),
        ("no change, left bundle branch block", LBBB),
        ("keine p-welle erkannt linksschenkelblock", LBBB),
        ("no p waves, atrial fibrillation", AF),
        ("kein vorhofflimmern, linksschenkelblock", LBBB),
        ("no lvh but left bundle branch block", LBBB),
        ("sinus bradycardia. the cause of the bradycardia is not evident.", "bradycardia"),
        ("inferior infarkt     ålder ej bestämmbar st-t sänkning", "st-depression"),
    ],
)
def test_negation_does_not_reach_the_next_finding(report: str, condition_id: str) -> None:
    assert statuses(report)[condition_id] is Status.PRESENT


@pytest.mark.parametrize(
    ("report", "condition_id"),
    [
        ("inferiorer infarkt nicht auszuschliessen", IMI),
        ("inferiorer infarkt nicht auszuschließen", IMI),
        ("INFERIORER INFARKT MÖGLICH", IMI),
        ("inferiorer infarkt     moeglich", IMI),
        ("verdacht auf inferioren infarkt", IMI),
        ("v.a. inferioren infarkt", IMI),
        ("inferiorer myokardschaden", IMI),
        ("old inferior infarct cannot be entirely excluded", IMI),
        ("possible old inferior myocardial infarction", IMI),
        ("q waves in ii, iii, avf consistent with old inferior    myocardial infarction", IMI),
        ("this may be due to myocardial ischaemia", ISCHAEMIA),
        ("myocardial ischaemia is likely", ISCHAEMIA),
        ("suggest exclude hypokalaemia", "hypokalaemia"),
        ("inferior infarkt kan ej uteslutas", IMI),
        ("inferior infarkt bör övervägas", IMI),
        ("misstänkt inferior infarkt", IMI),
        ("Edit: IMI 15, LAFB", IMI),
        ("cannot rule out inferior infarct", IMI),
        ("could not exclude inferior infarct", IMI),
        ("r/o inferior infarct", IMI),
        ("inferior infarct?", IMI),
        ("? inferior infarct", IMI),
        ("inferior infarct suspected", IMI),
        ("inferior infarct may be present", IMI),
        ("inferior infarct is unlikely", IMI),
        ("left bundle branch block versus inferior infarct", IMI),
        ("inferior infarct versus left bundle branch block", IMI),
        ("am ehesten inferiorer Infarkt", IMI),
        ("a.e. inferiorer Infarkt", IMI),
        ("Vd. auf inferioren Infarkt", IMI),
        ("inferiorer Infarkt wahrscheinlich.", IMI),
        ("fragl. inferiorer Infarkt", IMI),
        ("fraglich inferiorer Infarkt", IMI),
        ("könnte inferiorer Infarkt sein", IMI),
        ("zum Ausschluss inferiorer Infarkt", IMI),
    ],
)
def test_doubt_is_uncertain(report: str, condition_id: str) -> None:
    assert statuses(report)[condition_id] is Status.UNCERTAIN


@pytest.mark.parametrize(
    ("report", "condition_id"),
    [
        ("qrs(t) abnorm    inferiorer infarkt möglich", "abnormal-qrs"),
        ("linksschenkelblock, linkshypertrophie möglich", LBBB),
        ("st & t abnorm, wahrscheinlich    inferiore ischämie oder linksbelastung", "st-t-change"),
        ("verdacht auf p-sinistrocardiale linksschenkelblock", LBBB),
        ("inferiorer infarkt     wahrscheinlich alt", IMI),
        ("inferiorer infarkt     alter unbest.", IMI),
    ],
)
def test_doubt_about_something_else_leaves_a_finding_present(
    report: str, condition_id: str
) -> None:
    assert statuses(report)[condition_id] is Status.PRESENT


def test_doubt_covers_the_listed_items() -> None:
    found = statuses(
        "st & t abnorm, wahrscheinlich    anterolaterale ischämie oder linksbelastung"
        "    inferolaterale ischämie oder linksbelastung"
    )
    assert found["ischaemia-in-anterolateral-leads"] is Status.UNCERTAIN
    assert found["ischaemia-in-inferolateral-leads"] is Status.UNCERTAIN


@pytest.mark.parametrize(
    "report",
    [
        "history of atrial fibrillation",
        "z.n. vorhofflimmern",
        "zustand nach Vorhofflimmern",
        "status post atrial fibrillation",
        "s/p atrial fibrillation",
        "hx of atrial fibrillation",
        "Status nach Vorhofflimmern",
        "Zn Vorhofflimmern",
        "St.p. Vorhofflimmern",
        "Vorhofflimmern in der Anamnese",
        "ehemals Vorhofflimmern",
    ],
)
def test_a_past_condition_is_history(report: str) -> None:
    assert statuses(report)[AF] is Status.HISTORY


@pytest.mark.parametrize(
    "report",
    ["old inferior infarct.", "alter inferiorer infarkt", "chronischer inferiorer infarkt"],
)
def test_an_old_infarct_is_still_a_finding(report: str) -> None:
    assert statuses(report)[IMI] is Status.PRESENT


@pytest.mark.parametrize(
    "report",
    [
        "compared with tracing of 23:9:91, rhythm was previously atrial fibrillation.",
        "sinus rhythm, previously atrial fibrillation",
        "sinusrhythmus, früher vorhofflimmern",
        "previous ecg: atrial fibrillation",
        "Vor-EKG: Vorhofflimmern",
        "voriges EKG Vorhofflimmern",
        "sinus rhythm has replaced atrial fibrillation",
        "atrial fibrillation has been replaced by sinus rhythm",
    ],
)
def test_what_another_ecg_showed_is_comparison(report: str) -> None:
    assert statuses(report)[AF] is Status.COMPARISON


def test_what_is_unchanged_or_new_is_present() -> None:
    assert statuses("unchanged left bundle branch block")[LBBB] is Status.PRESENT
    new = statuses("compared with tracing of 1:10:92, there is now left bundle branch block")
    assert new[LBBB] is Status.PRESENT


@pytest.mark.parametrize(
    "report",
    [
        "compared to the previous tracing left bundle branch block is new",
        "since the previous tracing left bundle branch block has appeared",
        "im Vergleich zum Vor-EKG neu aufgetretener Linksschenkelblock",
        "im Vergleich zum Vorbefund jetzt Linksschenkelblock",
        "left bundle branch block has replaced right bundle branch block",
    ],
)
def test_what_is_new_is_not_of_the_other_ecg(report: str) -> None:
    assert statuses(report)[LBBB] is Status.PRESENT


def test_what_is_new_but_doubtful_is_uncertain() -> None:
    assert statuses("new inferior infarct cannot be excluded")[IMI] is Status.UNCERTAIN
