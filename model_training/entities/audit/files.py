"""The audit as files: Markdown to read, CSV to sort."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ecg_core.conditions import Catalogue
from model_training.entities.audit.counter import Audit
from model_training.entities.labels.matrix import LabelMatrix
from model_training.entities.labels.merging import Disagreement
from model_training.entities.model import Status

_LISTED_DISAGREEMENTS = 40
_LISTED_SOURCES = 3


def write_audit(
    folder: Path,
    title: str,
    audits: Mapping[str, Audit],
    matrix: LabelMatrix,
    disagreements: Counter[Disagreement],
    catalogue: Catalogue,
) -> None:
    """Write `audit.md`, and for each extractor `entities_*.csv` and `unmapped_*.csv`.

    Args:
        folder: Where to; made if it is not there.
        title: What was read.
        audits: By extractor.
        matrix: What became of it.
        disagreements: As `merge` counts them.
        catalogue: For the standard terms.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"# {title}", "", *_labels(matrix, catalogue)]
    for extractor, audit in audits.items():
        lines += _extractor_section(extractor, audit)
        _write_csv(folder / f"entities_{extractor}.csv", _entity_header(), _entity_rows(audit))
        _write_csv(folder / f"unmapped_{extractor}.csv", ["phrase", "reports"], audit.unmapped)
    lines += _disagreements(disagreements, catalogue)
    _write_csv(folder / "disagreements.csv", ["condition", "heard", "not_heard", "recordings"],
               ((*key, count) for key, count in disagreements.most_common()))  # fmt: skip
    (folder / "audit.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def _labels(matrix: LabelMatrix, catalogue: Catalogue) -> list[str]:
    reports, conditions = matrix.shape
    yes = [Counter(_named(matrix, matrix.values == 1, s)) for s in range(len(matrix.source_names))]
    no, doubt = (Counter(_named(matrix, matrix.values == value)) for value in (0, 2))
    total: Counter[str] = sum(yes, Counter())
    rows = [
        [
            catalogue.get(i).name,
            total[i],
            no[i],
            doubt[i],
            reports - total[i] - no[i] - doubt[i],
            *(y[i] for y in yes),
        ]
        for i in sorted(matrix.conditions, key=lambda i: -total[i])
    ]
    header = [
        "condition",
        "yes",
        "no",
        "uncertain",
        "not said",
        *(f"yes by {s}" for s in matrix.source_names),
    ]
    dropped = [[catalogue.get(i).name, count] for i, count in matrix.dropped.items()]
    text = f"{reports} reports, {conditions} conditions, {len(matrix.columns)} labels."
    return [
        "## Labels", "", text, "", *_table(header, rows),
        f"### Dropped as rare: {len(dropped)}", "", *_table(["condition", "yes"], dropped),
    ]  # fmt: skip


def _named(matrix: LabelMatrix, chosen: Sequence[bool], source: int | None = None) -> Iterable[str]:
    kept = chosen if source is None else chosen & (matrix.sources == source)
    return (matrix.conditions[column] for column in matrix.columns[kept])


def _extractor_section(extractor: str, audit: Audit) -> list[str]:
    header = ["condition", "reports", *(str(status) for status in Status), "in words"]
    rows = [
        [row.name, row.reports, *(row.statuses.get(s, 0) for s in Status), "; ".join(row.examples)]
        for row in audit.rows
    ]
    return [
        f"## Read by {extractor}", "",
        f"{audit.reports} reports, {audit.without_entity} of them without any finding. "
        "Mentions by what the report says of them:", "", *_table(header, rows),
        f"### Phrases that stand for no condition ({extractor})", "",
        *_table(["phrase", "reports"], audit.unmapped),
    ]  # fmt: skip


def _disagreements(found: Counter[Disagreement], catalogue: Catalogue) -> list[str]:
    if not found:
        return []
    rows = [
        [catalogue.get(condition_id).name, heard, unheard, count]
        for (condition_id, heard, unheard), count in found.most_common(_LISTED_DISAGREEMENTS)
    ]
    return [
        "## Disagreements", "",
        "Recordings of which two sources say the opposite; the first was heard.", "",
        *_table(["condition", "heard", "not heard", "recordings"], rows),
    ]  # fmt: skip


def _entity_header() -> list[str]:
    statuses = [str(status) for status in Status]
    return ["id", "condition", "reports", *statuses, "examples", "sources"]


def _entity_rows(audit: Audit) -> Iterable[list[object]]:
    for row in audit.rows:
        statuses = [row.statuses.get(status, 0) for status in Status]
        sources = "; ".join(list(row.sources)[:_LISTED_SOURCES])
        examples = "; ".join(row.examples)
        yield [row.condition_id, row.name, row.reports, *statuses, examples, sources]


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [_line(header), _line(["---"] * len(header)), *map(_line, rows)]
    return [*lines, ""] if len(lines) > 2 else ["None.", ""]


def _line(cells: Iterable[object]) -> str:
    return f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |"


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows([_safe(cell) for cell in row] for row in rows)


def _safe(cell: object) -> object:
    """A cell that a spreadsheet does not take for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@\t\r" and cell else cell
