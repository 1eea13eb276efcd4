"""Answers of trees: what has to be asked of the model for a question, and what follows from it.

Pure: a question and the answers of its leaves in, log odds out. Every answer depends on the
recording and on its own question only: what it needs besides (narrower conditions, signs) is asked
of the model whether anybody else asked for it or not.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from ecg_core.asking.measuring import MeasuredValue, Measurements, measured_log_odds
from ecg_core.asking.rule import CompositionRule, all_at_once, at_least_one, bounded, soft_mean
from ecg_core.conditions import Catalogue
from ecg_core.conditions.catalogue import ConditionKind, Logic
from ecg_core.conditions.comparisons import read_measurement
from ecg_core.conditions.question import (
    AllOf,
    AnyOf,
    Described,
    KnownCondition,
    Measured,
    Not,
    NotAnswerable,
    Question,
    Sign,
    UnanswerableReason,
    children,
)


@dataclass(frozen=True, slots=True)
class Leaf:
    """Something that is put to the model: a condition, a sign or a text; one of the three."""

    condition: str | None = None
    sign: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question.

    Attributes:
        log_odds: None where no probability can be given.
        reason: Why not.
        measured: The measurement that answers it, if it asks for one.
    """

    log_odds: float | None
    reason: UnanswerableReason | None = None
    measured: MeasuredValue | None = None


@dataclass(frozen=True, slots=True)
class LeafAnswers:
    """What the model says of one recording.

    Attributes:
        log_odds: Calibrated, of each leaf that was needed.
        measurements: Of the recording.
        trusted: The leaves that can be answered from the leads that are there; None: all of them.
        composes: Whether what is made of trusted parts alone is answered where others are not.
        conditions: What was found out of conditions already: it depends on the recording only.
    """

    log_odds: Mapping[Leaf, float]
    measurements: Measurements
    trusted: frozenset[Leaf] | None = None
    composes: bool = False
    conditions: dict[str, float] = field(default_factory=dict)


class _Unanswered(Exception):
    def __init__(self, reason: UnanswerableReason) -> None:
        self.reason = reason
        super().__init__(reason.value)


class Composer:
    """Answers questions by the catalogue's logic; safe to use from several threads."""

    def __init__(
        self, catalogue: Catalogue, trained: Collection[str], rule: CompositionRule
    ) -> None:
        """Reads the catalogue's logic.

        Args:
            catalogue: The conditions.
            trained: Ids of those that the model was trained on: they answer for themselves.
            rule: How parts make a whole.

        Attributes:
            rhythms: Ids of the trained conditions that are rhythms.
        """
        self._catalogue = catalogue
        self._trained = frozenset(trained)
        self.rule = rule
        self.rhythms = frozenset(
            condition.id
            for condition in catalogue.conditions
            if condition.kind is ConditionKind.RHYTHM and condition.id in self._trained
        )
        self._logic = {
            condition.id: parsed
            for condition in catalogue.conditions
            if condition.id not in self._trained
            and (parsed := _parsed(catalogue.logic(condition.id), condition.signs, catalogue))
        }

    def with_rule(self, rule: CompositionRule) -> "Composer":
        """The same logic with another rule."""
        return Composer(self._catalogue, self._trained, rule)

    @property
    def exclusive(self) -> tuple[tuple[str, str], ...]:
        """Pairs of conditions that exclude one another."""
        return self._catalogue.exclusive

    def needs(self, question: Question) -> frozenset[Leaf]:
        """What has to be put to the model to answer a question."""
        return frozenset(self._needs(question, frozenset()))

    def answer(self, question: Question, answers: LeafAnswers) -> Answer:
        """The answer to a question; `answers` holds all that it `needs`."""
        found = measured_in(question, answers.measurements)
        try:
            log_odds = _Answering(self, answers).of(question)
        except _Unanswered as error:
            return Answer(None, error.reason)
        return Answer(log_odds, measured=found)

    def logic(self, condition_id: str) -> "ParsedLogic | None":
        """The logic that answers a condition, if it does not answer for itself."""
        return self._logic.get(condition_id)

    def is_trained(self, condition_id: str) -> bool:
        """Whether the model was trained on a condition."""
        return condition_id in self._trained

    def trained_narrower(self, condition_id: str) -> Iterator[str]:
        """The trained conditions below a condition."""
        if self._catalogue.has(condition_id):
            narrower = self._catalogue.narrower(condition_id)
            yield from (each.id for each in narrower if each.id in self._trained)

    def broader(self, condition_id: str) -> Iterator[str]:
        """The conditions above one of the catalogue."""
        if self._catalogue.has(condition_id):
            yield from (each.id for each in self._catalogue.ancestors(condition_id))

    def _needs(self, question: Question, above: frozenset[str]) -> Iterator[Leaf]:
        match question:
            case KnownCondition(condition_id):
                yield from self._needs_of(condition_id, above)
            case Sign(name):
                yield Leaf(sign=name)
            case Described(text):
                yield Leaf(text=text)
        for part in children(question):
            yield from self._needs(part, above)

    def _needs_of(self, condition_id: str, above: frozenset[str]) -> Iterator[Leaf]:
        if condition_id in above:
            return
        seen = above | {condition_id}
        yield Leaf(condition=condition_id)
        yield from (Leaf(condition=i) for i in self.trained_narrower(condition_id))
        logic = self.logic(condition_id)
        if logic is not None:
            for part in logic.parts:
                yield from self._needs(part, seen)
        if condition_id not in self._trained:
            for broader in self.broader(condition_id):
                yield from self._needs_of(broader, seen)


