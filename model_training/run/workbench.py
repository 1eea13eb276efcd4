"""What every recipe of a run works on: data, text encoder and network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecg_core.conditions import Catalogue, Condition
from model_training.data.labelled import VALIDATION_FOLD, LabelledRecordings
from model_training.data.sign_cache import measured_once
from model_training.entities.labels.masking import LeftOut
from model_training.fitting import Ranks, seed_everything
from model_training.models.fusion import masked_binary_cross_entropy
from model_training.models.network import CardioQueryNetwork
from model_training.models.token_network import TokenNetwork, TokensConfig
from model_training.models.windows import Windows
from model_training.run.config import Run, RunConfig
from model_training.run.provenance import (
    WrongRun,
    differences,
    provenance_of,
    read_provenance,
    write_provenance,
)
from model_training.run.recordings import load_recordings
from model_training.text.asking import AttentionRows, Concepts, Queries, concepts_of
from model_training.text.encoder import TextEncoder
from model_training.text.wordings import QueryEmbedder

Relabel = Callable[[LabelledRecordings], LabelledRecordings]


@dataclass(frozen=True, eq=False)
class Workbench:
    """A run's parts.

    Attributes:
        run: Its configuration and folders.
        recordings: The labelled recordings.
        embedder: Makes query embeddings.
        network: With fresh weights until `restore`.
        left_out: What training must know nothing of: no label, no wording, no mention.
        measured: The signs' values, shape (recording, sign), NaN where a sign cannot be measured;
            no column unless the run reads signs.
        whole: The recordings with all their labels, whatever was left out.
        hidden: Ids of conditions that are no token, though the catalogue has their signs.
    """

    run: Run
    recordings: LabelledRecordings
    embedder: QueryEmbedder
    network: CardioQueryNetwork | TokenNetwork
    left_out: LeftOut | None = None
    measured: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))
    whole: LabelledRecordings | None = None
    hidden: frozenset[str] = frozenset()

    @property
    def network_file(self) -> Path:
        """Where the trained weights lie."""
        return self.run.folder / "network.pt"

    @property
    def calibration_file(self) -> Path:
        """Where the calibration lies."""
        return self.run.folder / "calibration.json"

    @property
    def lead_sets_file(self) -> Path:
        """Where it lies what is said of recordings that are not whole."""
        return self.run.folder / "lead_sets.json"

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
    def concepts(self) -> Concepts:
        """What the tokens of a fusion of tokens stand for."""
        catalogue = Catalogue.load().conditions
        return concepts_of(self.conditions, catalogue, self.hidden)

    @cached_property
    def queries(self) -> Queries:
        """Makes what is put to the network."""
        if isinstance(self.network, TokenNetwork):
            return AttentionRows(self.embedder, self.network.naming, self.concepts)
        return self.embedder

    @property
    def asked(self) -> Tensor:
        """The labelled conditions as they are put to the network, shape (condition, width)."""
        return torch.from_numpy(self.queries.conditions(self.conditions))

    def put(self, conditions: Sequence[Condition]) -> Tensor:
        """Any conditions as they are put to the network: those that were trained by name.

        All others by their signs, as the service asks them; shape (condition, width).
        """
        trained = np.array([[each.id in self.recordings.conditions] for each in conditions])
        by_name, by_signs = self.queries.conditions(conditions), self.queries.untrained(conditions)
        return torch.from_numpy(np.where(trained, by_name, by_signs))

    def listen(self) -> None:
        """Let a network of tokens hear all that the catalogue calls what they stand for."""
        if isinstance(self.network, TokenNetwork):
            spoken = self.concepts.wordings(self.left_out)
            texts = [text for group in spoken for text in group]
            means = [number for number, group in enumerate(spoken) for _ in group]
            keys = torch.from_numpy(self.embedder.free_texts(texts))
            self.network.naming.listen(keys, torch.tensor(means))

    def keep(self, network: CardioQueryNetwork | TokenNetwork) -> None:
        """Write trained weights, and where they come from."""
        network.save(self.network_file)
        write_provenance(
            provenance_of(self.run, self.recordings, self.network_file), self.run.folder
        )

    def first_windows(self, count: int) -> Tensor:
        """The first so many windows of all, float32, shape (recording, lead, sample)."""
        return torch.from_numpy(np.array(self.recordings.windows[:count], dtype=np.float32))

    def stored_windows(self, *folds: int) -> Windows:
        """Windows of the recordings in these folds, read a batch at a time."""
        return Windows(self.recordings.windows, self.recordings.rows(*folds))

    def validation_loss(self, logits: Tensor) -> float:
        """Loss on fold 9 of logits (recording, query), the conditions' alone."""
        rows = self.recordings.rows(VALIDATION_FOLD)
        targets = torch.from_numpy(self.recordings.targets[rows])
        return float(masked_binary_cross_entropy(logits[:, : targets.shape[1]], targets))


def open_workbench(
    run: Run, left_out: LeftOut | None = None, relabel: Relabel | None = None
) -> Workbench:
    """Load data and text encoder, and make the network with fresh weights from the run's seed.

    Args:
        run: Configuration and folders.
        left_out: Conditions that training is to know nothing of.
        relabel: Changes what is trained on.
    """
    config = run.config
    with Ranks.current().main_first():
        text_encoder = TextEncoder(config.text_encoder)
        whole = recordings = load_recordings(run)
    seed_everything(config.seed)
    hidden = frozenset[str]()
    if left_out is not None:
        before = set(recordings.conditions)
        recordings = recordings.without(left_out.conditions)
    if relabel is not None:
        recordings = relabel(recordings)
    if left_out is not None:
        hidden = left_out.conditions | (before - set(recordings.conditions))
    measured = np.empty((len(recordings.ecg_ids), 0), np.float32)
    if config.signs:
        with Ranks.current().main_first():
            measured = measured_once(recordings.windows, config.preprocessing, run.cache)
    embedder = QueryEmbedder(text_encoder, config.prompts, run.cache)
    network = _network(config, text_encoder.spec.dimension, recordings, hidden)
    return Workbench(run, recordings, embedder, network, left_out, measured, whole, hidden)


def _network(
    config: RunConfig, text_dimension: int, recordings: LabelledRecordings, hidden: frozenset[str]
) -> CardioQueryNetwork | TokenNetwork:
    encoder, fusion, preprocessing = config.ecg_encoder, config.fusion, config.preprocessing
    if not isinstance(fusion, TokensConfig):
        return CardioQueryNetwork(encoder, fusion, preprocessing, text_dimension=text_dimension)
    catalogue = Catalogue.load()
    conditions = [catalogue.get(name) for name in recordings.conditions]
    return TokenNetwork(
        encoder,
        fusion,
        preprocessing,
        text_dimension=text_dimension,
        conditions=len(conditions),
        composed=concepts_of(conditions, catalogue.conditions, hidden).weights(),
    )


def restored_workbench(run: Run) -> Workbench:
    """The workbench with the run's trained weights.

    Raises:
        FileNotFoundError: The run has not been trained.
        WrongRun: It was trained with another configuration, or on other recordings or labels.
    """
    bench = open_workbench(run)
    now = provenance_of(run, bench.recordings, bench.network_file)
    if faults := differences("the weights", read_provenance(run.folder), now):
        raise WrongRun(faults)
    bench.network.restore(bench.network_file)
    bench.listen()
    return bench


__all__ = ["Workbench", "open_workbench", "restored_workbench", "seed_everything"]
