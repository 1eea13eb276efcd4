"""Leaving conditions out: no label, no synonym and no mention of them is left for training."""

from collections.abc import Collection, Iterable
from typing import Literal

import numpy as np

from ecg_core.conditions import Catalogue, Condition
from model_training.entities.extractor import EntityExtractor, shipped_extractor
from model_training.entities.matrix import LabelMatrix


class LeftOut:
    """Conditions that training must know nothing of, with all narrower ones."""

    def __init__(
        self,
        condition_ids: Iterable[str],
        catalogue: Catalogue,
        extractor: EntityExtractor | None = None,
    ) -> None:
        """Finds the narrower conditions: atrial fibrillation with a rapid response is one too.

        Args:
            condition_ids: What is left out.
            catalogue: Knows which conditions are narrower.
            extractor: Finds mentions; the shipped one unless given.

        Raises:
            KeyError: There is no such condition.
        """
        chosen = {catalogue.get(i).id for i in condition_ids}
        self.conditions = frozenset(
            c.id
            for c in catalogue.conditions
            if c.id in chosen or any(a.id in chosen for a in catalogue.ancestors(c.id))
        )
        self._extract = (extractor or shipped_extractor()).extract

    def is_mentioned(self, text: str) -> bool:
        """Whether a text names one of them, however it asserts it."""
        return any(entity.condition_id in self.conditions for entity in self._extract(text))

    def training_wordings(self, condition: Condition) -> tuple[str, ...]:
        """The wordings of a condition that may be trained on; none if it is left out.

        Wordings that name a left-out condition go too.
        """
        return self.training_texts(condition, condition.wordings)

    def training_texts(self, condition: Condition, texts: Iterable[str]) -> tuple[str, ...]:
        """Those of a condition's texts that may be trained on, as its wordings."""
        return () if condition.id in self.conditions else self._unmentioning(texts)

    def _unmentioning(self, texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(text for text in texts if not self.is_mentioned(text))

    def redacted(self, condition: Condition) -> Condition:
        """A condition that is trained on, without the texts that name a left-out one.

        Its name stays: that it has one is no label of the other. A description that names a
        left-out condition becomes the name.
        """
        described = condition.description
        return condition.model_copy(
            update={
                "synonyms": self._unmentioning(condition.synonyms),
                "abbreviations": self._unmentioning(condition.abbreviations),
                "german": self._unmentioning(condition.german),
                "description": condition.name if self.is_mentioned(described) else described,
            }
        )

    def redact(self, report: str) -> str:
        """The report without the words that name them; for training on text."""
        spans = (
            (e.start, e.end) for e in self._extract(report) if e.condition_id in self.conditions
        )
        for start, end in sorted(set(spans), reverse=True):
            report = report[:start] + report[end:]
        return report


def mask_conditions(
    matrix: LabelMatrix,
    condition_ids: Collection[str],
    catalogue: Catalogue,
    *,
    broader: Literal["blank", "keep"] = "blank",
) -> LabelMatrix:
    """The matrix without all labels of conditions and of the narrower ones.

    Args:
        matrix: Labels of recordings.
        condition_ids: What is left out.
        catalogue: Knows which conditions are narrower.
        broader: What becomes of a label that follows from one of theirs ("conduction disturbance"
            because of a left bundle branch block): not said, or kept.

    Raises:
        KeyError: There is no such condition.
    """
    left_out = LeftOut(condition_ids, catalogue).conditions
    kept = [condition_id for condition_id in matrix.conditions if condition_id not in left_out]
    labels = ~np.isin(matrix.columns, _numbers(matrix.conditions, left_out))
    if broader == "blank":
        labels &= ~np.isin(matrix.stated, _numbers(matrix.stated_conditions, left_out))
    return matrix.select(labels, kept)


def _numbers(names: Iterable[str], chosen: Collection[str]) -> list[int]:
    return [number for number, name in enumerate(names) if name in chosen]
