"""One ternary matrix for many reports, kept sparse: of most conditions nothing is said."""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.conditions import Catalogue
from model_training.entities.labels.merging import Disagreement, Label, Source, Statements, merge

DEFAULT_PRIORITY = (Source.SCP, Source.LLM, Source.RULES)
# Type codes of what is stored for each label; 12 bytes together.
_FIELDS = {
    "columns": "H", "stated": "H", "origins": "H", "values": "B", "sources": "B",
    "starts": "h", "ends": "h",
}  # fmt: skip
# What a stored value says, and as a target.
_SAID = (False, True, None)
_DENSE = np.array([0, 1, 0.5], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class LabelMatrix:
    """Labels of recordings with their provenance; about 12 bytes a label.

    Attributes:
        report_ids: Shape (report,), bytes; unique.
        conditions: Ids, one a column.
        offsets: Shape (report + 1,): the labels of report r are those from offsets[r] to
            offsets[r + 1].
        columns: Shape (label,): index into `conditions`.
        values: Shape (label,): 1 yes, 0 no, 2 doubt.
        sources: Shape (label,): index into `source_names`.
        stated: Shape (label,): index into `stated_conditions`: what was said, which is a narrower
            condition if the label follows from one.
        origins: Shape (label,): index into `origin_names`: rule, wording or code.
        starts: Shape (label,): where the evidence starts in the report; -1 for codes.
        ends: Shape (label,): where it ends, exclusive.
        source_names: Of all sources.
        stated_conditions: Ids.
        origin_names: Of all origins.
        dropped: Conditions left out as rare, with the number of reports that affirm them.
    """

    report_ids: NDArray[np.bytes_]
    conditions: tuple[str, ...]
    offsets: NDArray[np.int64]
    columns: NDArray[np.uint16]
    values: NDArray[np.uint8]
    sources: NDArray[np.uint8]
    stated: NDArray[np.uint16]
    origins: NDArray[np.uint16]
    starts: NDArray[np.int16]
    ends: NDArray[np.int16]
    source_names: tuple[str, ...]
    stated_conditions: tuple[str, ...]
    origin_names: tuple[str, ...]
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """Reports and conditions."""
        return len(self.report_ids), len(self.conditions)

    @cached_property
    def targets(self) -> NDArray[np.float32]:
        """All labels, shape (report, condition): 1 yes, 0 no, 0.5 doubt, NaN not said.

        Dense: 4 bytes for each report and condition. `rows` gives a part.
        """
        return self.rows(np.arange(len(self.report_ids)))

    def rows(self, reports: NDArray[np.integer] | Sequence[int]) -> NDArray[np.float32]:
        """Labels of some reports, shape (len(reports), condition), as `targets`.

        Args:
            reports: Row numbers; a negative one gives a row of NaN.
        """
        chosen = np.asarray(reports, dtype=np.int64)
        dense = np.full((len(chosen), len(self.conditions)), np.nan, dtype=np.float32)
        known = np.flatnonzero(chosen >= 0)
        first, counts = self.offsets[chosen[known]], self._counts[chosen[known]]
        # The numbers of all labels of all chosen reports, one after the other.
        ends = np.cumsum(counts)
        labels = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - ends + counts, counts)
        dense[np.repeat(known, counts), self.columns[labels]] = _DENSE[self.values[labels]]
        return dense

    def rows_of(self, report_ids: Iterable[str | int]) -> NDArray[np.int64]:
        """Row numbers of reports by their ids; -1 for one that is not here."""
        rows = self._row_by_id
        return np.array([rows.get(str(i).encode(), -1) for i in report_ids], dtype=np.int64)

    def provenance(self, report: int) -> dict[str, dict[str, str | int | bool | None]]:
        """Where each label of a report comes from, by condition id."""
        return {
            self.conditions[self.columns[i]]: {
                "value": _SAID[self.values[i]],
                "source": self.source_names[self.sources[i]],
                "stated": self.stated_conditions[self.stated[i]],
                "origin": self.origin_names[self.origins[i]],
                "start": int(self.starts[i]),
                "end": int(self.ends[i]),
            }
            for i in range(self.offsets[report], self.offsets[report + 1])
        }

    def select(self, labels: NDArray[np.bool_], conditions: Sequence[str]) -> "LabelMatrix":
        """The same reports with fewer labels and conditions.

        Args:
            labels: Shape (label,): which to keep; none of another condition than `conditions`.
            conditions: Ids of the columns to keep, in their order.
        """
        place = np.zeros(len(self.conditions), dtype=np.uint16)
        for new, condition_id in enumerate(conditions):
            place[self.conditions.index(condition_id)] = new
        kept = np.concatenate([[0], np.cumsum(labels, dtype=np.int64)])
        return replace(
            self,
            conditions=tuple(conditions),
            offsets=kept[self.offsets],
            columns=place[self.columns[labels]],
            **{name: getattr(self, name)[labels] for name in _FIELDS if name != "columns"},
        )

    @cached_property
    def _counts(self) -> NDArray[np.int64]:
        return np.diff(self.offsets)

    @cached_property
    def _row_by_id(self) -> dict[bytes, int]:
        return {report_id: row for row, report_id in enumerate(self.report_ids.tolist())}


