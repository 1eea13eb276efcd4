"""Leaving conditions out: no synonym and no mention of them is left for training."""

from collections.abc import Iterable
from dataclasses import replace

from ecg_core.conditions import Catalogue, Condition
from ecg_core.signs import Sign
from model_training.entities.rules.extractor import EntityExtractor, shipped_extractor


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

    def redacted_sign(self, sign: Sign) -> Sign:
        """A sign without the wordings that name a left-out condition; its name stays."""
        return replace(sign, wordings=(sign.name, *self._unmentioning(sign.wordings[1:])))

    def is_its_own_sign(self, condition: Condition) -> bool:
        """Whether a sign of a left-out condition names what is left out.

        To ask for it by that sign is to ask for it by name, of something that was measured.
        """
        return any(self.is_mentioned(sign) for sign in condition.signs)
