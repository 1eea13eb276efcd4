"""What follows from the answers of parts: monotone, coherent, and nobody's twin."""

import random
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_core.asking.composing import Composer, Leaf, LeafAnswers
from ecg_core.asking.measuring import MeasuredValue, measured_log_odds
from ecg_core.asking.rule import CompositionRule
from ecg_core.bundle import load_bundle
from ecg_core.conditions import Catalogue
from ecg_core.conditions.question import (
    AllOf,
    AnyOf,
    Comparator,
    KnownCondition,
    Measured,
    Not,
    NotAnswerable,
    Question,
    Sign,
    UnanswerableReason,
    Weighted,
    all_of,
    any_of,
    described,
)
from ecg_core.signs import SIGNS

CATALOGUE = Catalogue.load()
TRAINED = frozenset(load_bundle(Path("service/bundle")).manifest.trained_conditions)
COMPOSER = Composer(CATALOGUE, TRAINED, CompositionRule())
IDS = [condition.id for condition in CATALOGUE.conditions]
UNTRAINED = [i for i in IDS if i not in TRAINED]
RATE = MeasuredValue(75.0, "/min", 1.5)


class Measurements:
    """A fixed set of measurements; what is not in it cannot be measured."""

    def __init__(
        self,
        values: Mapping[str, MeasuredValue] | None = None,
        signs: Mapping[str, float] | None = None,
    ) -> None:
        self._values, self._signs = values or {}, signs or {}

    def get(self, quantity: str, lead: str | None) -> MeasuredValue | UnanswerableReason:
        return self._values.get(quantity, UnanswerableReason.NOT_MEASURABLE)

    def sign(self, name: str) -> float | None:
        return self._signs.get(name)


def needed(questions: Iterable[Question]) -> list[Leaf]:
    leaves = {leaf for question in questions for leaf in COMPOSER.needs(question)}
    return sorted(leaves, key=repr)


ALL_LEAVES = needed(map(KnownCondition, IDS))


def answers(seed: int) -> LeafAnswers:
    rng = random.Random(seed)
    return LeafAnswers({leaf: rng.gauss(-1, 3) for leaf in ALL_LEAVES}, Measurements())


def log_odds(question: Question, leaves: LeafAnswers) -> float:
    found = COMPOSER.answer(question, leaves).log_odds
    assert found is not None
    return found


@pytest.mark.parametrize("seed", range(20))
def test_a_broader_condition_is_at_least_as_probable_as_each_narrower(seed: int) -> None:
    leaves = answers(seed)
    found = {i: log_odds(KnownCondition(i), leaves) for i in IDS}
    for condition in CATALOGUE.conditions:
        for broader in CATALOGUE.ancestors(condition.id):
            assert found[broader.id] >= found[condition.id] - 1e-9, (broader.id, condition.id)


@pytest.mark.parametrize("condition_id", sorted(TRAINED))
def test_a_condition_that_was_left_out_follows_from_the_others_whoever_asks_first(
    condition_id: str,
) -> None:
    """A left-out one may follow from a broader one that follows from it."""
    composer = Composer(CATALOGUE, TRAINED - {condition_id}, CompositionRule())
    questions = [KnownCondition(condition_id), *map(KnownCondition, composer.broader(condition_id))]
    leaves = {leaf: 0.5 for question in questions for leaf in composer.needs(question)}
    alone = [composer.answer(q, LeafAnswers(leaves, Measurements())) for q in questions]
    together = LeafAnswers(leaves, Measurements())
    assert [composer.answer(q, together) for q in questions] == alone


def test_no_two_conditions_share_an_answer() -> None:
    profiles: dict[tuple[float, ...], str] = {}
    several = [answers(seed) for seed in range(12)]
    for condition_id in IDS:
        profile = tuple(round(log_odds(KnownCondition(condition_id), a), 6) for a in several)
        assert profile not in profiles, (condition_id, profiles.get(profile))
        profiles[profile] = condition_id


@pytest.mark.parametrize("condition_id", UNTRAINED)
def test_every_part_of_the_logic_moves_the_answer(condition_id: str) -> None:
    logic = COMPOSER.logic(condition_id)
    if logic is None:
        return
    question = KnownCondition(condition_id)
    base = but_for_logic(condition_id, above=6.0)
    above = {c.id for c in CATALOGUE.ancestors(condition_id)}
    below_above = {c.id for i in above for c in CATALOGUE.narrower(i)}
    for part in logic.parts:
        leaf = _leaf_of(part)
        if leaf is None or leaf.condition in above | below_above:
            continue  # it moves what is above, too
        low = log_odds(question, LeafAnswers({**base, leaf: -2.0}, Measurements()))
        high = log_odds(question, LeafAnswers({**base, leaf: 2.0}, Measurements()))
        if part in logic.excluding:
            low, high = high, low
        assert high > low + 0.01, (condition_id, part)


