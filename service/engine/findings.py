"""Findings: answers in the order in which they are read, and what should be known beside them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from scipy.special import expit

from ecg_core.asking.composing import Composer
from ecg_core.asking.measuring import MeasuredValue
from ecg_core.calibration import Familiarity
from ecg_core.conditions.question import UnanswerableReason
from service.engine.queries.answering import Answered
from service.engine.queries.embeddings import AskedQuery
from service.engine.queries.familiarity import NearestTrained

_PRESENT = 0.5


@dataclass(frozen=True, slots=True)
class DiagnosisWarning:
    """Something that the reader of the findings should know; `query` in the request's words."""

    code: str
    detail: str
    lead: str | None = None
    query: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one query; see `api_schemas.Finding`.

    Attributes:
        rank, probability: None where no answer can be given.
        query: What was asked.
        calibrated: Whether the probability was fitted on recordings with this condition.
        nearest: The trained condition that comes closest, and how close; None where the query
            asks for signs and measurements only, or cannot be answered.
        familiarity: How familiar the model is with all that is asked.
        reason: Why there is no answer.
        measured: The measurement that answers it, if it asks for one.
        part_of: The id of a narrower finding of the same list that says this one already.
        base_rate: How often what is asked is found, where that is known.
    """

    rank: int | None
    query: AskedQuery
    probability: float | None
    calibrated: bool
    nearest: NearestTrained | None
    familiarity: Familiarity = "known"
    reason: UnanswerableReason | None = None
    measured: MeasuredValue | None = None
    part_of: str | None = None
    base_rate: float | None = None

    @property
    def lift(self) -> float | None:
        """How many times as probable as usual; None where there is no answer or no base rate."""
        if self.probability is None or self.base_rate is None:
            return None
        return self.probability / self.base_rate


def ranked(
    answered: Sequence[Answered], composer: Composer, *, for_reading: bool
) -> tuple[Finding, ...]:
    """The findings, those without an answer last, in the order in which they were asked.

    Args:
        answered: The answers, in the order in which they were asked.
        composer: Knows what is broader than what, and what was trained.
        for_reading: Whether nobody asked for anything in particular: then trained conditions come
            first, by probability, and the others by lift; and the broader ones say which narrower
            one says them already.
    """
    findings = [_finding(each) for each in answered]
    # Stable: queries of the same probability stay in the order in which they were asked.
    if for_reading:
        findings = _folded(findings, composer)
        findings.sort(key=lambda f: _reading_order(f, composer))
    else:
        findings.sort(key=lambda f: 1.0 if f.probability is None else -f.probability)
    return tuple(
        finding if finding.probability is None else replace(finding, rank=rank)
        for rank, finding in enumerate(findings, start=1)
    )


def query_warnings(queries: Iterable[AskedQuery]) -> Iterator[DiagnosisWarning]:
    """What should be known of how queries were read."""
    detail = "the query denies a condition: the probability is that of its absence"
    for query in queries:
        if query.negated:
            yield DiagnosisWarning("negated_query", detail, query=query.text)
        for note in query.notes:
            yield DiagnosisWarning(note.code, note.detail, query=query.text)


def exclusive_warnings(
    findings: Sequence[Finding], exclusive: Iterable[tuple[str, str]]
) -> Iterator[DiagnosisWarning]:
    """Pairs of conditions that exclude one another and were both found."""
    present = {f.query.condition.id: f for f in _present(findings) if f.query.condition}
    for one, other in exclusive:
        if one in present and other in present:
            names = [present[i].query.condition for i in (one, other)]
            said = " and ".join(condition.name for condition in names if condition)
            detail = f"{said} exclude one another, and both are more likely than not"
            yield DiagnosisWarning("exclusive_findings", detail)


def _present(findings: Iterable[Finding]) -> Iterator[Finding]:
    for finding in findings:
        is_likely = finding.probability is not None and finding.probability >= _PRESENT
        if is_likely and not finding.query.negated:
            yield finding


def _finding(answered: Answered) -> Finding:
    log_odds = answered.answer.log_odds
    return Finding(
        rank=None,
        query=answered.query,
        probability=None if log_odds is None else float(expit(log_odds)),
        calibrated=answered.calibrated and log_odds is not None,
        nearest=answered.nearest,
        familiarity=answered.familiarity,
        reason=answered.answer.reason,
        measured=answered.answer.measured,
        base_rate=_base_rate(answered.query),
    )


def _base_rate(query: AskedQuery) -> float | None:
    """Of what is asked: of a denial how often the condition is not found."""
    rate = None if query.condition is None else query.condition.base_rate
    if rate is None or not query.negated:
        return rate
    return 1 - rate if rate < 1 else None


def _folded(findings: Sequence[Finding], composer: Composer) -> list[Finding]:
    """Findings with the most probable narrower one that says them, where there is one."""
    by_id: Mapping[str, Finding] = {
        f.query.condition.id: f for f in _present(findings) if f.query.condition
    }
    folded = []
    for finding in findings:
        condition = finding.query.condition
        narrower = [] if condition is None else composer.trained_narrower(condition.id)
        there = [by_id[i] for i in narrower if i in by_id]
        most = max(there, key=lambda f: f.probability or 0.0, default=None)
        part_of = most.query.condition.id if most and most.query.condition else None
        folded.append(replace(finding, part_of=part_of))
    return folded


class _Part(IntEnum):
    """Of the list for reading, in order."""

    TRAINED = 0
    BY_LIFT = 1
    WITHOUT_BASE_RATE = 2
    WITHOUT_ANSWER = 3


def _reading_order(finding: Finding, composer: Composer) -> tuple[_Part, float, int]:
    """Place in the list; of equal findings the narrower first, of unanswered the first asked."""
    condition = finding.query.condition
    if finding.probability is None:
        return _Part.WITHOUT_ANSWER, 0.0, 0
    depth = 0 if condition is None else sum(1 for _ in composer.broader(condition.id))
    if condition is not None and composer.is_trained(condition.id):
        return _Part.TRAINED, -finding.probability, -depth
    if finding.lift is not None:
        return _Part.BY_LIFT, -finding.lift, -depth
    return _Part.WITHOUT_BASE_RATE, -finding.probability, -depth
