"""Usual spellings of a term all lead to the same condition."""

import pytest

from ecg_core.conditions import Catalogue, normalise_term, understand_query

CATALOGUE = Catalogue.load()


def assert_resolved(text: str, condition_id: str) -> None:
    query = understand_query(text, CATALOGUE)
    assert query.condition is CATALOGUE.get(condition_id)
    assert not query.negated


@pytest.mark.parametrize(
    ("text", "condition_id"),
    [
        ("AF", "atrial-fibrillation"),
        ("AFib", "atrial-fibrillation"),
        ("A-Fib", "atrial-fibrillation"),
        ("a. fib", "atrial-fibrillation"),
        ("AFL", "atrial-flutter"),
        ("LBBB", "complete-left-bundle-branch-block"),
        ("RBBB", "complete-right-bundle-branch-block"),
        ("WPW", "wolff-parkinson-white-pattern"),
        ("LVH", "left-ventricular-hypertrophy"),
        ("RVH", "right-ventricular-hypertrophy"),
        ("NSTEMI", "non-st-elevation-myocardial-infarction"),
        ("PSVT", "paroxysmal-supraventricular-tachycardia"),
        ("PVC", "premature-ventricular-beat"),
        ("MI", "myocardial-infarction"),
        ("inf. STEMI", "inferior-stemi"),
    ],
)
def test_english_abbreviation_is_resolved(text: str, condition_id: str) -> None:
    assert_resolved(text, condition_id)


@pytest.mark.parametrize(
    ("text", "condition_id"),
    [
        ("VHF", "atrial-fibrillation"),
        ("VES", "premature-ventricular-beat"),
        ("LSB", "complete-left-bundle-branch-block"),
        ("RSB", "complete-right-bundle-branch-block"),
        ("kompletter RSB", "complete-right-bundle-branch-block"),
        ("HRST", "cardiac-arrhythmia"),
        ("TAA", "atrial-fibrillation-with-rapid-ventricular-response"),
        ("VWI", "anterior-myocardial-infarction"),
    ],
)
def test_german_abbreviation_is_resolved(text: str, condition_id: str) -> None:
    assert_resolved(text, condition_id)


@pytest.mark.parametrize(
    ("text", "condition_id"),
    [
        ("Vorhofflimmern", "atrial-fibrillation"),
        ("Vorhofflattern", "atrial-flutter"),
        ("Linksschenkelblock", "complete-left-bundle-branch-block"),
        ("Hyperkaliämie", "hyperkalaemia"),
        ("Hyperkaliaemie", "hyperkalaemia"),
        ("Hyperkalia\u0308mie", "hyperkalaemia"),
        ("unauffälliges EKG", "normal-ecg"),
        ("unauffaelliges ekg", "normal-ecg"),
        ("supraventrikuläre Tachykardie", "supraventricular-tachycardia"),
        ("supraventrikulaere Tachycardie", "supraventricular-tachycardia"),
        ("Ischämie", "myocardial-ischaemia"),
        ("ST-Hebung", "st-elevation"),
        ("ST-Hebungen", "st-elevation"),
        ("ST-Strecken-Hebung", "st-elevation"),
        ("ST-Streckenhebungen", "st-elevation"),
        ("ST Streckensenkung", "st-depression"),
        ("akuter Vorderwandinfarkt", "anterior-stemi"),
        ("akuten Vorderwandinfarkts", "anterior-stemi"),
        ("Lungenembolie", "pulmonary-embolism"),
        ("Linksherzhypertrophie", "left-ventricular-hypertrophy"),
        ("Schrittmacher", "paced-rhythm"),
        ("T-Negativierung", "inverted-t-waves"),
        ("QT-Verlängerung", "prolonged-qt-interval"),
        ("regelmässiger Sinusrhythmus", "sinus-rhythm"),
        ("regelmäßiger Sinusrhythmus", "sinus-rhythm"),
    ],
)
def test_german_term_is_resolved_with_and_without_umlauts(text: str, condition_id: str) -> None:
    assert_resolved(text, condition_id)


@pytest.mark.parametrize(
    ("text", "condition_id"),
    [
        ("1st degree heart block", "first-degree-av-block"),
        ("first-degree AV block", "first-degree-av-block"),
        ("AV block, first degree", "first-degree-av-block"),
        ("AV-Block I°", "first-degree-av-block"),
        ("AV-Block Iº", "first-degree-av-block"),
        ("AV-Block 1. Grades", "first-degree-av-block"),
        ("AV-Block I. Grades", "first-degree-av-block"),
        ("AVB I", "first-degree-av-block"),
        ("1AVB", "first-degree-av-block"),
        ("2nd degree AV block", "second-degree-av-block"),
        ("AV-Block II°", "second-degree-av-block"),
        ("AV-Block III°", "third-degree-av-block"),
        ("third degree atrioventricular block", "third-degree-av-block"),
        ("AV-Block dritten Grades", "third-degree-av-block"),
        ("complete heart block", "third-degree-av-block"),
        ("Wenckebach", "mobitz-i-av-block"),
        ("Mobitz type 2", "mobitz-ii-av-block"),
        ("Mobitz II", "mobitz-ii-av-block"),
    ],
)
def test_degree_of_block_is_resolved_in_every_notation(text: str, condition_id: str) -> None:
    assert_resolved(text, condition_id)