@pytest.mark.parametrize("condition_id", UNTRAINED)
def test_what_is_measured_of_a_required_sign_moves_the_answer(condition_id: str) -> None:
    logic = COMPOSER.logic(condition_id)
    if logic is None:
        return
    question = KnownCondition(condition_id)
    leaves = but_for_logic(condition_id, above=20.0)
    for part in (part for part in logic.required if isinstance(part, Sign)):
        low, unmeasured, high = (
            log_odds(question, LeafAnswers(leaves, Measurements(signs=signs)))
            for signs in ({part.name: -2.0}, {}, {part.name: 2.0})
        )
        assert high > unmeasured > low, (condition_id, part)


def but_for_logic(condition_id: str, above: float) -> dict[Leaf, float]:
    """What is above agrees and what is below is silent, so that nothing but the logic decides."""
    broader = {c.id for c in CATALOGUE.ancestors(condition_id)}
    below = {c.id for c in CATALOGUE.narrower(condition_id)}
    return {
        leaf: above if leaf.condition in broader else -20.0 if leaf.condition in below else 0.0
        for leaf in COMPOSER.needs(KnownCondition(condition_id))
    }


def _leaf_of(part: Question) -> Leaf | None:
    if isinstance(part, KnownCondition):
        return Leaf(condition=part.id) if part.id in TRAINED else None
    return Leaf(sign=part.name) if isinstance(part, Sign) else None


def test_every_logic_is_stated_in_known_signs_conditions_and_measurements() -> None:
    names = {sign.name for sign in SIGNS}
    for condition_id in IDS:
        logic = COMPOSER.logic(condition_id)
        for part in () if logic is None else logic.parts:
            assert not isinstance(part, Sign) or part.name in names, (condition_id, part)
            assert isinstance(part, Sign | KnownCondition | Measured)


@given(st.lists(st.floats(-20, 20), min_size=2, max_size=5), st.randoms())
def test_all_of_is_at_most_its_least_and_any_of_at_least_its_largest(
    values: list[float], rng: random.Random
) -> None:
    signs = [Sign(sign.name) for sign in SIGNS[: len(values)]]
    leaves = LeafAnswers(
        {Leaf(sign=s.name): v for s, v in zip(signs, values, strict=True)}, Measurements()
    )
    shuffled = rng.sample(signs, len(signs))
    assert log_odds(all_of(shuffled), leaves) <= min(values) + 1e-9
    assert log_odds(any_of(shuffled), leaves) >= max(values) - 1e-9
    assert log_odds(all_of(shuffled), leaves) == log_odds(all_of(signs), leaves)
    assert log_odds(Not(any_of(signs)), leaves) == -log_odds(any_of(signs), leaves)


def test_every_part_of_a_description_moves_its_answer_and_their_order_does_not() -> None:
    parts = [Weighted(Sign(sign.name), 1.0) for sign in SIGNS[:4]]
    text = described("a text", parts, "rest")
    assert text.parts == described("a text", parts[::-1], "rest").parts
    base = dict.fromkeys(COMPOSER.needs(text), 0.0)
    for leaf in base:
        low = log_odds(text, LeafAnswers({**base, leaf: -2.0}, Measurements()))
        assert log_odds(text, LeafAnswers({**base, leaf: 2.0}, Measurements())) > low + 0.05


@given(st.floats(20, 250), st.floats(0.1, 30), st.floats(20, 250), st.floats(0.01, 100))
def test_a_measurement_is_monotone_in_the_number(
    value: float, uncertainty: float, limit: float, step: float
) -> None:
    found = MeasuredValue(value, "/min", uncertainty)

    def odds(comparator: Comparator, at: float) -> float:
        return measured_log_odds(Measured("heart_rate", comparator, at, "/min"), found)

    assert odds(Comparator.ABOVE, limit + step) <= odds(Comparator.ABOVE, limit)
    assert odds(Comparator.BELOW, limit + step) >= odds(Comparator.BELOW, limit)
    assert odds(Comparator.ABOVE, limit) == pytest.approx(-odds(Comparator.BELOW, limit))


@given(st.floats(20, 250), st.floats(0.5, 30), st.floats(20, 200), st.floats(1, 50))
def test_a_range_is_at_most_as_likely_as_either_limit_and_grows_with_its_width(
    value: float, uncertainty: float, low: float, width: float
) -> None:
    found = MeasuredValue(value, "/min", uncertainty)

    def between(upper: float) -> float:
        asked = Measured("heart_rate", Comparator.BETWEEN, low, "/min", None, upper)
        return measured_log_odds(asked, found)

    above = measured_log_odds(Measured("heart_rate", Comparator.ABOVE, low, "/min"), found)
    assert between(low + width) <= above + 1e-6
    assert between(low + 2 * width) >= between(low + width) - 1e-9


