"""What was read from many reports, and what was not, for a cardiologist to look over."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ecg_core.conditions import Catalogue
from model_training.entities.extractor import EntityExtractor, shipped_extractor
from model_training.entities.model import Entity, Status

_BOUNDARY = re.compile(r"[.;:,\n()]+|\s{2,}|\s-\s")
_WORD = re.compile(r"[^\W\d_]{2,}")
_EXAMPLES = 3
_MAX_SNIPPET = 80


@dataclass(frozen=True)
class AuditRow:
    """How often a condition is named, with what status, and what that looks like."""

    condition_id: str
    name: str
    reports: int
    statuses: dict[Status, int]
    sources: dict[str, int]
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Audit:
    """The audit: conditions by frequency, and the phrases that no rule covers."""

    reports: int
    without_entity: int
    rows: tuple[AuditRow, ...]
    unmapped: tuple[tuple[str, int], ...]


def audit_reports(
    reports: Iterable[str | None],
    catalogue: Catalogue | None = None,
    extractor: EntityExtractor | None = None,
    most_unmapped: int = 100,
) -> Audit:
    """Read all reports and count what they name and what is left of them."""
    catalogue = catalogue or Catalogue.load()
    extractor = extractor or shipped_extractor()
    mentions: dict[str, list[tuple[int, Entity, str]]] = defaultdict(list)
    unmapped: Counter[str] = Counter()
    total = without = 0
    for number, report in enumerate(reports):
        total += 1
        entities = extractor.extract(report)
        without += not entities
        for entity in entities:
            text = _one_line((report or "")[entity.start : entity.end])
            mentions[entity.condition_id].append((number, entity, text))
        unmapped.update(unmapped_phrases(report or "", entities))
    rows = (_row(catalogue.get(i).name, found) for i, found in mentions.items())
    ordered = tuple(sorted(rows, key=lambda row: (-row.reports, row.condition_id)))
    return Audit(total, without, ordered, tuple(unmapped.most_common(most_unmapped)))


def unmapped_phrases(report: str, entities: Iterable[Entity]) -> list[str]:
    """What is left of a report without its entities, in phrases."""
    phrases, position = [], 0
    spans = sorted({(entity.start, entity.end) for entity in entities})
    for start, end in [*spans, (len(report), len(report))]:
        phrases += _BOUNDARY.split(report[position:start])
        position = max(position, end)
    lines = (_one_line(phrase).lower() for phrase in phrases)
    return [line[:_MAX_SNIPPET] for line in lines if _WORD.search(line)]


def _row(name: str, found: list[tuple[int, Entity, str]]) -> AuditRow:
    texts = Counter(text.lower() for _, _, text in found)
    return AuditRow(
        condition_id=found[0][1].condition_id,
        name=name,
        reports=len({number for number, _, _ in found}),
        statuses=dict(Counter(entity.status for _, entity, _ in found)),
        sources=dict(Counter(entity.source for _, entity, _ in found).most_common()),
        examples=tuple(text[:_MAX_SNIPPET] for text, _ in texts.most_common(_EXAMPLES)),
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())