@pytest.mark.parametrize(
    ("text", "condition_id"),
    [
        ("ATRIAL FIBRILLATION", "atrial-fibrillation"),
        ("  Atrial   fibrillation ", "atrial-fibrillation"),
        ("atrial fibrillation.", "atrial-fibrillation"),
        ("ａｔｒｉａｌ fibrillation", "atrial-fibrillation"),
        ("premature ventricular contractions", "premature-ventricular-beat"),
        ("PVCs", "premature-ventricular-beat"),
        ("inverted T wave", "inverted-t-waves"),
        ("T-wave inversions", "inverted-t-waves"),
        ("hyperkalemia", "hyperkalaemia"),
        ("hyperkalaemia", "hyperkalaemia"),
        ("myocardial ischemia", "myocardial-ischaemia"),
        ("early repolarization", "early-repolarisation"),
        ("muscle artifact", "muscle-artefact"),
        ("inferior wall MI", "inferior-myocardial-infarction"),
        ("inferior infarct", "inferior-myocardial-infarction"),
        ("Torsades de pointes", "torsade-de-pointes"),
        ("left bundle-branch block", "complete-left-bundle-branch-block"),
        ("evidence of LBBB", "complete-left-bundle-branch-block"),
        ("ECG with atrial fibrillation", "atrial-fibrillation"),
        ("is there atrial flutter?", "atrial-flutter"),
    ],
)
def test_case_plural_and_spelling_are_folded(text: str, condition_id: str) -> None:
    assert_resolved(text, condition_id)


@pytest.mark.parametrize(
    ("text", "condition_id"),
    [
        ("non-sustained VT", "non-sustained-ventricular-tachycardia"),
        ("nicht anhaltende ventrikuläre Tachykardie", "non-sustained-ventricular-tachycardia"),
        ("non-ST-elevation myocardial infarction", "non-st-elevation-myocardial-infarction"),
        ("non-ischaemic ST-T changes", "non-ischaemic-st-t-changes"),
        ("negative T waves", "inverted-t-waves"),
        ("absent R-wave progression", "poor-r-wave-progression"),
        ("fehlende R-Progression", "poor-r-wave-progression"),
        ("no ECG abnormality", "normal-ecg"),
    ],
)
def test_negating_word_inside_a_findings_name_is_no_negation(text: str, condition_id: str) -> None:
    assert_resolved(text, condition_id)


@pytest.mark.parametrize(
    "text",
    [
        "possible atrial fibrillation",
        "probable AF",
        "suspected AF",
        "suspicion of AF",
        "query AF",
        "?AF",
        "AF?",
        "AF ??",
        "AF, possible",
        "likely atrial fibrillation",
        "could be AF",
        "rule out AF",
        "r/o AF",
        "R/O atrial fibrillation",
        "to rule out atrial fibrillation",
        "Verdacht auf Vorhofflimmern",
        "V.a. Vorhofflimmern",
        "V. a. VHF",
        "mögliches Vorhofflimmern",
        "moegliches Vorhofflimmern",
        "Vorhofflimmern möglich",
        "wahrscheinlich Vorhofflimmern",
        "fragliches Vorhofflimmern",
        "zum Ausschluss von Vorhofflimmern",
        "z.A. Vorhofflimmern",
        "rule out possible AF?",
    ],
)
def test_words_of_doubt_are_stripped(text: str) -> None:
    query = understand_query(text, CATALOGUE)
    assert query.condition is CATALOGUE.get("atrial-fibrillation")
    assert not query.negated
    assert query.term in {"atrial fibrillation", "AF", "Vorhofflimmern", "VHF"}
    assert query.text == text


def test_unknown_term_stays_readable_free_text() -> None:
    query = understand_query(" possible Chagas’ heart disease (Südamerika)? ", CATALOGUE)
    assert query.condition is None
    assert query.term == "Chagas’ heart disease (Südamerika)"
    assert query.text == "possible Chagas’ heart disease (Südamerika)?"
    assert not query.negated


@pytest.mark.parametrize(
    "text",
    [
        "Absenkung der ST-Strecke nach Belastung",
        "QTc = 0.46 s",
        "T negative in V1",
        "atypical notching of the QRS",
        "anomalous left coronary artery",
        "pre-excitation with a short PR interval",
        "non-characteristic T-wave findings",
        "2:1 conduction with a sinus rate of 0.5 Hz",
    ],
)
def test_free_text_without_negation_is_not_refused(text: str) -> None:
    query = understand_query(text, CATALOGUE)
    assert query.condition is None
    assert query.term == text
    assert not query.negated


def test_text_is_composed() -> None:
    query = understand_query("Hyperkalia\u0308mie", CATALOGUE)
    assert query.text == "Hyperkaliämie"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("acute myocardial infarction", "old myocardial infarction"),
        ("left axis deviation", "right axis deviation"),
        ("incomplete LBBB", "complete LBBB"),
        ("first-degree AV block", "second-degree AV block"),
        ("ST elevation", "non-ST elevation"),
        ("hyperkalaemia", "hypokalaemia"),
    ],
)
def test_words_that_change_the_meaning_are_kept(one: str, other: str) -> None:
    assert normalise_term(one) != normalise_term(other)
