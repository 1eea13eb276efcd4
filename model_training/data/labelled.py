"""Prepared recordings with their labels, and the folds of PTB-XL."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecg_core.conditions import Catalogue

TRAINING_FOLDS = tuple(range(1, 9))
VALIDATION_FOLD = 9
TEST_FOLD = 10


@dataclass(frozen=True, eq=False)
class LabelledRecordings:
    """Prepared recordings, their labels by condition, and the benchmark's label sets.

    Attributes:
        ecg_ids: Shape (recording,), the release's own ids: numbers where all of them are.
        folds: Shape (recording,), 1 to 10; a patient is in one fold only.
        windows: Shape (recording, lead, sample), as `prepare` makes them: float32, or float16
            as a store may keep them; mapped from the disk where they are a store's.
        conditions: Ids of the catalogue's conditions that have a label somewhere.
        targets: Shape (recording, condition), float32: 1 yes, 0 no, NaN not said or uncertain;
            what is trained and calibrated on. A yes is a yes for every broader condition.
        published_targets: The same shape, the labels as they are published, which judge; None:
            they are `targets`.
        contradicted: Broader conditions that words deny and a narrower label affirms, with the
            number of recordings; neither is in `targets`.
        benchmark: For each set a table of classes by ecg_id; only its own recordings are in it.
        left_out: Why recordings of the release are not here, with their number.
        reports: One for each recording, "" where there is none; empty where no release has any.
        release: Name of the release they are of.
        sources: Whose codes they bear, by name.
        digest: Of the store they lie in, with all its windows.
    """

    ecg_ids: NDArray[Any]
    folds: NDArray[np.int64]
    windows: NDArray[np.floating[Any]]
    conditions: tuple[str, ...]
    targets: NDArray[np.float32]
    benchmark: dict[str, pd.DataFrame]
    left_out: dict[str, int]
    reports: tuple[str, ...] = ()
    release: str = ""
    sources: frozenset[str] = frozenset()
    digest: str = ""
    published_targets: NDArray[np.float32] | None = None
    contradicted: dict[str, int] = field(default_factory=dict)

    @property
    def published(self) -> NDArray[np.float32]:
        """The labels that judge, shape (recording, condition)."""
        return self.targets if self.published_targets is None else self.published_targets

    def rows(self, *folds: int) -> NDArray[np.intp]:
        """Row numbers of the recordings in these folds."""
        return np.flatnonzero(np.isin(self.folds, folds))

    def without(self, conditions: Collection[str]) -> "LabelledRecordings":
        """The same recordings with no label of these conditions; those unknown are passed over.

        What only a label that goes has affirmed, a broader condition, is not said any more.
        """
        kept = [column for column, name in enumerate(self.conditions) if name not in conditions]
        names = tuple(self.conditions[column] for column in kept)
        targets, published = self.targets[:, kept], self.published[:, kept]
        catalogue = Catalogue.load()
        above = {name: {c.id for c in catalogue.ancestors(name)} for name in self.conditions}
        for column, name in enumerate(names):
            if any(name in above[gone] for gone in set(self.conditions) - set(names)):
                narrower = [n for n, other in enumerate(names) if name in above[other]]
                stated = (published[:, column] == 1) | (targets[:, narrower] == 1).any(axis=1)
                targets[(targets[:, column] == 1) & ~stated, column] = np.nan
        return replace(self, conditions=names, targets=targets, published_targets=published)
