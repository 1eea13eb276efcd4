"""Supervised pre-training by text queries: the two phases on one workbench."""

import hashlib
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from model_training.data.labelled import TRAINING_FOLDS, VALIDATION_FOLD
from model_training.fitting import FitOptions, Ranks, fit, resolve_device
from model_training.fitting.augmentation import Augmentation
from model_training.models.fixed_outputs import FixedOutputs
from model_training.models.fusion import ConditionOutputs, masked_binary_cross_entropy
from model_training.models.network import CardioQueryNetwork
from model_training.models.windows import Windows
from model_training.run.config import ImbalanceConfig, Run
from model_training.run.workbench import Workbench
from model_training.text.wordings import TrainingWordings


class Pretraining:
    """The two phases on one workbench."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        config = bench.run.config
        self.device = resolve_device(bench.run.device)
        self.rows = bench.recordings.rows(*TRAINING_FOLDS)
        self.targets = bench.targets
        self.signs = torch.from_numpy(bench.measured)
        self.weights = torch.ones(self.targets.shape[1])
        if config.signs:
            self.weights[len(bench.conditions) :] = config.signs.weight
        self.positive_weights = torch.ones(self.targets.shape[1])
        self.positive_weights[: len(bench.conditions)] = positive_weights(
            torch.from_numpy(bench.recordings.targets[self.rows]), config.imbalance
        )
        self.windows = Windows(bench.recordings.windows)
        self.validation = bench.stored_windows(VALIDATION_FOLD)
        self.augment = Augmentation(
            config.augmentation,
            sampling_rate_hz=config.preprocessing.sampling_rate_hz,
            millivolts_per_unit=config.preprocessing.millivolts_per_unit,
        )

    def warm_up(self) -> FixedOutputs:
        """Each branch of the encoder under fixed outputs, for itself; then all side by side."""
        fixed = self.bench.fixed
        branches = list(fixed.encoder.get_submodule("branches").children())
        warmed = [self._warm_up(number, branch) for number, branch in enumerate(branches, start=1)]
        for branch, done in zip(branches, warmed, strict=True):
            branch.load_state_dict(done.encoder.state_dict(), strict=True)
        fixed.outputs.average([done.outputs for done in warmed])
        return fixed

    def _warm_up(self, number: int, branch: nn.Module) -> FixedOutputs:
        outputs = ConditionOutputs(
            self.bench.run.config.ecg_encoder.branch_dimension, len(self.bench.conditions)
        )

        def loss_of(fixed: FixedOutputs, batch: Tensor) -> Tensor:
            return self._loss(fixed(self._augmented(batch)), batch)

        def validate(fixed: FixedOutputs) -> float:
            return self.bench.validation_loss(fixed.score(self.validation))

        log = self.bench.run.folder / f"warm_up_{number}.csv"
        config = self.bench.run.config.warm_up
        if config is None:
            raise TypeError("the run has no warm-up")
        module = FixedOutputs(branch, outputs)
        return fit(module, config, self.rows, loss_of, validate, log, self._options(log.stem))

    def train_fusion(self, fixed: FixedOutputs | None) -> CardioQueryNetwork:
        """Encoder and fusion under text queries, from what the warm-up has learned, if any."""
        bench, config = self.bench, self.bench.run.config
        untrained = bench.network
        if not isinstance(untrained, CardioQueryNetwork):
            raise TypeError("a fusion of tokens is trained by TokenPretraining")
        memory = untrained.fusion.memory
        if fixed is not None:
            untrained.encoder.load_state_dict(fixed.encoder.state_dict(), strict=True)
        share = config.wordings.canonical_share
        with Ranks.current().main_first():
            wordings = TrainingWordings(bench.conditions, bench.embedder, share, bench.signs)
        if memory is not None:
            memory.keys.copy_(wordings.canonical)
            if fixed is not None:
                memory.outputs.load_state_dict(fixed.outputs.state_dict(), strict=True)

        def loss_of(network: CardioQueryNetwork, batch: Tensor) -> Tensor:
            queries = wordings.draw(config.wordings.noise)
            asked = torch.randperm(len(queries))[: config.wordings.queries_in_a_step]
            signs, queries = self.signs[batch].to(self.device), queries[asked].to(self.device)
            return self._loss(network(self._augmented(batch), signs, queries), batch, asked)

        def validate(network: CardioQueryNetwork) -> float:
            return bench.validation_loss(network.score(self.validation, bench.canonical))

        log = bench.run.folder / "fusion_training.csv"
        options = self._options(log.stem)
        network = fit(untrained, config.fusion_training, self.rows, loss_of, validate, log, options)
        self._fit_trees(network)
        return network

    def _fit_trees(self, network: CardioQueryNetwork) -> None:
        """What the signs say of the conditions; from now on a part of their logits."""
        config = self.bench.run.config
        memory = network.fusion.memory
        if network.measured is not None and config.signs is not None and memory is not None:
            labels = self.bench.recordings.targets[self.rows]
            network.measured.fit(self.bench.measured[self.rows], labels, config.seed)
            memory.measured_share.fill_(config.signs.share)

    def _augmented(self, batch: Tensor) -> Tensor:
        return self.augment(self.windows[batch].to(self.device))

    def _loss(self, logits: Tensor, batch: Tensor, asked: Tensor | None = None) -> Tensor:
        """Of logits (recording, query) for what was asked; without that, for all conditions."""
        asked = torch.arange(logits.shape[1]) if asked is None else asked
        said = (self.targets[batch][:, asked], self.weights[asked], self.positive_weights[asked])
        return masked_binary_cross_entropy(logits, *(part.to(self.device) for part in said))

    def _known(self, batch: Tensor) -> float:
        return float((~self.targets[batch].isnan()).sum())

    def _options(self, phase: str) -> FitOptions:
        run = self.bench.run
        return FitOptions(
            device=self.device,
            checkpoint=checkpoints(run) / f"{phase}.pt",
            checkpoint_every=run.checkpoint_every,
            tensorboard=tensorboard(run) / phase,
            weight_of=self._known,
            expect=self.windows.expect,
            belongs_to=self._digest,
        )

    @cached_property
    def _digest(self) -> str:
        """Of all that a checkpoint must agree in: the configuration, recordings and labels."""
        recordings = self.bench.recordings
        text = repr((self.bench.run.config.model_dump_json(), recordings.conditions))
        digest = hashlib.sha256(text.encode())
        digest.update(recordings.ecg_ids.tobytes())
        digest.update(recordings.targets.tobytes())
        return digest.hexdigest()


def positive_weights(targets: Tensor, imbalance: ImbalanceConfig) -> Tensor:
    """What a present condition counts against an absent one, at least 1: shape (condition,).

    Args:
        targets: Of the training recordings, shape (recording, condition); NaN where not said.
        imbalance: How strongly.
    """
    present, absent = (targets == 1).sum(dim=0), (targets == 0).sum(dim=0)
    ratio = absent / present.clamp(min=1)
    return ratio.pow(imbalance.power).clamp(1, imbalance.most)


def checkpoints(run: Run) -> Path:
    """Folder of the checkpoints of a run's phases."""
    return run.folder / "checkpoints"


def tensorboard(run: Run) -> Path:
    """Folder of a run's logs for TensorBoard."""
    return run.folder / "tensorboard"
