"""Prompts: the sentences in which a query is put to the text encoder."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ecg_core.conditions import Condition


class PromptTemplates(BaseModel):
    """Templates of the bundle's manifest; `{term}` stands for a condition's name or a free text.

    Attributes:
        version: Named in cache keys; changes whenever a template does.
        templates: Each holds `{term}` once.
        description_template: Added for conditions with a description; holds `{term}` and
            `{description}`.
        untrained_by_signs: Ask conditions that were not trained by their signs, where the
            catalogue states some: the model was trained on those.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = "1"
    templates: tuple[str, ...] = Field(
        default=("{term}", "12-lead ECG showing {term}", "diagnosis: {term}"), min_length=1
    )
    description_template: str = "{term}: {description}"
    untrained_by_signs: bool = False

    def render(self, term: str, description: str | None = None) -> tuple[str, ...]:
        """The prompts of one query."""
        prompts = tuple(template.replace("{term}", term) for template in self.templates)
        if description is None:
            return prompts
        described = self.description_template.replace("{description}", description)
        return (*prompts, described.replace("{term}", term))

    def render_condition(self, condition: Condition) -> tuple[str, ...]:
        """The prompts of a condition of the catalogue: always by its name, whatever was typed."""
        return self.render(condition.name, condition.description)

    def condition_parts(
        self, condition: Condition, *, is_trained: bool
    ) -> tuple[tuple[str, ...], ...]:
        """The prompts of each part that `composed_embedding` makes a condition's embedding of.

        One part, name and description; or each sign of a condition that was not trained.
        """
        if is_trained or not self.untrained_by_signs or not condition.signs:
            return (self.render_condition(condition),)
        return tuple(self.render(sign) for sign in condition.signs)


def mean_embedding(
    embeddings: NDArray[np.float32] | Sequence[NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Mean of a query's prompt embeddings, scaled back to a unit vector.

    Args:
        embeddings: Shape (prompt, dimension), unit vectors.

    Returns:
        Shape (dimension,), a unit vector (as in open_clip's zero-shot classifier).
    """
    mean = np.asarray(embeddings, dtype=np.float32).mean(axis=0)
    unit: NDArray[np.float32] = (mean / np.linalg.norm(mean)).astype(np.float32)
    return unit


def composed_embedding(parts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """One query embedding of several parts, the first of which weighs most.

    Args:
        parts: For each part the unit vectors of its prompts, shape (prompt, dimension). The k-th
            part has the weight 1 / k.

    Returns:
        Shape (dimension,), a unit vector.
    """
    means = [mean_embedding(part) for part in parts]
    if len(means) == 1:
        return means[0]
    weights = [np.float32(1 / rank) for rank in range(1, len(means) + 1)]
    return mean_embedding([weight * mean for weight, mean in zip(weights, means, strict=True)])
