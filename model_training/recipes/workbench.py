"""What every recipe of a run works on: data, text encoder and network."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecg_core.conditions import Catalogue, Condition
from ecg_core.signs import SIGNS, Sign
from model_training.data.ptbxl import VALIDATION_FOLD, LabelledRecordings
from model_training.entities.masking import LeftOut
from model_training.fitting import Ranks, seed_everything
from model_training.measured_once import measured_once
from model_training.models.fixed_outputs import FixedOutputs
from model_training.models.fusion import masked_binary_cross_entropy
from model_training.models.network import CardioQueryNetwork
from model_training.recipes.config import Run
from model_training.recipes.recordings import load_recordings
from model_training.text_adaptation import adapted_text_encoder
from model_training.windows import Windows
from model_training.wordings import QueryEmbedder

Relabel = Callable[[LabelledRecordings], LabelledRecordings]


@dataclass(frozen=True, eq=False)
class Workbench:
    """A run's parts.

    Attributes:
        run: Its configuration and folders.
        recordings: The labelled recordings.
        embedder: Makes query embeddings.
        network: With fresh weights until `restore`.
        fixed: A classifier with fixed outputs on an encoder of its own: warm-up and reference.
        left_out: What training must know nothing of: no label, no wording, no mention.
        signs: What is measured beside the waveform; none unless the run asks for it.
        measured: The signs' values, shape (recording, sign).
    """

    run: Run
    recordings: LabelledRecordings
    embedder: QueryEmbedder
    network: CardioQueryNetwork
    fixed: FixedOutputs
    left_out: LeftOut | None = None
    signs: tuple[Sign, ...] = ()
    measured: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))

    @property
    def network_file(self) -> Path:
        """Where the trained weights lie."""
        return self.run.folder / "network.pt"

    @property
    def fixed_file(self) -> Path:
        """Where the weights of the classifier with fixed outputs lie."""
        return self.run.folder / "fixed_outputs.pt"

    @property
    def calibration_file(self) -> Path:
        """Where the calibration lies."""
        return self.run.folder / "calibration.json"

    @property
    def reference_file(self) -> Path:
        """Where the reference distributions for the model card lie."""
        return self.run.folder / "reference.json"

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """The labelled conditions, in the order of the targets' columns.

        Their wordings are those that may be trained on.
        """
        catalogue = Catalogue.load()
        conditions = (catalogue.get(name) for name in self.recordings.conditions)
        if self.left_out is None:
            return tuple(conditions)
        return tuple(self.left_out.redacted(condition) for condition in conditions)

    @cached_property
    def canonical(self) -> Tensor:
        """Their query embeddings as the service asks them, shape (condition, dimension)."""
        return torch.from_numpy(self.embedder.conditions(self.conditions))

    @cached_property
    def wordings(self) -> tuple[Tensor, Tensor]:
        """Embeddings of the conditions' wordings, and the number of what each means."""
        spoken = [(*condition.wordings, condition.description) for condition in self.conditions]
        texts = [wording for wordings in spoken for wording in wordings]
        meant = [number for number, wordings in enumerate(spoken) for _ in wordings]
        return torch.from_numpy(self.embedder.free_texts(texts)), torch.tensor(meant)

    def remember(self, network: CardioQueryNetwork) -> None:
        """Let a trained network recall what it is asked by all that the catalogue says of it."""
        sharpness = self.run.config.wordings.recall_sharpness
        network.fusion.memory.remember(*self.wordings, sharpness)

    @cached_property
    def targets(self) -> Tensor:
        """Labels of all that the network knows; a sign's is soft: shape (recording, query)."""
        labels = torch.from_numpy(self.recordings.targets)
        return torch.cat([labels, torch.from_numpy(self.measured).sigmoid()], dim=1)

    def windows(self, *folds: int) -> Tensor:
        """Windows of the recordings in these folds, shape (recording, lead, sample)."""
        return torch.from_numpy(self.recordings.windows[self.recordings.rows(*folds)])

    def stored_windows(self, *folds: int) -> Windows:
        """The same, read a batch at a time."""
        return Windows(self.recordings.windows, self.recordings.rows(*folds))

    def validation_loss(self, logits: Tensor) -> float:
        """Loss on fold 9 of logits (recording, query), the conditions' alone."""
        rows = self.recordings.rows(VALIDATION_FOLD)
        targets = torch.from_numpy(self.recordings.targets[rows])
        return float(masked_binary_cross_entropy(logits[:, : targets.shape[1]], targets))


def meanings(left_out: LeftOut | None = None) -> list[tuple[str, ...]]:
    """The texts that the text encoder may learn from, for each condition and sign."""

    def texts(condition: Condition) -> tuple[str, ...]:
        said = (*condition.wordings, condition.description)
        if left_out is None:
            return said
        # Each once, which without anything left out they are not: the figures were made so.
        return tuple(dict.fromkeys(left_out.training_texts(condition, said)))

    worded = (*map(texts, Catalogue.load().conditions), *(sign.wordings for sign in SIGNS))
    return [group for group in worded if group]


def open_workbench(
    run: Run, left_out: LeftOut | None = None, relabel: Relabel | None = None
) -> Workbench:
    """Load data and text encoder, and make the networks with fresh weights from the run's seed.

    Args:
        run: Configuration and folders.
        left_out: Conditions that training is to know nothing of.
        relabel: Changes what is trained on; the networks get one output for each condition then.
    """
    config = run.config
    with Ranks.current().main_first():
        text_encoder = adapted_text_encoder(
            config.text_encoder, config.text_adaptation, config.prompts,
            meanings(left_out), config.seed, run.cache,
        )  # fmt: skip
        recordings = load_recordings(run)
    seed_everything(config.seed)
    if left_out is not None:
        recordings = recordings.without(left_out.conditions)
    if relabel is not None:
        recordings = relabel(recordings)
    signs = SIGNS if config.signs else ()
    measured = np.empty((len(recordings.ecg_ids), 0), np.float32)
    if signs:
        with Ranks.current().main_first():
            measured = measured_once(recordings.windows, config.preprocessing, run.cache)

    def network() -> CardioQueryNetwork:
        return CardioQueryNetwork(
            config.ecg_encoder,
            config.fusion,
            config.preprocessing,
            text_dimension=text_encoder.spec.dimension,
            conditions=len(recordings.conditions),
            trees=config.signs.trees if config.signs else None,
        )

    warmed = network()
    fixed = FixedOutputs(warmed.encoder, warmed.fusion.memory.outputs)
    embedder = QueryEmbedder(text_encoder, config.prompts, run.cache)
    return Workbench(run, recordings, embedder, network(), fixed, left_out, signs, measured)


def restored_workbench(run: Run) -> Workbench:
    """The workbench with the run's trained weights.

    Raises:
        FileNotFoundError: The run has not been trained.
    """
    bench = open_workbench(run)
    bench.network.restore(bench.network_file)
    bench.fixed.restore(bench.fixed_file)
    bench.remember(bench.network)
    return bench


__all__ = ["Workbench", "open_workbench", "restored_workbench", "seed_everything"]
