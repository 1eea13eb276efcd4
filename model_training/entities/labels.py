"""Many reports to one matrix: yes, no or not said, with where each label comes from."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_core.conditions import Catalogue
from model_training.entities.extractor import EntityExtractor, shipped_extractor
from model_training.entities.model import Entity, Status


@dataclass(frozen=True, eq=False)
class LabelMatrix:
    """Labels of recordings from their reports.

    Attributes:
        conditions: Ids, one a column.
        targets: Shape (report, condition), float32: 1 yes, 0 no, NaN not said.
        provenance: For each report the source of each of its labels, by condition id; a label
            that follows from a narrower condition has that one's source.
        dropped: Conditions left out as rare, with the number of reports that affirm them.
    """

    conditions: tuple[str, ...]
    targets: NDArray[np.float32]
    provenance: tuple[dict[str, str], ...]
    dropped: dict[str, int]


def label_rows(
    reports: Sequence[str | None],
    catalogue: Catalogue | None = None,
    *,
    extractor: EntityExtractor | None = None,
    uncertain_is_yes: bool = False,
    min_count: int = 0,
) -> LabelMatrix:
    """Label each report with the conditions that it affirms or denies.

    An affirmed condition affirms the broader ones. A denied one denies only itself. Where a
    report says both, it is a yes. History and what is said of another ECG is not said of this.

    Args:
        reports: One a recording; empty ones give a row of NaN.
        catalogue: The shipped one unless given.
        extractor: The shipped one unless given.
        uncertain_is_yes: Whether "cannot be ruled out" is a yes, not NaN.
        min_count: Conditions affirmed by fewer reports are dropped.
    """
    catalogue = catalogue or Catalogue.load()
    extractor = extractor or shipped_extractor()
    rows = [
        _label(extractor.extract(report), catalogue, uncertain_is_yes=uncertain_is_yes)
        for report in reports
    ]
    counts = Counter(i for row in rows for i, (value, _) in row.items() if value)
    named = [c.id for c in catalogue.conditions if any(c.id in row for row in rows)]
    kept = tuple(i for i in named if counts[i] >= min_count)
    columns = {condition_id: column for column, condition_id in enumerate(kept)}
    targets = np.full((len(rows), len(kept)), np.nan, dtype=np.float32)
    for number, row in enumerate(rows):
        for condition_id, (value, _) in row.items():
            if condition_id in columns:
                targets[number, columns[condition_id]] = value
    provenance = tuple(
        {i: source for i, (_, source) in row.items() if i in columns} for row in rows
    )
    return LabelMatrix(kept, targets, provenance, {i: counts[i] for i in named if i not in columns})


def affirmed(
    entities: Iterable[Entity], catalogue: Catalogue, *, uncertain_is_yes: bool
) -> dict[str, str]:
    """The conditions that entities affirm, with the broader ones, and each one's source."""
    statuses = {Status.PRESENT, Status.UNCERTAIN} if uncertain_is_yes else {Status.PRESENT}
    named = [entity for entity in entities if entity.status in statuses]
    sources: dict[str, str] = {}
    for entity in named:
        sources.setdefault(entity.condition_id, entity.source)
    for entity in named:
        for broader in catalogue.ancestors(entity.condition_id):
            sources.setdefault(broader.id, entity.source)
    return sources


def _label(
    entities: Sequence[Entity], catalogue: Catalogue, *, uncertain_is_yes: bool
) -> dict[str, tuple[int, str]]:
    denied = (entity for entity in entities if entity.status is Status.ABSENT)
    labels = {entity.condition_id: (0, entity.source) for entity in denied}
    yes = affirmed(entities, catalogue, uncertain_is_yes=uncertain_is_yes)
    return labels | {condition_id: (1, source) for condition_id, source in yes.items()}