@dataclass(frozen=True)
class ParsedLogic:
    """A condition's logic; what is required has weights that fall with its place."""

    required: tuple[Question, ...]
    supporting: tuple[Question, ...] = ()
    excluding: tuple[Question, ...] = ()

    @cached_property
    def parts(self) -> tuple[Question, ...]:
        """All parts."""
        return (*self.required, *self.supporting, *self.excluding)

    @cached_property
    def weights(self) -> tuple[float, ...]:
        """Of the required parts, the first one's first; then of the excluding ones."""
        required = [1 / rank for rank in range(1, len(self.required) + 1)]
        return (*required, *(0.5 for _ in self.excluding))


@dataclass(slots=True)
class _Answering:
    """One question's answer."""

    composer: Composer
    answers: LeafAnswers
    # Conditions whose answer is being found, and those of them that were needed for it meanwhile.
    begun: set[str] = field(default_factory=set)
    circular: set[str] = field(default_factory=set)

    def of(self, question: Question) -> float:
        rule = self.composer.rule
        match question:
            case KnownCondition(condition_id):
                return self._condition(condition_id)
            case Sign(name):
                return self._leaf(Leaf(sign=name))
            case Measured():
                return self._measured(question)
            case Not(part):
                return -self.of(part)
            case AllOf(parts):
                return all_at_once([self.of(part) for part in parts], rule.joint_softness)
            case AnyOf(parts):
                return at_least_one([self.of(part) for part in parts], rule.joint_softness)
            case NotAnswerable(reason):
                raise _Unanswered(reason)
            case Described():
                return self._described(question)

    def _described(self, question: Described) -> float:
        parts: list[float] = []
        weights: list[float] = []
        # With gaps a text that was read is as good as its parts: by itself it may name any sign.
        if question.unread or not question.parts or not self.answers.composes:
            parts.append(self._leaf(Leaf(text=question.text)))
            weights.append(self.composer.rule.text_weight)
        for each in question.parts:
            with _unless_unmeasurable():
                parts.append(self.of(each.part))
                weights.append(each.weight)
        if not parts:
            raise _Unanswered(UnanswerableReason.NOT_MEASURABLE)
        if not question.parts:
            return parts[0]
        return soft_mean(parts, weights, self.composer.rule.described_softness)

    def _leaf(self, leaf: Leaf) -> float:
        self._refuse_gaps(leaf)
        return self.answers.log_odds[leaf]

    def _is_trusted(self, leaf: Leaf) -> bool:
        if self.answers.trusted is None or leaf in self.answers.trusted:
            return True
        # Its parts are asked one by one.
        has_parts = leaf.condition is not None and self.composer.logic(leaf.condition) is not None
        return self.answers.composes and has_parts

    def _refuse_gaps(self, leaf: Leaf) -> None:
        if not self._is_trusted(leaf):
            raise _Unanswered(UnanswerableReason.MISSING_LEADS)

    def _measured(self, question: Measured) -> float:
        found = self.answers.measurements.get(question.quantity, question.lead)
        if isinstance(found, UnanswerableReason):
            raise _Unanswered(found)
        return measured_log_odds(question, found)

    def _condition(self, condition_id: str) -> float:
        """A condition's answer that agrees with those above and below it.

        A trained condition is at least as probable as its trained narrower ones; one that was not
        trained is, besides, at most as probable as each broader one: the trained are believed.
        """
        self._refuse_gaps(Leaf(condition=condition_id))
        known = self.answers.conditions.get(condition_id)
        if known is not None:
            return known
        if condition_id in self.begun:  # a broader one that follows from its narrower ones
            self.circular.add(condition_id)
            return self.answers.log_odds[Leaf(condition=condition_id)]
        self.begun.add(condition_id)
        found = self._agreeing(condition_id)
        self.begun.discard(condition_id)
        self.circular.discard(condition_id)
        # What was found on the way round depends on where the way began: it is found anew.
        if not self.circular:
            self.answers.conditions[condition_id] = found
        return found

    def _agreeing(self, condition_id: str) -> float:
        rule = self.composer.rule
        narrower = list(self.composer.trained_narrower(condition_id))
        if self.composer.is_trained(condition_id):
            narrower = [name for name in narrower if self._is_trusted(Leaf(condition=name))]
        each = [self._own(condition_id), *map(self._own, narrower)]
        found = at_least_one(each, rule.joint_softness)
        if self.composer.is_trained(condition_id):
            return found
        above = map(self._condition, self.composer.broader(condition_id))
        # Least of all the narrower that it holds: those are trained, and believed.
        least = max(map(self._condition, narrower), default=float("-inf"))
        return max(least, all_at_once([found, *above], rule.broader_softness))

    def _own(self, condition_id: str) -> float:
        own = self.answers.log_odds[Leaf(condition=condition_id)]
        logic = self.composer.logic(condition_id)
        return own if logic is None else self._by_logic(logic, own)

    def _by_logic(self, logic: ParsedLogic, own: float) -> float:
        rule = self.composer.rule
        parts = [*map(self._part, logic.required), *(-self._part(p) for p in logic.excluding)]
        core = soft_mean(parts, logic.weights, rule.required_softness) if parts else own
        support = [bounded(self._part(part), rule.supporting_limit) for part in logic.supporting]
        added = rule.supporting_weight * sum(sorted(support)) / max(1, len(support))
        composed = core + added + rule.own_weight * bounded(own, rule.supporting_limit)
        composed += rule.measured_weight * self._measured_signs(logic)
        return rule.untrained_scale * composed + rule.untrained_bias

    def _measured_signs(self, logic: ParsedLogic) -> float:
        """Weighted mean of what was measured of the required signs: 0 where nothing was."""
        taken = [
            (weight, self.answers.measurements.sign(part.name))
            for part, weight in zip(logic.required, logic.weights, strict=False)
            if isinstance(part, Sign)
        ]
        total = math.fsum(weight for weight, _ in taken)
        return math.fsum(weight * (value or 0.0) for weight, value in taken) / (total or 1.0)

    def _part(self, part: Question) -> float:
        with _unless_unmeasurable():
            return bounded(self.of(part), 8.0)
        return 0.0  # what cannot be measured speaks neither for the condition nor against it


