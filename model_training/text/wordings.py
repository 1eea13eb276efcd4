"""Training wordings: the many ways in which a condition is asked, as query embeddings."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecg_core.conditions import Condition
from ecg_core.prompts import PromptTemplates, composed_embedding, mean_embedding
from ecg_core.signs import Sign
from model_training.text.encoder import TextEncoder


@dataclass(frozen=True, eq=False)
class QueryEmbedder:
    """Query embeddings as the service makes them; computed once a text, kept on disk.

    Attributes:
        encoder: The frozen text encoder.
        prompts: The bundle's templates.
        cache: Folder for embeddings, keyed by encoder, templates and texts.
    """

    encoder: TextEncoder
    prompts: PromptTemplates
    cache: Path

    def free_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed free texts; shape (text, dimension)."""
        return self._embed([self.prompts.render(text) for text in texts])

    def signs(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Embed signs by their names; shape (sign, dimension)."""
        return self.free_texts(names)

    def conditions(self, conditions: Sequence[Condition]) -> NDArray[np.float32]:
        """Embed conditions by their names and descriptions; shape (condition, dimension)."""
        return self._embed([self.prompts.render_condition(condition) for condition in conditions])

    def untrained(self, conditions: Sequence[Condition]) -> NDArray[np.float32]:
        """Embed conditions as the service asks those that were not trained on; same shape."""
        parts = [self.prompts.condition_parts(c, is_trained=False) for c in conditions]
        embedded = iter(self._embed([prompts for group in parts for prompts in group]))
        rows = [composed_embedding([next(embedded)[np.newaxis] for _ in group]) for group in parts]
        return np.stack(rows)

    def _embed(self, queries: Sequence[Sequence[str]]) -> NDArray[np.float32]:
        key = repr((self.encoder.spec.model_dump_json(), self.encoder.fingerprint, queries))
        path = self.cache / f"embeddings-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npy"
        if not path.exists():
            prompts = [prompt for query in queries for prompt in query]
            embedded = iter(self.encoder.embed(prompts))
            rows = [mean_embedding([next(embedded) for _ in query]) for query in queries]
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, np.stack(rows))
        stored: NDArray[np.float32] = np.load(path)
        return stored


class TrainingWordings:
    """Draws one wording for each condition at each step."""

    def __init__(
        self,
        conditions: Sequence[Condition],
        embedder: QueryEmbedder,
        canonical_share: float,
        signs: Sequence[Sign] = (),
    ) -> None:
        """Embed every wording of the conditions and signs.

        Args:
            conditions: In the order of the targets' columns.
            embedder: Makes the query embeddings.
            canonical_share: Chance that a condition is asked as the service asks it, by its
                name and description, instead of by one of its wordings alone.
            signs: Asked after the conditions, in the order of the targets' last columns.
        """
        canonical = embedder.conditions(conditions)
        if signs:
            canonical = np.concatenate([canonical, embedder.free_texts([s.name for s in signs])])
        self.canonical = torch.from_numpy(canonical)
        self.canonical_share = canonical_share
        wordings = [(*condition.wordings, condition.description) for condition in conditions]
        wordings += [sign.wordings for sign in signs]
        flat = torch.from_numpy(embedder.free_texts([w for group in wordings for w in group]))
        self._embeddings = flat.split([len(group) for group in wordings])

    def draw(self, noise: float) -> Tensor:
        """One query embedding for each condition and sign, shape (query, dimension).

        Args:
            noise: Length of a random step away from each embedding, before it is scaled back to
                a unit vector: wordings that no list has lie around those that are listed.
        """
        drawn = torch.stack(
            [group[int(torch.randint(len(group), ()))] for group in self._embeddings]
        )
        canonical = torch.rand(len(drawn), 1) < self.canonical_share
        queries = torch.where(canonical, self.canonical, drawn)
        step = torch.nn.functional.normalize(torch.randn_like(queries), dim=-1) * noise
        return torch.nn.functional.normalize(queries + step, dim=-1)
