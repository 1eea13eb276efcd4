"""The training loop: shuffled batches, AdamW on a one-cycle schedule, averaged weights."""

import copy
import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR
from tqdm import tqdm

_GRADIENT_NORM = 1.0

Module = TypeVar("Module", bound=nn.Module)


class OptimiserConfig(BaseModel):
    """How one phase of training runs.

    Attributes:
        epochs: Passes over the training recordings.
        batch_size: Recordings a step.
        learning_rate: The schedule's peak (Smith and Topin 2018).
        weight_decay: On matrices only.
        ema_decay: Of the moving average of the weights, a step.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    ema_decay: Annotated[float, Field(ge=0, lt=1)]


def fit(
    module: Module,
    config: OptimiserConfig,
    rows: NDArray[np.intp],
    loss_of: Callable[[Module, Tensor], Tensor],
    validate: Callable[[Module], float],
    log: Path,
) -> Module:
    """Train a module and return the moving average of its weights.

    Args:
        module: Trained in place.
        config: How.
        rows: The training recordings' row numbers.
        loss_of: The loss of the module on a batch of rows.
        validate: The averaged module's loss on validation recordings; for the log only.
        log: CSV file: epoch, training loss, validation loss.
    """
    averaged = copy.deepcopy(module).requires_grad_(requires_grad=False)
    steps = config.epochs * (len(rows) // config.batch_size)
    optimiser, schedule = _optimiser(module, config, steps)
    step = 0
    progress = tqdm(total=steps, desc=log.stem, unit="step", mininterval=2)
    with log.open("w", newline="") as stream, progress:
        writer = csv.writer(stream)
        writer.writerow(["epoch", "training_loss", "validation_loss"])
        for epoch in range(1, config.epochs + 1):
            module.train()
            losses = []
            for batch in _batches(rows, config.batch_size):
                loss = loss_of(module, batch)
                _step(module, optimiser, loss)
                schedule.step()
                step += 1
                _average(averaged, module, config.ema_decay, step)
                losses.append(loss.item())
                progress.update()
            validation = validate(averaged)
            writer.writerow([epoch, f"{np.mean(losses):.5f}", f"{validation:.5f}"])
            stream.flush()
            progress.set_postfix(epoch=epoch, validation=f"{validation:.4f}")
    return averaged


def _optimiser(module: nn.Module, config: OptimiserConfig, steps: int) -> tuple[AdamW, OneCycleLR]:
    """Weight decay on matrices only: not on biases and norms."""
    parameters = list(module.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimiser = AdamW(groups, lr=config.learning_rate)
    schedule = OneCycleLR(optimiser, config.learning_rate, total_steps=steps, pct_start=0.2)
    return optimiser, schedule


def _batches(rows: NDArray[np.intp], size: int) -> Iterator[Tensor]:
    """Shuffled batches of one size; the few left over wait for the next shuffle."""
    order = torch.from_numpy(rows)[torch.randperm(len(rows))]
    yield from order[: len(order) // size * size].split(size)


def _step(module: nn.Module, optimiser: AdamW, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(module.parameters(), _GRADIENT_NORM)
    optimiser.step()


@torch.no_grad()
def _average(averaged: nn.Module, module: nn.Module, decay: float, step: int) -> None:
    """Move the average a little; early on faster, so that it forgets the random start."""
    decay = min(decay, (1 + step) / (10 + step))
    states = zip(averaged.state_dict().values(), module.state_dict().values(), strict=True)
    for kept, new in states:
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)
