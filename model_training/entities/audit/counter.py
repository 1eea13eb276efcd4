"""What was read from many reports, and what was not, for a cardiologist to look over."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from ecg_core.conditions import Catalogue
from model_training.entities.model import Entity, Status
from model_training.entities.rules.extractor import extract

_BOUNDARY = re.compile(r"[.;:,\n()]+|\s{2,}|\s-\s")
_WORD = re.compile(r"[^\W\d_]{2,}")
_EXAMPLES = 3
_MAX_SNIPPET = 80
# Free text has no end of different phrases; beyond twice so many the rarest are forgotten.
_MOST_PHRASES = 100_000
_MOST_TEXTS = 500


@dataclass(frozen=True)
class AuditRow:
    """How often a condition is named, with what status, and what that looks like.

    Attributes:
        condition_id: The condition.
        name: Its standard term.
        reports: How many name it.
        statuses: How many mentions have each status.
        sources: How many mentions come from each rule, wording or model.
        examples: The words that name it, the most frequent first.
    """

    condition_id: str
    name: str
    reports: int
    statuses: dict[Status, int]
    sources: dict[str, int]
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Audit:
    """The audit: conditions by frequency, and the phrases that stand for none.

    Attributes:
        reports: How many were read.
        without_entity: In how many nothing was found.
        rows: Conditions, the most frequent first.
        unmapped: Phrases and the number of reports that hold them, the most frequent first.
    """

    reports: int
    without_entity: int
    rows: tuple[AuditRow, ...]
    unmapped: tuple[tuple[str, int], ...]


@dataclass(slots=True)
class _Tally:
    reports: int = 0
    statuses: Counter[Status] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    texts: Counter[str] = field(default_factory=Counter)


class AuditCounter:
    """Counts report by report, in bounded memory."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._tallies: dict[str, _Tally] = defaultdict(_Tally)
        self._unmapped: Counter[str] = Counter()
        self._reports = self._without = 0

    def add(self, report: str | None, entities: Iterable[Entity], unmapped: Iterable[str]) -> None:
        """Count a report, what was read in it, and its phrases that stand for no condition."""
        named = set()
        for entity in entities:
            tally = self._tallies[entity.condition_id]
            tally.reports += entity.condition_id not in named
            tally.statuses[entity.status] += 1
            tally.sources[entity.source] += 1
            tally.texts[_one_line((report or "")[entity.start : entity.end]).lower()] += 1
            _forget_rare(tally.texts, _MOST_TEXTS)
            named.add(entity.condition_id)
        self._reports += 1
        self._without += not named
        self._unmapped.update(set(unmapped))
        _forget_rare(self._unmapped, _MOST_PHRASES)

    def audit(self, most_unmapped: int = 100, min_reports: int = 1) -> Audit:
        """What was counted so far.

        Args:
            most_unmapped: How many phrases are listed.
            min_reports: Phrases and examples of fewer reports are not listed: a rare phrase may
                be a name.
        """
        rows = (self._row(i, tally, min_reports) for i, tally in self._tallies.items())
        ordered = tuple(sorted(rows, key=lambda row: (-row.reports, row.condition_id)))
        frequent = self._unmapped.most_common(most_unmapped)
        unmapped = tuple((phrase, count) for phrase, count in frequent if count >= min_reports)
        return Audit(self._reports, self._without, ordered, unmapped)

    def _row(self, condition_id: str, tally: _Tally, min_reports: int) -> AuditRow:
        examples = (
            t[:_MAX_SNIPPET] for t, n in tally.texts.most_common(_EXAMPLES) if n >= min_reports
        )
        return AuditRow(
            condition_id=condition_id,
            name=self._catalogue.get(condition_id).name,
            reports=tally.reports,
            statuses=dict(tally.statuses),
            sources=dict(tally.sources.most_common()),
            examples=tuple(examples),
        )


def audit_reports(reports: Iterable[str | None]) -> Audit:
    """Read all reports by rules and count what they name and what is left of them."""
    counter = AuditCounter(Catalogue.load())
    for report in reports:
        entities = extract(report)
        counter.add(report, entities, unmapped_phrases(report or "", entities))
    return counter.audit()


def unmapped_phrases(report: str, entities: Iterable[Entity]) -> list[str]:
    """What is left of a report without its entities, in phrases."""
    phrases, position = [], 0
    spans = sorted({(entity.start, entity.end) for entity in entities})
    for start, end in [*spans, (len(report), len(report))]:
        phrases += _BOUNDARY.split(report[position:start])
        position = max(position, end)
    lines = (_one_line(phrase).lower() for phrase in phrases)
    return [line[:_MAX_SNIPPET] for line in lines if _WORD.search(line)]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _forget_rare(counter: Counter[str], most: int) -> None:
    if len(counter) > 2 * most:
        kept = counter.most_common(most)
        counter.clear()
        counter.update(dict(kept))
