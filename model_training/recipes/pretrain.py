"""Supervised pre-training by text queries (SuPreME, arXiv 2502.19668), then calibration.

Every step asks all labelled conditions, each in one of its many wordings; the loss is the binary
cross-entropy over what is known. Writes `model.pt`, `calibration.json` and `log.csv`.
"""

import copy
import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR
from tqdm import tqdm

from ecg_core.conditions import Catalogue
from model_training.augmentation import Augmentation
from model_training.data.ptbxl import (
    TRAINING_FOLDS,
    VALIDATION_FOLD,
    LabelledRecordings,
    load_ptbxl,
)
from model_training.models.fusion import masked_binary_cross_entropy
from model_training.models.network import CardioQueryNetwork
from model_training.models.text_encoder import TextEncoder
from model_training.recipes.config import Run, RunConfig, read_run
from model_training.wordings import QueryEmbedder, TrainingWordings

MODEL_FILE = "model.pt"
_GRADIENT_NORM = 1.0


@dataclass(frozen=True, eq=False)
class Workbench:
    """What every recipe of a run works on."""

    run: Run
    recordings: LabelledRecordings
    embedder: QueryEmbedder
    network: CardioQueryNetwork

    @property
    def canonical(self) -> Tensor:
        """Query embeddings of the labelled conditions as the service asks them."""
        catalogue = Catalogue.load()
        conditions = [catalogue.get(name) for name in self.recordings.conditions]
        return torch.from_numpy(self.embedder.conditions(conditions))


def open_workbench(run: Run) -> Workbench:
    """Load data and text encoder, and make the network with fresh weights from the run's seed."""
    config = run.config
    seed_everything(config.seed)
    text_encoder = TextEncoder(config.text_encoder)
    network = CardioQueryNetwork(
        config.ecg_encoder, config.fusion, config.preprocessing, text_encoder.spec.dimension
    )
    recordings = load_ptbxl(run.shared, config.preprocessing, Catalogue.load(), run.cache)
    embedder = QueryEmbedder(text_encoder, config.prompts, run.cache)
    return Workbench(run, recordings, embedder, network)


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and torch."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def train(bench: Workbench) -> CardioQueryNetwork:
    """Train the network and return the moving average of its weights."""
    config, network, recordings = bench.run.config, bench.network, bench.recordings
    averaged = copy.deepcopy(network).requires_grad_(requires_grad=False)
    rows = recordings.rows(*TRAINING_FOLDS)
    steps = config.optimiser.epochs * (len(rows) // config.optimiser.batch_size)
    optimiser, schedule = _optimiser(network, config, steps)
    catalogue = Catalogue.load()
    wordings = TrainingWordings(
        [catalogue.get(name) for name in recordings.conditions],
        bench.embedder,
        config.wordings.canonical_share,
    )
    augment = Augmentation(
        config.augmentation,
        sampling_rate_hz=config.preprocessing.sampling_rate_hz,
        millivolts_per_unit=config.preprocessing.millivolts_per_unit,
    )
    windows, targets = torch.from_numpy(recordings.windows), torch.from_numpy(recordings.targets)
    step = 0
    progress = tqdm(total=steps, desc="training", unit="step", mininterval=2)
    with (bench.run.folder / "log.csv").open("w", newline="") as stream:
        log = csv.writer(stream)
        log.writerow(["epoch", "training_loss", "validation_loss"])
        for epoch in range(1, config.optimiser.epochs + 1):
            network.train()
            losses = []
            for batch in _batches(rows, config.optimiser.batch_size):
                queries = wordings.draw(config.wordings.noise)
                logits = network(augment(windows[batch]), queries)
                loss = masked_binary_cross_entropy(logits, targets[batch])
                _step(network, optimiser, loss)
                schedule.step()
                progress.update()
                step += 1
                _average(averaged, network, config.optimiser.ema_decay, step)
                losses.append(loss.item())
            validation = validation_loss(averaged, bench)
            log.writerow([epoch, f"{np.mean(losses):.5f}", f"{validation:.5f}"])
            stream.flush()
            progress.set_postfix(epoch=epoch, validation=f"{validation:.4f}")
    progress.close()
    return averaged


def validation_loss(network: CardioQueryNetwork, bench: Workbench) -> float:
    """Loss on fold 9, each condition asked by its name and description."""
    rows = bench.recordings.rows(VALIDATION_FOLD)
    logits = network.score(torch.from_numpy(bench.recordings.windows[rows]), bench.canonical)
    targets = torch.from_numpy(bench.recordings.targets[rows])
    return float(masked_binary_cross_entropy(logits, targets))


def _optimiser(network: nn.Module, config: RunConfig, steps: int) -> tuple[AdamW, OneCycleLR]:
    """Weight decay on matrices only: not on biases, norms and position embeddings' scale."""
    parameters = list(network.parameters())
    groups = [
        {
            "params": [p for p in parameters if p.ndim > 1],
            "weight_decay": config.optimiser.weight_decay,
        },
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimiser = AdamW(groups, lr=config.optimiser.learning_rate)
    schedule = OneCycleLR(
        optimiser, config.optimiser.learning_rate, total_steps=steps, pct_start=0.2
    )
    return optimiser, schedule


def _batches(rows: "np.ndarray[tuple[int], np.dtype[np.intp]]", size: int) -> Iterator[Tensor]:
    """Shuffled batches of one size; the few left over wait for the next shuffle."""
    order = torch.from_numpy(rows)[torch.randperm(len(rows))]
    yield from order[: len(order) // size * size].split(size)


def _step(network: nn.Module, optimiser: AdamW, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), _GRADIENT_NORM)
    optimiser.step()


@torch.no_grad()
def _average(averaged: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move the average a little; early on faster, so that it forgets the random start."""
    decay = min(decay, (1 + step) / (10 + step))
    for kept, new in zip(
        averaged.state_dict().values(), network.state_dict().values(), strict=True
    ):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


def main() -> None:
    """Train and keep the weights."""
    run = read_run(__doc__)
    bench = open_workbench(run)
    train(bench).save(run.folder / MODEL_FILE)


if __name__ == "__main__":
    main()
