"""Everything that says what a recording shows, behind one interface: rules, model, codes."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from pydantic import JsonValue

from ecg_core.conditions import Catalogue
from model_training.entities.audit.counter import AuditCounter, unmapped_phrases
from model_training.entities.labels.merging import Statement, Statements, entity_statements
from model_training.entities.labels.scp import ScpCodes, parse_codes
from model_training.entities.llm import LlmReader, Report
from model_training.entities.rules.extractor import EntityExtractor, rules_digest
from model_training.entities.tables import ReportRow, TableFaults

# Machines write the same words again and again; people's reports are rarely alike.
_REMEMBERED_REPORTS = 20_000


class StatementSource(Protocol):
    """Reads recordings' rows."""

    @property
    def digest(self) -> str:
        """Changes with whatever changes what is read."""

    @property
    def audit(self) -> AuditCounter | None:
        """What was read in reports; None for codes."""

    def read(self, rows: Sequence[ReportRow]) -> list[Statements | None]:
        """What it says of each recording, in their order; None of one that it could not read."""

    def counts(self) -> dict[str, JsonValue]:
        """What it has done so far."""


class RuleSource:
    """Reports, read by rules."""

    def __init__(
        self, extractor: EntityExtractor, catalogue: Catalogue, *, uncertain_is_yes: bool
    ) -> None:
        self.digest = rules_digest(catalogue)
        self.audit = AuditCounter(catalogue)
        self._extract = lru_cache(_REMEMBERED_REPORTS)(extractor.extract)
        self._uncertain_is_yes = uncertain_is_yes

    def read(self, rows: Sequence[ReportRow]) -> list[Statements | None]:
        """What the rules read in each report; None where there is no text."""
        return [self._read(row.report) for row in rows]

    def _read(self, report: str) -> Statements | None:
        entities = self._extract(report)
        self.audit.add(report, entities, unmapped_phrases(report, entities))
        if not report.strip():
            return None
        return entity_statements(entities, uncertain_is_yes=self._uncertain_is_yes)

    def counts(self) -> dict[str, JsonValue]:
        """Nothing beside the audit."""
        return {}


class LlmSource:
    """Reports, read by a language model."""

    def __init__(self, reader: LlmReader, catalogue: Catalogue, *, uncertain_is_yes: bool) -> None:
        self.digest = reader.digest
        self.audit = AuditCounter(catalogue)
        self.reader = reader
        self._uncertain_is_yes = uncertain_is_yes

    def read(self, rows: Sequence[ReportRow]) -> list[Statements | None]:
        """What the model reads in each report; None where it failed, or where there is no text."""
        readings = self.reader.read([Report(row.id, row.report) for row in rows])
        for row, reading in zip(rows, readings, strict=True):
            if reading.failure is None:
                self.audit.add(row.report, reading.entities, map(str.lower, reading.unmapped))
        return [
            entity_statements(reading.entities, uncertain_is_yes=self._uncertain_is_yes)
            if reading.failure is None and row.report.strip()
            else None
            for row, reading in zip(rows, readings, strict=True)
        ]

    def counts(self) -> dict[str, JsonValue]:
        """Reports, requests, tokens and costs of this run."""
        counts = self.reader.counts
        return {
            "asked": counts.asked, "cached": counts.cached, "empty": counts.empty,
            "failed": {kind.value: number for kind, number in counts.failed.items()},
            "requests": counts.requests, "mode": counts.mode,
            "ungrounded_findings": counts.ungrounded, "prompt_tokens": counts.prompt_tokens,
            "answer_tokens": counts.answer_tokens, "cost": round(self.reader.cost, 4),
        }  # fmt: skip


class ScpSource:
    """SCP codes beside the reports."""

    audit = None

    def __init__(self, codes: ScpCodes) -> None:
        self.digest = codes.digest
        self._codes = codes

    def read(self, rows: Sequence[ReportRow]) -> list[Statements | None]:
        """What the codes say of each recording.

        Raises:
            TableFaults: A cell is no dictionary of codes, or holds unknown ones; all are named.
        """
        statements: list[dict[str, Statement]] = []
        faults = []
        for row in rows:
            try:
                statements.append(self._codes.statements(parse_codes(row.codes)))
            except ValueError as error:
                faults.append(f"recording {row.id}: {error}")
        if faults:
            raise TableFaults(faults)
        return list(statements)

    def counts(self) -> dict[str, JsonValue]:
        """Nothing."""
        return {}
