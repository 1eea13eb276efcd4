"""A tiny run as a program of its own, to be killed, resumed and run side by side."""

import argparse
import random
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecg_core.preprocessing import PreprocessingSpec
from model_training.fitting import (
    FitOptions,
    OptimiserConfig,
    Ranks,
    fit,
    seed_everything,
    started_ranks,
)
from model_training.models.fusion import FusionConfig, masked_binary_cross_entropy
from model_training.models.network import CardioQueryNetwork
from model_training.models.vit import VitEncoderConfig

RECORDINGS, LEADS, SAMPLES, CONDITIONS, TEXT = 44, 12, 100, 5, 8
SPEC = PreprocessingSpec(window_s=1.0)
VIT = VitEncoderConfig(
    window_samples=SAMPLES, patch_samples=20, width=8, depth=2, heads=2, feed_forward=16,
    dropout=0.1,
)  # fmt: skip


class TinyRun:
    """Random recordings and labels, a tiny network."""

    def __init__(
        self, *, draws: bool = True, stop_at: int | None = None, waiting: Path | None = None
    ) -> None:
        seed_everything(3)
        self.draws, self.stop_at, self.waiting = draws, stop_at, waiting
        self.steps = self.scored = 0
        self.windows = torch.randn(RECORDINGS, LEADS, SAMPLES)
        self.targets = (self.windows[:, :CONDITIONS].mean(dim=2) > 0).float()
        self.targets[torch.rand(RECORDINGS, CONDITIONS) < 0.4] = float("nan")
        self.queries = torch.nn.functional.normalize(torch.randn(CONDITIONS, TEXT), dim=-1)
        config = VIT if draws else VIT.model_copy(update={"dropout": 0.0})
        fusion = FusionConfig(dimension=8, layers=1, heads=2, feed_forward=8, adapter=8, dropout=0)
        self.network = CardioQueryNetwork(config, fusion, SPEC, text_dimension=TEXT)

    def loss_of(self, network: CardioQueryNetwork, batch: Tensor) -> Tensor:
        """The loss; it draws from all three generators, as augmentation may."""
        self.steps += 1
        if self.waiting is not None and self.steps == self.stop_at:
            self.waiting.touch()
            time.sleep(600)
        windows, queries = self.windows[batch], self.queries
        if self.draws:
            gain = 1 + 0.1 * random.random() + 0.1 * np.random.random()
            windows = gain * windows + 0.1 * torch.randn_like(windows)
            queries = queries + 0.05 * torch.randn_like(queries)
        return masked_binary_cross_entropy(network(windows, queries), self.targets[batch])

    def validate(self, network: CardioQueryNetwork) -> float:
        """The loss on all recordings, of which each process scores a part."""

        def score(rows: NDArray[np.intp]) -> Tensor:
            self.scored = len(rows)
            return network.score(self.windows[rows], self.queries)

        logits = Ranks.current().scored(np.arange(RECORDINGS), score)
        return float(masked_binary_cross_entropy(logits, self.targets))

    def terms(self, batch: Tensor) -> float:
        """How many labels are known."""
        return float((~self.targets[batch].isnan()).sum())

    def fit(self, folder: Path, config: OptimiserConfig, *, every: int | None = None) -> Tensor:
        """Run, and return all averaged weights in one row."""
        options = FitOptions(
            checkpoint=folder / "checkpoint.pt" if every else None,
            checkpoint_every=every,
            tensorboard=folder / "tensorboard" if every else None,
            weight_of=self.terms,
        )
        rows, log = np.arange(RECORDINGS), folder / "log.csv"
        fitted = fit(self.network, config, rows, self.loss_of, self.validate, log, options)
        return torch.cat([state.flatten() for state in fitted.state_dict().values()])


def configured(**changes: float | str) -> OptimiserConfig:
    """Three epochs of five steps."""
    usual = {
        "epochs": 3, "batch_size": 8, "learning_rate": 0.01, "weight_decay": 0.05, "ema_decay": 0.9,
    }  # fmt: skip
    return OptimiserConfig.model_validate(usual | changes)


def main() -> None:
    """Run, and keep the weights in FOLDER/weights-RANK.pt."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--stop-at", type=int, help="in this step wait for ever, to be killed")
    parser.add_argument("--apart", action="store_true", help="each process in its own folder")
    arguments = parser.parse_args()
    run = TinyRun(stop_at=arguments.stop_at, waiting=arguments.folder / "waiting")
    with started_ranks(torch.device("cpu")) as ranks:
        own = arguments.folder / f"rank-{ranks.rank}" if arguments.apart else arguments.folder
        own.mkdir(exist_ok=True)
        weights = run.fit(own, configured(), every=2)
        torch.save(weights, arguments.folder / f"weights-{ranks.rank}.pt")
        (arguments.folder / f"scored-{ranks.rank}").write_text(str(run.scored))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
