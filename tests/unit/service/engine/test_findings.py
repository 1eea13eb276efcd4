"""The order in which findings are read, and how often each is found without being asked for."""

from dataclasses import replace

import pytest
from scipy.special import logit

from ecg_core.asking.composing import Answer, Composer
from ecg_core.asking.rule import CompositionRule
from ecg_core.conditions import Catalogue
from ecg_core.conditions.question import KnownCondition, UnanswerableReason, denied
from service.engine.findings import Finding, ranked
from service.engine.queries.answering import Answered
from service.engine.queries.embeddings import AskedQuery
from tests.support.service import make_condition

TRAINED = ("atrial-fibrillation", "anteroseptal-myocardial-infarction", "myocardial-infarction")
COMPOSER = Composer(Catalogue.load(), TRAINED, CompositionRule())


def answered(
    name: str, probability: float | None, base_rate: float | None = None, *, negated: bool = False
) -> Answered:
    held = replace(make_condition(name, trained=name in TRAINED), base_rate=base_rate)
    question = KnownCondition(name)
    asked = denied(question) if negated else question
    query = AskedQuery(name, name, held, negated, asked)
    answer = (
        Answer(None, UnanswerableReason.MISSING_LEADS)
        if probability is None
        else Answer(float(logit(probability)))
    )
    return Answered(query, answer, None, "known", calibrated=True)


def read(*answers: Answered, for_reading: bool = True) -> list[tuple[int | None, str]]:
    found = ranked(answers, COMPOSER, for_reading=for_reading)
    return [(finding.rank, finding.query.text) for finding in found]


def finding(*answers: Answered) -> Finding:
    return ranked(answers, COMPOSER, for_reading=True)[0]


def test_without_queries_the_trained_come_by_probability_and_the_others_by_lift() -> None:
    assert read(
        answered("brugada-pattern", 0.30, 0.20),
        answered("myocardial-infarction", 0.02, 0.3),
        answered("takotsubo-cardiomyopathy", 0.10, 0.01),
        answered("atrial-fibrillation", 0.10, 0.07),
    ) == [
        (1, "atrial-fibrillation"),
        (2, "myocardial-infarction"),
        (3, "takotsubo-cardiomyopathy"),
        (4, "brugada-pattern"),
    ]


def test_what_has_no_base_rate_comes_after_what_has_one_and_is_never_given_one() -> None:
    found = ranked(
        [
            answered("mine", 0.2),
            answered("yours", 0.9),
            answered("takotsubo-cardiomyopathy", 0.01, 0.02),
        ],
        COMPOSER,
        for_reading=True,
    )
    assert [f.query.text for f in found] == ["takotsubo-cardiomyopathy", "yours", "mine"]
    assert [f.lift for f in found] == [pytest.approx(0.5), None, None]


def test_what_has_no_answer_comes_last_without_a_rank_as_it_was_asked() -> None:
    assert read(
        answered("myocardial-infarction", None, 0.3),
        answered("takotsubo-cardiomyopathy", 0.2, 0.01),
        answered("anteroseptal-myocardial-infarction", None),
        answered("atrial-fibrillation", 0.1),
        answered("brugada-pattern", None, 0.1),
    ) == [
        (1, "atrial-fibrillation"),
        (2, "takotsubo-cardiomyopathy"),
        (None, "myocardial-infarction"),
        (None, "anteroseptal-myocardial-infarction"),
        (None, "brugada-pattern"),
    ]


def test_asked_with_queries_all_are_ranked_by_probability_whatever_their_lift() -> None:
    assert read(
        answered("takotsubo-cardiomyopathy", 0.2, 0.001),
        answered("atrial-fibrillation", 0.3, 0.9),
        for_reading=False,
    ) == [(1, "atrial-fibrillation"), (2, "takotsubo-cardiomyopathy")]


def test_the_most_specific_says_what_a_broader_one_would() -> None:
    found = ranked(
        [
            answered("myocardial-infarction", 0.9),
            answered("anteroseptal-myocardial-infarction", 0.8),
        ],
        COMPOSER,
        for_reading=True,
    )
    assert {f.query.text: f.part_of for f in found} == {
        "myocardial-infarction": "anteroseptal-myocardial-infarction",
        "anteroseptal-myocardial-infarction": None,
    }


def test_a_denials_base_rate_is_that_of_the_absence() -> None:
    plain = finding(answered("atrial-fibrillation", 0.14, 0.07))
    assert (plain.base_rate, plain.lift) == (0.07, pytest.approx(2.0))
    denial = finding(answered("atrial-fibrillation", 0.93, 0.07, negated=True))
    assert denial.base_rate == pytest.approx(0.93)
    assert denial.lift == pytest.approx(1.0)
    assert finding(answered("atrial-fibrillation", 0.1, 1.0, negated=True)).lift is None


def test_without_an_answer_there_is_no_lift() -> None:
    found = finding(answered("atrial-fibrillation", None, 0.07))
    assert (found.base_rate, found.lift) == (0.07, None)
