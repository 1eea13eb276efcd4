"""What the measured signs say of the trained conditions: boosted trees, as a torch module.

A network of this size learns waveforms from a few thousand recordings, but not well how to measure
them: thresholds on intervals and voltages are what trees are good at. They are fitted by
scikit-learn (gradient boosting, Friedman 2001) and evaluated here, so that they are exported and
served like the rest.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from sklearn.ensemble import GradientBoostingClassifier
from torch import Tensor, nn
from tqdm import tqdm

_DEPTH = 3
_NODES = 2**_DEPTH - 1
_LEAVES = 2**_DEPTH
_NEVER = torch.finfo(torch.float32).max  # not infinite: averages of it would be no numbers
_CERTAIN = 4.0  # the largest logit of a sign: far from its threshold it is no more certain


class TreesConfig(BaseModel):
    """How the trees are fitted.

    Attributes:
        trees: For each condition.
        learning_rate: How much each tree adds.
        subsample: Share of the recordings that each tree sees.
        features: Share of the signs that each split chooses from.
        min_leaf: Least recordings in a leaf.
        min_positives: A condition with fewer keeps its prevalence.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trees: int = Field(default=100, ge=1)
    learning_rate: float = Field(default=0.06, gt=0)
    subsample: float = Field(default=0.5, gt=0, le=1)
    features: float = Field(default=0.2, gt=0, le=1)
    min_leaf: int = Field(default=8, ge=1)
    min_positives: int = Field(default=4, ge=1)


class MeasuredConditions(nn.Module):
    """Trees of depth three for each trained condition; fresh ones say nothing."""

    feature: Tensor
    threshold: Tensor
    leaf: Tensor
    prior: Tensor

    def __init__(self, config: TreesConfig, conditions: int) -> None:
        super().__init__()
        self.config = config
        count = conditions * config.trees
        self.register_buffer("feature", torch.zeros(count, _NODES, dtype=torch.long))
        self.register_buffer("threshold", torch.full((count, _NODES), _NEVER))
        self.register_buffer("leaf", torch.zeros(count, _LEAVES))
        self.register_buffer("prior", torch.zeros(conditions))

    def forward(self, signs: Tensor) -> Tensor:
        """Signs (window, sign) -> (window, condition + sign): conditions' logits, signs' own."""
        asked = signs[:, self.feature.flatten()].unflatten(1, (-1, _NODES)) > self.threshold
        steps = asked.long()
        place = torch.zeros_like(steps[..., :1])
        for _ in range(_DEPTH):
            place = 2 * place + 1 + steps.gather(2, place)
        place = place - _NODES
        leaves = self.leaf.expand(len(signs), -1, -1).gather(2, place).squeeze(2)
        logits = leaves.unflatten(1, (len(self.prior), -1)).sum(2) + self.prior
        return torch.cat([logits, _CERTAIN * (signs / _CERTAIN).tanh()], dim=1)

    def fit(self, signs: NDArray[np.float32], targets: NDArray[np.float32], seed: int) -> None:
        """Fit every condition's trees.

        Args:
            signs: Shape (recording, sign).
            targets: Shape (recording, condition): 1, 0, or NaN where nothing is said.
            seed: Of the subsamples.
        """
        conditions = tqdm(range(targets.shape[1]), desc="trees", unit="condition", mininterval=2)
        for condition in conditions:
            said = ~np.isnan(targets[:, condition])
            self._fit(condition, signs[said], targets[said, condition] > 0.5, seed)

    def _fit(
        self, condition: int, signs: NDArray[np.float32], labels: NDArray[np.bool_], seed: int
    ) -> None:
        # Counted with half a recording more of each, so that the logit is finite.
        share = (labels.sum() + 0.5) / (len(labels) + 1)
        self.prior[condition] = float(np.log(share / (1 - share)))
        config = self.config
        if labels.sum() < config.min_positives or labels.all():
            return
        fitted = GradientBoostingClassifier(
            n_estimators=config.trees,
            learning_rate=config.learning_rate,
            subsample=config.subsample,
            max_features=config.features,
            min_samples_leaf=config.min_leaf,
            max_depth=_DEPTH,
            random_state=seed,
        ).fit(signs, labels)
        for number, (tree,) in enumerate(fitted.estimators_):
            self._take(condition * config.trees + number, tree.tree_)

    def _take(self, row: int, tree: Any) -> None:
        """Copy a tree, filled up to full depth: below an early leaf all leaves are the same."""
        pending: list[tuple[int, int, int]] = [(0, 0, 0)]  # scikit-learn's node, ours, depth
        while pending:
            node, place, depth = pending.pop()
            if tree.children_left[node] < 0:
                first = (place + 1) * 2 ** (_DEPTH - depth) - 1 - _NODES
                value = self.config.learning_rate * float(tree.value[node, 0, 0])
                self.leaf[row, first : first + 2 ** (_DEPTH - depth)] = value
                continue
            self.feature[row, place] = int(tree.feature[node])
            self.threshold[row, place] = float(tree.threshold[node])
            pending += [
                (int(tree.children_left[node]), 2 * place + 1, depth + 1),
                (int(tree.children_right[node]), 2 * place + 2, depth + 1),
            ]