class LabelBuilder:
    """Makes a matrix report by report; it holds labels only, never reports."""

    def __init__(self, catalogue: Catalogue, priority: Sequence[Source] = DEFAULT_PRIORITY) -> None:
        self._catalogue = catalogue
        self._priority = tuple(priority)
        self._ids: list[bytes] = []
        self._offsets = array("q", [0])
        self._fields = {name: array(code) for name, code in _FIELDS.items()}
        self._origins: dict[str, int] = {}
        self._numbers = {c.id: number for number, c in enumerate(catalogue.conditions)}
        self.disagreements: Counter[Disagreement] = Counter()

    def add(self, report_id: str, stated: Mapping[Source, Statements]) -> None:
        """Add a report and what the sources say of it."""
        labels = merge(stated, self._priority, self._catalogue, self.disagreements)
        for condition_id, label in labels.items():
            self._add(condition_id, label)
        self._ids.append(report_id.encode())
        self._offsets.append(len(self._fields["columns"]))

    def _add(self, condition_id: str, label: Label) -> None:
        fields, statement = self._fields, label.statement
        fields["columns"].append(self._numbers[condition_id])
        fields["stated"].append(self._numbers[label.stated])
        fields["origins"].append(self._origins.setdefault(statement.origin, len(self._origins)))
        fields["values"].append(_SAID.index(label.value))
        fields["sources"].append(self._priority.index(label.source))
        fields["starts"].append(statement.start)
        fields["ends"].append(statement.end)

    def build(self, min_count: int = 0) -> LabelMatrix:
        """The matrix.

        Args:
            min_count: Conditions that fewer reports affirm are dropped and counted.

        Raises:
            ValueError: Two reports have the same id.
        """
        ids = np.array(self._ids, dtype=np.bytes_) if self._ids else np.zeros(0, dtype="S1")
        if len(np.unique(ids)) < len(ids):
            repeated = len(ids) - len(np.unique(ids))
            raise ValueError(f"{repeated} reports have the id of another one")
        names = tuple(self._numbers)
        arrays: dict[str, Any] = {name: np.array(stored) for name, stored in self._fields.items()}
        whole = LabelMatrix(
            report_ids=ids, conditions=names, offsets=np.array(self._offsets),
            source_names=tuple(self._priority), stated_conditions=names,
            origin_names=tuple(self._origins), **arrays,
        )  # fmt: skip
        return _without_rare(whole, min_count)


def _without_rare(matrix: LabelMatrix, min_count: int) -> LabelMatrix:
    said = np.bincount(matrix.columns, minlength=len(matrix.conditions))
    affirmed = np.bincount(matrix.columns[matrix.values == 1], minlength=len(matrix.conditions))
    kept = (said > 0) & (affirmed >= min_count)
    conditions = [name for name, keep in zip(matrix.conditions, kept, strict=True) if keep]
    dropped = {matrix.conditions[i]: int(affirmed[i]) for i in np.flatnonzero((said > 0) & ~kept)}
    return replace(matrix.select(kept[matrix.columns], conditions), dropped=dropped)
