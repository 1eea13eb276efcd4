"""A negated query is read as the complement or refused, never answered as if it were positive."""

import pytest

from ecg_core.conditions import Catalogue, understand_query
from ecg_core.errors import FaultCode, InvalidQuery

CATALOGUE = Catalogue.load()


def assert_negated(text: str, condition_id: str) -> None:
    query = understand_query(text, CATALOGUE)
    assert query.negated
    assert query.condition is CATALOGUE.get(condition_id)


def refusal(text: str) -> list[FaultCode]:
    with pytest.raises(InvalidQuery) as caught:
        understand_query(text, CATALOGUE)
    return [fault.code for fault in caught.value.faults]


@pytest.mark.parametrize(
    "text",
    [
        "no atrial fibrillation",
        "No AF",
        "NO AFIB.",
        "not AF",
        "not in AF",
        "without atrial fibrillation",
        "w/o AF",
        "no evidence of atrial fibrillation",
        "no clear evidence of AF",
        "no signs of atrial fibrillation",
        "no sign of an AF",
        "without evidence of AF",
        "no suspicion of AF",
        "absence of atrial fibrillation",
        "absent atrial fibrillation",
        "lack of atrial fibrillation",
        "atrial fibrillation absent",
        "atrial fibrillation is absent",
        "AF excluded",
        "AF: excluded",
        "AF has been excluded",
        "AF ruled out",
        "AF was ruled out",
        "AF not present",
        "AF is not seen",
        "negative for atrial fibrillation",
        "free of atrial fibrillation",
        "there is no atrial fibrillation",
        "ECG shows no AF",
        "patient has no AF",
        "is there no AF?",
        "no 'AF'",
        "possibly no AF",
        "no\u00a0AF",
    ],
)
def test_english_negation_is_read(text: str) -> None:
    assert_negated(text, "atrial-fibrillation")


@pytest.mark.parametrize(
    "text",
    [
        "kein Vorhofflimmern",
        "Kein  VHF!",
        "keine Anzeichen für Vorhofflimmern",
        "keinerlei Vorhofflimmern",
        "ohne Vorhofflimmern",
        "nicht Vorhofflimmern",
        "Ausschluss Vorhofflimmern",
        "Ausschluß von Vorhofflimmern",
        "Vorhofflimmern ausgeschlossen",
        "Vorhofflimmern wurde ausgeschlossen",
        "Vorhofflimmern nicht nachweisbar",
        "kein Vorhofflimmern nachweisbar",
        "kein Hinweis auf Vorhofflimmern",
        "keine Hinweise auf ein Vorhofflimmern",
        "kein sicherer Hinweis auf Vorhofflimmern",
        "ohne Hinweis auf Vorhofflimmern",
        "kein Anhalt für Vorhofflimmern",
        "kein Anhalt fuer VHF",
        "kein Nachweis von Vorhofflimmern",
        "keine Zeichen eines Vorhofflimmerns",
        "kein Verdacht auf Vorhofflimmern",
        "frei von Vorhofflimmern",
        "fehlendes Vorhofflimmern",
        "EKG zeigt kein Vorhofflimmern",
        "es besteht kein Vorhofflimmern",
    ],
)
def test_german_negation_is_read(text: str) -> None:
    assert_negated(text, "atrial-fibrillation")


@pytest.mark.parametrize(
    ("text", "condition_id"),
    [
        ("keinen Linksschenkelblock", "complete-left-bundle-branch-block"),
        ("keine ST-Hebungen", "st-elevation"),
        ("no non-sustained VT", "non-sustained-ventricular-tachycardia"),
        ("no negative T waves", "inverted-t-waves"),
        ("no ST elevation myocardial infarction", "st-elevation-myocardial-infarction"),
        ("no atrial fibrillation or flutter", "atrial-fibrillation-or-flutter"),
        ("not in sinus rhythm", "sinus-rhythm"),
        ("nicht anhaltende ventrikuläre Tachykardie ausgeschlossen",
         "non-sustained-ventricular-tachycardia"),
        ("no no man's land axis", "extreme-axis-deviation"),
    ],
)  # fmt: skip
def test_negated_wording_is_taken_whole(text: str, condition_id: str) -> None:
    assert_negated(text, condition_id)


