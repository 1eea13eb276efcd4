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
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = "1"
    templates: tuple[str, ...] = Field(
        default=("{term}", "12-lead ECG showing {term}", "diagnosis: {term}"), min_length=1
    )
    description_template: str = "{term}: {description}"

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
