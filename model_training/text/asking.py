"""What is put to a network of concept tokens: attention, made of what is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecg_core.conditions import Condition
from ecg_core.signs import SIGNS, Sign
from model_training.entities.labels.masking import LeftOut
from model_training.models.naming import NamedAttention
from model_training.text.lay import lay_wordings
from model_training.text.phrases import said_otherwise
from model_training.text.wordings import QueryEmbedder


class Queries(Protocol):
    """Makes what is put to a network: rows of (query, width), each of one query alone."""

    def free_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Free texts."""
        ...

    def signs(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Signs, by their names."""
        ...

    def conditions(self, conditions: Sequence[Condition]) -> NDArray[np.float32]:
        """Conditions, as the service asks those that it knows."""
        ...

    def untrained(self, conditions: Sequence[Condition]) -> NDArray[np.float32]:
        """Conditions, as the service asks those that were not trained on."""
        ...


@dataclass(frozen=True, slots=True)
class Concepts:
    """What the tokens stand for, in their order.

    Attributes:
        conditions: The trained ones, with the wordings that may be known.
        signs: All of them.
        composed: Conditions of the catalogue that no label trains, made of their signs.
    """

    conditions: tuple[Condition, ...]
    signs: tuple[Sign, ...]
    composed: tuple[Condition, ...]

    @property
    def places(self) -> dict[str, int]:
        """The token of each condition, by id."""
        shifted = len(self.conditions) + len(self.signs)
        trained = {c.id: place for place, c in enumerate(self.conditions)}
        return trained | {c.id: shifted + place for place, c in enumerate(self.composed)}

    @property
    def sign_places(self) -> dict[str, int]:
        """The token of each sign, by name."""
        return {s.name: len(self.conditions) + place for place, s in enumerate(self.signs)}

    def weights(self) -> Tensor:
        """Shares of signs in the composed conditions, shape (composed, sign); 1/k for the k-th."""
        rows = torch.zeros(len(self.composed), len(self.signs))
        column = {sign.name: place for place, sign in enumerate(self.signs)}
        for row, condition in zip(rows, self.composed, strict=True):
            for rank, name in enumerate(condition.signs, start=1):
                row[column[name]] = 1 / rank
        return rows

    def wordings(self, left_out: LeftOut | None) -> list[tuple[str, ...]]:
        """All that each token is called; nothing of it names what was left out."""

        def of_condition(condition: Condition) -> tuple[str, ...]:
            said, lay = condition.description, lay_wordings().get(condition.id, ())
            texts = [*condition.wordings, said, f"{condition.name}: {said}", *lay]
            return _unmentioning(tuple(dict.fromkeys(texts)), left_out)

        return [
            *map(of_condition, self.conditions),
            *(_unmentioning(said_otherwise(sign.wordings), left_out) for sign in self.signs),
            *map(of_condition, self.composed),
        ]


def _unmentioning(texts: tuple[str, ...], left_out: LeftOut | None) -> tuple[str, ...]:
    if left_out is None:
        return texts
    kept = tuple(text for text in texts if not left_out.is_mentioned(text))
    return kept or texts[:1]  # its name stays, as in `LeftOut.redacted`


def concepts_of(
    conditions: Sequence[Condition], catalogue: Sequence[Condition], hidden: frozenset[str]
) -> Concepts:
    """The tokens of a network that these conditions train.

    Args:
        conditions: Trained.
        catalogue: All conditions there are.
        hidden: Ids of those that the network must know nothing of.
    """
    known = {condition.id for condition in conditions} | hidden
    composed = (c for c in catalogue if c.signs and c.id not in known)
    return Concepts(tuple(conditions), SIGNS, tuple(composed))


@dataclass(frozen=True)
class AttentionRows:
    """Attention of a trained network; see `Queries`.

    Attributes:
        embedder: Of texts.
        naming: Attends to what the tokens are called.
        concepts: The tokens.
    """

    embedder: QueryEmbedder
    naming: NamedAttention
    concepts: Concepts

    @cached_property
    def _identity(self) -> NDArray[np.float32]:
        return np.eye(self.naming.concepts, dtype=np.float32)

    @torch.inference_mode()
    def _attention(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        rows: NDArray[np.float32] = self.naming.eval()(torch.from_numpy(embeddings)).numpy()
        return rows

    def free_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Texts attend to the tokens' wordings, shape (text, token)."""
        return self._attention(self.embedder.free_texts(texts))

    def signs(self, names: Sequence[str]) -> NDArray[np.float32]:
        """A sign attends to itself alone."""
        return self._identity[[self.concepts.sign_places[name] for name in names]]

    def conditions(self, conditions: Sequence[Condition]) -> NDArray[np.float32]:
        """A condition that is a token attends to that alone; another as its name does."""
        places = self.concepts.places
        by_name = self._attention(self.embedder.conditions(conditions))
        return np.stack(
            [
                self._identity[places[c.id]] if c.id in places else row
                for c, row in zip(conditions, by_name, strict=True)
            ]
        )

    def untrained(self, conditions: Sequence[Condition]) -> NDArray[np.float32]:
        """A condition that is no token attends to its signs, the k-th with the weight 1/k."""
        places, signs = self.concepts.places, self.concepts.sign_places
        rows = self.conditions(conditions)
        for row, condition in zip(rows, conditions, strict=True):
            if condition.id not in places and condition.signs:
                row[:] = 0
                for rank, name in enumerate(condition.signs, start=1):
                    row[signs[name]] += 1 / rank
                row /= row.sum()
        return rows