@contextmanager
def _unless_unmeasurable() -> Iterator[None]:
    """Pass over a part that cannot be measured on this recording; not one whose leads are missing.

    It says nothing of the rest, but a whole is answered from no fewer leads than its parts.
    """
    try:
        yield
    except _Unanswered as error:
        if error.reason is UnanswerableReason.MISSING_LEADS:
            raise


def measured_in(question: Question, measurements: Measurements) -> MeasuredValue | None:
    """The measurement that a question asks for, if it asks for one, denied or not."""
    if isinstance(question, Not):
        return measured_in(question.part, measurements)
    if not isinstance(question, Measured):
        return None
    found = measurements.get(question.quantity, question.lead)
    return found if isinstance(found, MeasuredValue) else None


def _parsed(stated: Logic | None, signs: Sequence[str], catalogue: Catalogue) -> ParsedLogic | None:
    if stated is None:
        return ParsedLogic(tuple(map(Sign, signs))) if signs else None
    return ParsedLogic(
        *(tuple(_parts(each, catalogue)) for each in (
            stated.required or signs, stated.supporting, stated.excluding))
    )  # fmt: skip


def _parts(texts: Iterable[str], catalogue: Catalogue) -> Iterator[Question]:
    for text in texts:
        if catalogue.has(text):
            yield KnownCondition(text)
        else:
            yield _sign_or_measurement(text)


def _sign_or_measurement(text: str) -> Question:
    measured = read_measurement(text.removeprefix("measured: "))
    return measured if text.startswith("measured: ") and measured is not None else Sign(text)
