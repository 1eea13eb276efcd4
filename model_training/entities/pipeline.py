"""The whole way from tables of reports to a stored label matrix and its audit, as a stream."""

import csv
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue
from tqdm import tqdm

from ecg_core.conditions import Catalogue
from model_training.entities.audit.files import write_audit
from model_training.entities.config import EntitiesConfig
from model_training.entities.labels.matrix import LabelBuilder
from model_training.entities.labels.merging import Source
from model_training.entities.labels.scp import ScpCodes
from model_training.entities.labels.storage import (
    label_folder,
    label_key,
    load_label_manifest,
    save_label_matrix,
)
from model_training.entities.llm import ExtractionFailure, LlmReader
from model_training.entities.rules.extractor import shipped_extractor
from model_training.entities.sources import LlmSource, RuleSource, ScpSource, StatementSource
from model_training.entities.tables import check_tables, read_chunks, table_digests

CACHE_FILE = "llm_answers.sqlite3"
_SHAPES_LABELS = {"reports", "scp", "priority", "uncertain_is_yes", "min_count"}


@dataclass(frozen=True, slots=True)
class Extracted:
    """What a run made.

    Attributes:
        folder: With the labels, and the audit in `audit/`.
        counts: What was read, asked and failed; empty if nothing had to be done.
        failed: Reports that the language model could not read.
    """

    folder: Path
    counts: dict[str, JsonValue]
    failed: int


def extract_labels(
    config: EntitiesConfig, shared: Path, runs: Path, *, ask_again: bool = True
) -> Extracted:
    """Make a label matrix and its audit, unless those of the same inputs are there.

    Reports are held a chunk at a time; in memory grow only the labels, by about 12 bytes each, and
    the ids. Labels of a run with failed reports are written, and made anew by the next run that may
    ask for the failed ones again.

    Args:
        config: What to read and how.
        shared: Folder that the settings' paths are relative to.
        runs: Where labels and the model's answers are written.
        ask_again: Whether labels that lack failed reports are made anew, asking for these only.

    Raises:
        TableFaults: The tables cannot be read; nothing is written.
        EndpointRefuses: The language model cannot be asked; run again to resume.
        ValueError: Codes, prompt or key are not as they should be.
    """
    check_tables(config, shared)
    catalogue = Catalogue.load()
    with ExitStack() as stack:
        sources = {s: _open(s, config, shared, runs, catalogue, stack) for s in config.used}
        extractors = {source.value: opened.digest for source, opened in sources.items()}
        key = label_key(
            inputs=table_digests(config, shared),
            extractors=extractors,
            catalogue=catalogue.digest,
            settings=config.model_dump(mode="json", include=_SHAPES_LABELS),
        )
        folder = label_folder(runs, key)
        failed = _failed(folder)
        if failed is None or (failed and ask_again):
            return _extract(config, shared, folder, sources, catalogue, extractors)
    return Extracted(folder, {}, failed)


def _open(
    source: Source,
    config: EntitiesConfig,
    shared: Path,
    runs: Path,
    catalogue: Catalogue,
    stack: ExitStack,
) -> StatementSource:
    extractor, doubt = shipped_extractor(), config.uncertain_is_yes
    if source is Source.SCP and config.scp is not None:
        statements = shared / config.scp.statements
        return ScpSource(ScpCodes.of_release(statements, catalogue, config.scp.absence))
    if source is Source.LLM and config.llm is not None:
        reader = LlmReader(config.llm, runs / CACHE_FILE, catalogue, extractor)
        return LlmSource(stack.enter_context(reader), catalogue, uncertain_is_yes=doubt)
    return RuleSource(extractor, catalogue, uncertain_is_yes=doubt)


def _failed(folder: Path) -> int | None:
    """How many reports the labels lack because they failed; None where there are no labels."""
    if not (folder / "labels.json").exists():
        return None
    failed = load_label_manifest(folder).about["failed"]
    return failed if isinstance(failed, int) else None


def _extract(
    config: EntitiesConfig,
    shared: Path,
    folder: Path,
    sources: Mapping[Source, StatementSource],
    catalogue: Catalogue,
    extractors: dict[str, str],
) -> Extracted:
    builder = LabelBuilder(catalogue, config.priority)
    reports = empty = 0
    with tqdm(desc="reports", unit="report", mininterval=1, smoothing=0.1) as progress:
        for rows in read_chunks(config, shared):
            said = {source: opened.read(rows) for source, opened in sources.items()}
            for number, row in enumerate(rows):
                empty += not row.report.strip()
                heard = {source: lists[number] for source, lists in said.items()}
                # Silence may teach that nothing is there: it is not that of a report unread.
                read = {source: one for source, one in heard.items() if one is not None}
                if read:
                    builder.add(row.id, read)
            reports += len(rows)
            progress.update(len(rows))
    matrix = builder.build(config.min_count)
    counts: dict[str, JsonValue] = {
        "reports": reports, "empty_reports": empty, "unread_reports": reports - matrix.shape[0],
    }  # fmt: skip
    counts |= {source.value: opened.counts() for source, opened in sources.items()}

    def write_rest(partial: Path) -> None:
        audits = {
            source.value: opened.audit.audit(config.audit.most_unmapped, config.audit.min_reports)
            for source, opened in sources.items()
            if opened.audit is not None
        }
        title = f"Reports of {config.name}"
        audit = partial / "audit"
        write_audit(audit, title, audits, matrix, builder.disagreements, catalogue)
        _write_failures(partial / "failures.csv", sources)

    about: dict[str, JsonValue] = {
        "failed": len(_failures(sources)),
        "settings": config.model_dump(mode="json"),
        "catalogue": catalogue.digest,
        "counts": counts,
    }
    save_label_matrix(matrix, folder, extractors, about, write_rest)
    return Extracted(folder, counts, len(_failures(sources)))


def _failures(sources: Mapping[Source, StatementSource]) -> list[ExtractionFailure]:
    readers = (opened.reader for opened in sources.values() if isinstance(opened, LlmSource))
    return [failure for reader in readers for failure in reader.failures]


def _write_failures(path: Path, sources: Mapping[Source, StatementSource]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["report_id", "kind", "attempts", "detail"])
        for failure in _failures(sources):
            writer.writerow([failure.report_id, failure.kind, failure.attempts, failure.detail])