def test_negated_free_text_keeps_its_term() -> None:
    query = understand_query("no evidence of new Chagas disease", CATALOGUE)
    assert query.negated
    assert query.condition is None
    assert query.term == "new Chagas disease"
    assert query.text == "no evidence of new Chagas disease"


@pytest.mark.parametrize(
    "text",
    [
        # Two negations
        "no absence of AF",
        "not without AF",
        "AF not excluded",
        "AF nicht ausgeschlossen",
        "AF not ruled out",
        "cannot rule out AF",
        "can't exclude AF",
        "rule out no AF",
        "nicht auszuschließendes Vorhofflimmern",
        "no AF absent",
        "kein Ausschluss von Vorhofflimmern",
        # Several conditions
        "sinus rhythm without AF",
        "AF but not flutter",
        "neither AF nor flutter",
        "weder Vorhofflimmern noch Vorhofflattern",
        "no LBBB or asystole",
        "no LBBB and asystole",
        "no LBBB, asystole",
        "no AF, RVR",
        "no LBBB; asystole",
        "no LBBB. Asystole",
        "no LBBB - asystole",
        "no LBBB asystole",
        "no LBBB/asystole",
        "kein Linksschenkelblock oder Asystolie",
        "kein Linksschenkelblock, sondern Asystolie",
        "LBBB, asystole excluded",
        "AF excluded, flutter present",
        "AF with no RVR",
        "Sinusrhythmus, kein Vorhofflimmern",
        "no P wave is conducted",
        # Contractions, in every apostrophe
        "doesn't show AF",
        "doesn’t show AF",
        "doesn´t show AF",
        "doesn′t show AF",
        "doesnt show AF",
        "does n't show AF",
        "isn't AF",
        "ISN'T AF",
        "AF isn't present",
        "cannot be AF",
        "can not be AF",
        "won't be AF",
        # Joined, marked or abbreviated
        "noAF",
        "non-AF",
        "non AF",
        "nonAF",
        "no-AF",
        "no_AF",
        "(no) AF",
        '"no" AF',
        "ｎｏ AF",
        "№ AF",
        "non-ST elevation",
        "nicht-Vorhofflimmern",
        "AF-free",
        "infarktfrei",
        "AF: no",
        "AF no",
        "AF nein",
        "AF negative",
        "AF (-)",
        "AF -",
        "-AF",
        "!AF",
        "¬AF",
        "❌ AF",
        "AF = 0",
        "Ø Vorhofflimmern",
        "o. Vorhofflimmern",
        # Other words that negate
        "AF unlikely",
        "unlikely AF",
        "Vorhofflimmern unwahrscheinlich",
        "denies AF",
        "never AF",
        "no longer AF",
        "not only AF",
        "nicht nur Vorhofflimmern",
        "nicht mehr Vorhofflimmern",
        "not sure about AF",
        "no doubt AF",
        "anything except AF",
        "anything other than AF",
        "rather flutter than no AF",
        "evidence against AF",
        "excluding AF",
        "AF is missing",
        "Vorhofflimmern fehlt",
        "Vorhofflimmern liegt nicht vor",
        "lack of blood flow",
        "fehlender Blutfluss",
        # Negations of neighbouring languages
        "pas de FA",
        "sans fibrillation auriculaire",
        "sin fibrilación auricular",
        "senza fibrillazione atriale",
        "geen boezemfibrilleren",
        # Nothing but a negation
        "no",
        "kein",
        "excluded",
        "no evidence of",
        "no evidence",
        "not possible",
        "not present",
    ],
)
def test_unclear_negation_is_refused(text: str) -> None:
    assert refusal(text) == [FaultCode.QUERY_NEGATION_UNCLEAR]


@pytest.mark.parametrize("text", ["no PE", "kein LAH", "SA excluded", "possible AMI?"])
def test_ambiguous_term_is_ambiguous_when_negated_or_doubted(text: str) -> None:
    assert refusal(text) == [FaultCode.QUERY_AMBIGUOUS]
