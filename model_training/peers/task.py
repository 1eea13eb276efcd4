"""What every peer is given, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ecg_core.conditions import Condition
from model_training.data.labelled import TRAINING_FOLDS, VALIDATION_FOLD, LabelledRecordings
from model_training.fitting import OptimiserConfig, fit
from model_training.models.fusion import masked_binary_cross_entropy
from model_training.peers.signs import EncoderWithSigns, GivenSigns
from model_training.text.wordings import QueryEmbedder, TrainingWordings

Module = TypeVar("Module", bound=nn.Module)


class Scorer(Protocol):
    """A trained method: whatever is asked in text, of any recording."""

    def logits(self, windows: Tensor, query_embeddings: Tensor) -> Tensor:
        """(recording, lead, sample), (query, text dimension) -> logits (recording, query)."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """What a physician or a machine wrote of a recording.

    Attributes:
        text: Empty if there is no report.
        is_readable: Whether it may be trained on: there is one, and it names nothing left out.
    """

    text: str
    is_readable: bool


@dataclass(frozen=True, eq=False)
class PeerTask:
    """One training of one peer.

    Attributes:
        recordings: With the labels that may be trained on: a column that is not there is left out.
        reports: One for each recording.
        conditions: In the order of the targets' columns, with the wordings that may be trained on.
        embedder: Makes query embeddings as the service does.
        encoder: The ECG encoder to start from; trained in place.
        feature_dimension: Width of its features.
        tokens: Their number.
        augment: Changes training windows at random.
        canonical_share, noise: How conditions are asked; see `TrainingWordings`.
        positive_weights: How much more a condition counts where it is present, shape (condition,).
        optimiser: How it is trained; a peer puts its own learning rate.
        log: CSV file of the training.
        given: Measured signs; none as the peers were published.
    """

    recordings: LabelledRecordings
    reports: tuple[Report, ...]
    conditions: tuple[Condition, ...]
    embedder: QueryEmbedder
    encoder: nn.Module
    feature_dimension: int
    tokens: int
    augment: Callable[[Tensor], Tensor]
    canonical_share: float
    noise: float
    positive_weights: Tensor
    optimiser: OptimiserConfig
    log: Path
    given: GivenSigns | None = None

    @cached_property
    def windows(self) -> Tensor:
        """Shape (recording, lead, sample)."""
        return torch.from_numpy(np.array(self.recordings.windows, dtype=np.float32))

    @cached_property
    def targets(self) -> Tensor:
        """Shape (recording, condition): 1, 0, or NaN where nothing is said."""
        return torch.from_numpy(self.recordings.targets)

    @cached_property
    def canonical(self) -> Tensor:
        """All that is trained as the service asks it, shape (query, text dimension)."""
        conditions = torch.from_numpy(self.embedder.conditions(self.conditions))
        if self.given is None:
            return conditions
        names = [sign.name for sign in self.given.signs]
        return torch.cat([conditions, torch.from_numpy(self.embedder.free_texts(names))])

    @cached_property
    def network(self) -> nn.Module:
        """The encoder to start from, with the signs beside its features if they are given."""
        return self.encoder if self.given is None else EncoderWithSigns(self.encoder, self.given)

    @property
    def width(self) -> int:
        """Of the features that a head reads."""
        return self.feature_dimension + (0 if self.given is None else self.given.config.width)

    def encoded(self, encoder: nn.Module, rows: Tensor, *, augmented: bool = False) -> Tensor:
        """Features of recordings by `network`, shape (recording, token, width).

        Args:
            encoder: `network`, as it is trained.
            rows: The recordings' numbers.
            augmented: Change the windows at random; what was measured stays.
        """
        windows = self.windows[rows]
        windows = self.augment(windows) if augmented else windows
        signs = () if self.given is None else (self.given.measured[rows],)
        features: Tensor = encoder(windows, *signs)
        return features

    @property
    def training_rows(self) -> NDArray[np.intp]:
        """Rows of folds 1 to 8."""
        return self.recordings.rows(*TRAINING_FOLDS)

    @property
    def validation_rows(self) -> NDArray[np.intp]:
        """Rows of fold 9."""
        return self.recordings.rows(VALIDATION_FOLD)

    def wordings(self) -> TrainingWordings:
        """Draws the conditions' wordings."""
        signs = () if self.given is None else self.given.signs
        return TrainingWordings(self.conditions, self.embedder, self.canonical_share, signs)

    def loss(self, logits: Tensor, batch: Tensor) -> Tensor:
        """Of logits (recording, query) of these rows: the conditions', then the signs' if any."""
        count = len(self.conditions)
        loss = masked_binary_cross_entropy(
            logits[:, :count], self.targets[batch], positive_weights=self.positive_weights
        )
        if self.given is None:
            return loss
        told = self.given.targets[batch]
        if not told.isfinite().any():
            return loss
        return loss + self.given.config.weight * masked_binary_cross_entropy(
            logits[:, count:], told
        )

    def validation_loss(self, answer: Callable[[Tensor], Tensor], module: nn.Module) -> float:
        """Loss of the conditions on fold 9.

        Args:
            answer: Numbers of recordings to logits (recording, query).
            module: What answers.
        """
        rows = torch.from_numpy(self.validation_rows)
        logits = in_batches(module, answer, rows)[:, : len(self.conditions)]
        return float(masked_binary_cross_entropy(logits, self.targets[rows]))

    def fit(
        self,
        module: Module,
        learning_rate: float,
        loss_of: Callable[[Module, Tensor], Tensor],
        validate: Callable[[Module], float],
        rows: NDArray[np.intp] | None = None,
    ) -> Module:
        """Train a module as all are, on folds 1 to 8 unless other rows are given."""
        optimiser = self.optimiser.model_copy(update={"learning_rate": learning_rate})
        rows = self.training_rows if rows is None else rows
        return fit(module, optimiser, rows, loss_of, validate, self.log)


@torch.inference_mode()
def in_batches(
    module: nn.Module, answer: Callable[[Tensor], Tensor], items: Tensor, batch_size: int = 128
) -> Tensor:
    """The answers of a module in evaluation mode, batch by batch, along the first axis."""
    module.eval()
    return torch.cat([answer(batch) for batch in items.split(batch_size)])
