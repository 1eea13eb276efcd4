"""Supervised pre-training by text queries, as SuPreME was published."""

import hashlib
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from model_training.data.labelled import TRAINING_FOLDS, VALIDATION_FOLD
from model_training.fitting import FitOptions, Ranks, fit, resolve_device
from model_training.fitting.augmentation import Augmentation
from model_training.models.fusion import masked_binary_cross_entropy
from model_training.models.network import CardioQueryNetwork
from model_training.models.windows import Windows
from model_training.run.config import ImbalanceConfig, Run
from model_training.run.workbench import Workbench
from model_training.text.wordings import TrainingWordings


class Pretraining:
    """What every training on a workbench shares, and that of encoder and fusion."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        config = bench.run.config
        self.device = resolve_device(bench.run.device)
        self.rows = bench.recordings.rows(*TRAINING_FOLDS)
        self.targets = torch.from_numpy(bench.recordings.targets)
        self.positive_weights = positive_weights(self.targets[self.rows], config.imbalance)
        self.windows = Windows(bench.recordings.windows)
        self.augment = Augmentation(
            config.augmentation,
            sampling_rate_hz=config.preprocessing.sampling_rate_hz,
            millivolts_per_unit=config.preprocessing.millivolts_per_unit,
        )

    def train_fusion(self) -> CardioQueryNetwork:
        """Encoder and fusion under text queries."""
        bench, config = self.bench, self.bench.run.config
        untrained = bench.network
        if not isinstance(untrained, CardioQueryNetwork):
            raise TypeError("a fusion of tokens is trained by TokenPretraining")
        share = config.wordings.canonical_share
        with Ranks.current().main_first():
            wordings = TrainingWordings(bench.conditions, bench.embedder, share)

        def loss_of(network: CardioQueryNetwork, batch: Tensor) -> Tensor:
            queries = wordings.draw(config.wordings.noise).to(self.device)
            return self._loss(network(self._augmented(batch), queries), batch)

        def validate(network: CardioQueryNetwork) -> float:
            return self._validation_loss(lambda part: network.score(part, bench.canonical))

        log = bench.run.folder / "fusion_training.csv"
        options = self._options(log.stem)
        return fit(untrained, config.fusion_training, self.rows, loss_of, validate, log, options)

    def _validation_loss(self, score: Callable[[Windows], Tensor]) -> float:
        """On fold 9, of which each process scores a part: windows to logits (recording, query)."""
        stored = self.bench.recordings.windows
        rows = self.bench.recordings.rows(VALIDATION_FOLD)
        logits = Ranks.current().scored(rows, lambda own: score(Windows(stored, own)))
        return self.bench.validation_loss(logits)

    def _augmented(self, batch: Tensor) -> Tensor:
        return self.augment(self.windows[batch].to(self.device))

    def _loss(self, logits: Tensor, batch: Tensor) -> Tensor:
        """Of logits (recording, condition)."""
        said, weights = self.targets[batch].to(self.device), self.positive_weights.to(self.device)
        return masked_binary_cross_entropy(logits, said, weights)

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
