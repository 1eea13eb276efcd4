"""What every recipe of a run works on: data, text encoder and network."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from ecg_core.conditions import Catalogue, Condition
from model_training.data.ptbxl import VALIDATION_FOLD, LabelledRecordings
from model_training.data.windows import Windows
from model_training.fitting import Ranks, seed_everything
from model_training.models.fixed_outputs import FixedOutputs
from model_training.models.fusion import masked_binary_cross_entropy
from model_training.models.network import CardioQueryNetwork
from model_training.models.text_encoder import TextEncoder
from model_training.recipes.config import Run
from model_training.recipes.recordings import load_recordings
from model_training.wordings import QueryEmbedder


@dataclass(frozen=True, eq=False)
class Workbench:
    """A run's parts.

    Attributes:
        run: Its configuration and folders.
        recordings: The labelled recordings.
        embedder: Makes query embeddings.
        network: With fresh weights until `restore`.
        fixed: A classifier with fixed outputs on an encoder of its own: warm-up and reference.
    """

    run: Run
    recordings: LabelledRecordings
    embedder: QueryEmbedder
    network: CardioQueryNetwork
    fixed: FixedOutputs

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
        """The labelled conditions, in the order of the targets' columns."""
        catalogue = Catalogue.load()
        return tuple(catalogue.get(name) for name in self.recordings.conditions)

    @cached_property
    def canonical(self) -> Tensor:
        """Their query embeddings as the service asks them, shape (condition, dimension)."""
        return torch.from_numpy(self.embedder.conditions(self.conditions))

    def windows(self, *folds: int) -> Tensor:
        """Windows of the recordings in these folds, shape (recording, lead, sample)."""
        return torch.from_numpy(self.recordings.windows[self.recordings.rows(*folds)])

    def stored_windows(self, *folds: int) -> Windows:
        """The same, read a batch at a time."""
        return Windows(self.recordings.windows, self.recordings.rows(*folds))

    def validation_loss(self, logits: Tensor) -> float:
        """Loss of logits (recording, condition) on fold 9."""
        rows = self.recordings.rows(VALIDATION_FOLD)
        targets = torch.from_numpy(self.recordings.targets[rows])
        return float(masked_binary_cross_entropy(logits, targets))


def open_workbench(run: Run) -> Workbench:
    """Load data and text encoder, and make the networks with fresh weights from the run's seed."""
    config = run.config
    seed_everything(config.seed)
    text_encoder = TextEncoder(config.text_encoder)
    with Ranks.current().main_first():
        recordings = load_recordings(run)

    def network() -> CardioQueryNetwork:
        return CardioQueryNetwork(
            config.ecg_encoder,
            config.fusion,
            config.preprocessing,
            text_dimension=text_encoder.spec.dimension,
            conditions=len(recordings.conditions),
        )

    warmed = network()
    fixed = FixedOutputs(warmed.encoder, warmed.fusion.memory.outputs)
    embedder = QueryEmbedder(text_encoder, config.prompts, run.cache)
    return Workbench(run, recordings, embedder, network(), fixed)


def restored_workbench(run: Run) -> Workbench:
    """The workbench with the run's trained weights.

    Raises:
        FileNotFoundError: The run has not been trained.
    """
    bench = open_workbench(run)
    bench.network.restore(bench.network_file)
    bench.fixed.restore(bench.fixed_file)
    return bench


__all__ = ["Workbench", "open_workbench", "restored_workbench", "seed_everything"]
