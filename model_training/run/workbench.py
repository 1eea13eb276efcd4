"""What every recipe of a run works on: data, text encoder and network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecg_core.conditions import Catalogue, Condition
from ecg_core.signs import SIGNS, Sign
from model_training.data.labelled import VALIDATION_FOLD, LabelledRecordings
from model_training.data.sign_cache import measured_once
from model_training.entities.labels.masking import LeftOut
from model_training.fitting import Ranks, seed_everything
from model_training.models.ecg_encoder import EcgEncoder
from model_training.models.fixed_outputs import FixedOutputs
from model_training.models.fusion import (
    ConditionOutputs,
    FusionConfig,
    masked_binary_cross_entropy,
)
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
from model_training.text.adaptation import adapted_text_encoder
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
        fixed: A classifier with fixed outputs on an encoder of its own: warm-up and reference; of
            no meaning where nothing warms up.
        left_out: What training must know nothing of: no label, no wording, no mention.
        signs: What is measured beside the waveform; none unless the run asks for it.
        measured: The signs' values, shape (recording, sign); for a fusion of tokens NaN where a
            sign cannot be measured, else 0.
        whole: The recordings with all their labels, whatever was left out.
        hidden: Ids of conditions that are no token, though the catalogue has their signs.
    """

    run: Run
    recordings: LabelledRecordings
    embedder: QueryEmbedder
    network: CardioQueryNetwork | TokenNetwork
    fixed: FixedOutputs
    left_out: LeftOut | None = None
    signs: tuple[Sign, ...] = ()
    measured: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))
    whole: LabelledRecordings | None = None
    hidden: frozenset[str] = frozenset()

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
    def wordings(self) -> tuple[Tensor, Tensor]:
        """Embeddings of the conditions' wordings, and the number of what each means."""
        spoken = [(*condition.wordings, condition.description) for condition in self.conditions]
        texts = [wording for wordings in spoken for wording in wordings]
        meant = [number for number, wordings in enumerate(spoken) for _ in wordings]
        return torch.from_numpy(self.embedder.free_texts(texts)), torch.tensor(meant)

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

    def remember(self, network: CardioQueryNetwork | TokenNetwork) -> None:
        """Let a trained network recall what it is asked by all that the catalogue says of it."""
        if isinstance(network, TokenNetwork):
            spoken = self.concepts.wordings(self.left_out)
            texts = [text for group in spoken for text in group]
            means = [number for number, group in enumerate(spoken) for _ in group]
            keys = torch.from_numpy(self.embedder.free_texts(texts))
            network.naming.listen(keys, torch.tensor(means))
        elif network.fusion.memory is not None:
            sharpness = self.run.config.wordings.recall_sharpness
            network.fusion.memory.remember(*self.wordings, sharpness)

    @cached_property
    def targets(self) -> Tensor:
        """Labels of all that the network knows; a sign's is soft: shape (recording, query)."""
        labels = torch.from_numpy(self.recordings.targets)
        return torch.cat([labels, torch.from_numpy(self.measured).sigmoid()], dim=1)

    def keep(self, network: CardioQueryNetwork | TokenNetwork, fixed: FixedOutputs | None) -> None:
        """Write trained weights, and where they come from."""
        if fixed is not None:
            fixed.save(self.fixed_file)
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


def meanings(left_out: LeftOut | None = None) -> list[tuple[str, ...]]:
    """The texts that the text encoder may learn from, for each condition and sign."""

    def texts(condition: Condition) -> tuple[str, ...]:
        said = (*condition.wordings, condition.description)
        if left_out is None:
            return said
        # Each once, which without anything left out they are not: the figures were made so.
        return tuple(dict.fromkeys(left_out.training_texts(condition, said)))

    signs = SIGNS if left_out is None else map(left_out.redacted_sign, SIGNS)
    worded = (*map(texts, Catalogue.load().conditions), *(sign.wordings for sign in signs))
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
    signs = SIGNS if config.signs else ()
    if left_out is not None:
        signs = tuple(map(left_out.redacted_sign, signs))
    measured = np.empty((len(recordings.ecg_ids), 0), np.float32)
    if signs:
        with Ranks.current().main_first():
            measured = measured_once(recordings.windows, config.preprocessing, run.cache)
    embedder = QueryEmbedder(text_encoder, config.prompts, run.cache)
    if isinstance(config.fusion, TokensConfig):
        made = _Networks.of_tokens(config, text_encoder, recordings, hidden)
    else:
        measured = np.nan_to_num(measured, nan=0.0)
        made = _Networks.of_attention(config, text_encoder, recordings)
    return Workbench(
        run,
        recordings,
        embedder,
        made.network,
        made.fixed,
        left_out,
        signs,
        measured,
        whole,
        hidden,
    )


class _Networks(NamedTuple):
    network: CardioQueryNetwork | TokenNetwork
    fixed: FixedOutputs

    @classmethod
    def of_attention(
        cls, config: RunConfig, text: TextEncoder, recordings: LabelledRecordings
    ) -> "_Networks":
        if not isinstance(config.fusion, FusionConfig):
            raise TypeError("the run's fusion has tokens")
        make = partial(
            CardioQueryNetwork,
            config.ecg_encoder,
            config.fusion,
            config.preprocessing,
            text_dimension=text.spec.dimension,
            conditions=len(recordings.conditions),
            trees=config.signs.trees if config.signs else None,
        )
        warmed = make()
        memory = warmed.fusion.memory
        outputs = _outputs(config, recordings) if memory is None else memory.outputs
        return cls(make(), FixedOutputs(warmed.encoder, outputs))

    @classmethod
    def of_tokens(
        cls, config: RunConfig, text: TextEncoder, recordings: LabelledRecordings,
        hidden: frozenset[str],
    ) -> "_Networks":  # fmt: skip
        if not isinstance(config.fusion, TokensConfig):
            raise TypeError("the run's fusion has no tokens")
        catalogue = Catalogue.load()
        conditions = [catalogue.get(name) for name in recordings.conditions]
        network = TokenNetwork(
            config.ecg_encoder,
            config.fusion,
            config.preprocessing,
            text_dimension=text.spec.dimension,
            conditions=len(conditions),
            composed=concepts_of(conditions, catalogue.conditions, hidden).weights(),
        )
        encoder = EcgEncoder(config.ecg_encoder, leads=len(config.preprocessing.leads))
        return cls(network, FixedOutputs(encoder, _outputs(config, recordings)))


def _outputs(config: RunConfig, recordings: LabelledRecordings) -> ConditionOutputs:
    return ConditionOutputs(config.ecg_encoder.dimension, len(recordings.conditions))


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
    if run.config.warm_up is not None:
        bench.fixed.restore(bench.fixed_file)
    bench.remember(bench.network)
    return bench


__all__ = ["Workbench", "open_workbench", "restored_workbench", "seed_everything"]