def test_a_measurement_far_from_the_limit_is_certain() -> None:
    leaves = LeafAnswers({}, Measurements({"heart_rate": RATE}))
    asked = Measured("heart_rate", Comparator.ABOVE, 40, "/min")
    answer = COMPOSER.answer(asked, leaves)
    assert answer.log_odds is not None
    assert answer.log_odds > 10
    assert answer.measured == RATE


def test_what_cannot_be_measured_or_answered_has_no_answer_nor_has_its_denial() -> None:
    leaves = LeafAnswers({}, Measurements())
    asked = Measured("pr_interval", Comparator.ABOVE, 200, "ms")
    reason = UnanswerableReason.NOT_A_FINDING
    for question, why in (
        (asked, UnanswerableReason.NOT_MEASURABLE),
        (Not(asked), UnanswerableReason.NOT_MEASURABLE),
        (AllOf((asked, asked)), UnanswerableReason.NOT_MEASURABLE),
        (AnyOf((asked, asked)), UnanswerableReason.NOT_MEASURABLE),
        (NotAnswerable(reason), reason),
    ):
        answer = COMPOSER.answer(question, leaves)
        assert (answer.log_odds, answer.reason) == (None, why)


def gaps(trusted: Iterable[Leaf], *, composes: bool = True) -> LeafAnswers:
    return LeafAnswers(
        dict.fromkeys([*ALL_LEAVES, Leaf(text=TEXT)], -1.0),
        Measurements({"heart_rate": RATE}),
        frozenset(trusted),
        composes,
    )


TEXT = "irregular and fast"
IRREGULAR = next(sign.name for sign in SIGNS if sign.name.startswith("irregularly"))


def reason_of(question: Question, leaves: LeafAnswers) -> UnanswerableReason | None:
    return COMPOSER.answer(question, leaves).reason


def test_with_leads_missing_a_condition_is_answered_only_where_it_is_trusted() -> None:
    fibrillation, infarction = "atrial-fibrillation", "anterior-myocardial-infarction"
    leaves = gaps([Leaf(condition=fibrillation)])
    assert reason_of(KnownCondition(fibrillation), leaves) is None
    missing = UnanswerableReason.MISSING_LEADS
    for question in (
        KnownCondition(infarction),
        Not(KnownCondition(infarction)),
        AnyOf((KnownCondition(fibrillation), KnownCondition(infarction))),
        Sign(IRREGULAR),
    ):
        assert reason_of(question, leaves) is missing


def test_an_untrusted_narrower_condition_neither_refuses_nor_moves_a_trusted_one() -> None:
    broad, narrow = "myocardial-infarction", "anterior-myocardial-infarction"
    assert narrow in set(COMPOSER.trained_narrower(broad))
    leaves = gaps([Leaf(condition=broad)])
    low = COMPOSER.answer(KnownCondition(broad), leaves).log_odds
    moved = {**leaves.log_odds, Leaf(condition=narrow): 5.0}
    high = LeafAnswers(moved, leaves.measurements, leaves.trusted, leaves.composes)
    assert COMPOSER.answer(KnownCondition(broad), high).log_odds == low == -1.0


def test_an_untrained_condition_needs_all_its_parts() -> None:
    asked = [KnownCondition(i) for i in UNTRAINED if COMPOSER.logic(i)]
    parts = {question: COMPOSER.needs(question) for question in asked}
    for question in asked:
        own = Leaf(condition=question.id)
        trusted = parts[question] - {own}
        found = COMPOSER.answer(question, gaps(trusted))
        if found.reason is not None:  # one above it has no logic, and was not trained
            continue
        for part in trusted:
            if part.sign is not None:
                lacking = reason_of(question, gaps(trusted - {part}))
                assert lacking is UnanswerableReason.MISSING_LEADS
        old = reason_of(question, gaps(trusted, composes=False))
        assert old is UnanswerableReason.MISSING_LEADS
    assert any(COMPOSER.answer(q, gaps(parts[q])).log_odds is not None for q in asked)


def test_a_description_is_answered_by_its_parts_if_all_of_it_was_read() -> None:
    part = Weighted(Sign(IRREGULAR), 1.0)
    leaves = gaps([Leaf(sign=IRREGULAR)])
    assert reason_of(described(TEXT, [part]), leaves) is None
    missing = UnanswerableReason.MISSING_LEADS
    assert reason_of(described(TEXT, [part], unread="and odd"), leaves) is missing
    assert reason_of(described(TEXT, []), leaves) is missing
    assert reason_of(described(TEXT, [part]), gaps([])) is missing
    assert (
        reason_of(described(TEXT, [part]), gaps([Leaf(sign=IRREGULAR)], composes=False)) is missing
    )
