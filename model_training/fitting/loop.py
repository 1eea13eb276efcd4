"""The training loop: shuffled batches, AdamW on a one-cycle schedule, averaged weights.

A batch is put through in parts: `accumulation` of them in each process. What is learned depends on
the number of parts, not on how many processes share them. A killed run that kept checkpoints goes
on to the very weights that it would have reached.
"""

import copy
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from model_training.fitting.checkpoint import (
    Stateful,
    read_checkpoint,
    run_digest,
    save_checkpoint,
    take_over,
)
from model_training.fitting.config import FitOptions, OptimiserConfig, resolve_precision
from model_training.fitting.logs import FitLog
from model_training.fitting.randomness import preserved_random_state
from model_training.fitting.ranks import Ranks

_GRADIENT_NORM = 1.0

Module = TypeVar("Module", bound=nn.Module)


def fit(
    module: Module,
    config: OptimiserConfig,
    rows: NDArray[np.intp],
    loss_of: Callable[[Module, Tensor], Tensor],
    validate: Callable[[Module], float],
    log: Path,
    options: FitOptions | None = None,
) -> Module:
    """Train a module and return the moving average of its weights.

    Args:
        module: Trained in place.
        config: How.
        rows: The training recordings' row numbers.
        loss_of: The loss of the module on some rows; what it draws, it draws from the generators
            of torch, numpy and Python.
        validate: The averaged module's loss on validation recordings, for the log only; called in
            every process, so that each can score a part of them.
        log: CSV file: epoch, training loss, validation loss.
        options: Device, checkpoints, TensorBoard; by default on the CPU, without the others.

    Returns:
        The averaged module, on the CPU.

    Raises:
        ValueError: There are too few rows for a batch, or parts for its recordings; the
            checkpoint is another run's.
    """
    options = options or FitOptions()
    phase = _Phase(module, config, rows, options, options.ranks or Ranks.current())
    phase.resume()
    shown = FitLog(
        log, phase.options.tensorboard,
        steps=phase.steps, done=phase.step, is_main=phase.ranks.is_main,
    )  # fmt: skip
    with closing(shown):
        shown.rewrite(phase.history)
        while phase.step < phase.steps:
            if phase.step % phase.steps_an_epoch == 0:
                phase.shuffle()
            figures = phase.train(loss_of)
            shown.step(phase.step, figures)
            if phase.step % phase.steps_an_epoch == 0:
                shown.epoch(phase.step, phase.end_epoch(validate))
            phase.keep()
    return phase.averaged.cpu()


class _Phase(Generic[Module]):
    """All that changes while a phase runs, and so all that a checkpoint holds."""

    def __init__(
        self,
        module: Module,
        config: OptimiserConfig,
        rows: NDArray[np.intp],
        options: FitOptions,
        ranks: Ranks,
    ) -> None:
        self.config, self.options, self.ranks = config, options, ranks
        self.rows = torch.from_numpy(rows)
        self.steps_an_epoch = len(rows) // config.batch_size
        self.steps = config.epochs * self.steps_an_epoch
        self.parts = config.accumulation * ranks.size
        if not self.steps or self.parts > config.batch_size:
            raise ValueError(
                f"{len(rows)} recordings, {config.batch_size} a batch, {self.parts} parts: "
                "there must be a whole batch, and a recording for each part"
            )
        self.module = module.to(options.device)
        ranks.synchronise(self.module)
        self.averaged = copy.deepcopy(self.module).requires_grad_(requires_grad=False)
        self.optimiser, self.schedule = _optimiser(self.module, config, self.steps)
        self.precision = resolve_precision(config.precision, options.device)
        scaled = self.precision is torch.float16
        self.scaler = torch.amp.GradScaler(options.device.type, enabled=scaled)
        self.step = 0
        self.order = self.rows
        self.losses: list[float] = []
        self.history: list[list[str]] = []
        self.digest = run_digest(self.module, config, rows, options.belongs_to)

    def shuffle(self) -> None:
        """Draw an epoch's order; the few rows after its whole batches wait for the next."""
        self.module.train()
        self.order = self.rows[torch.randperm(len(self.rows))]
        self.losses = []

    def train(self, loss_of: Callable[[Module, Tensor], Tensor]) -> dict[str, float]:
        """One step; returns figures for the log."""
        batch = self._batch(self.step)
        self.optimiser.zero_grad()
        loss = self.ranks.sum_gradients(self.module, self._gradients(batch, loss_of))
        self.scaler.unscale_(self.optimiser)
        norm = nn.utils.clip_grad_norm_(self.module.parameters(), _GRADIENT_NORM)
        rate = self.optimiser.param_groups[0]["lr"]
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.schedule.step()
        self.step += 1
        _average(self.averaged, self.module, self.config.ema_decay, self.step)
        self.losses.append(loss.item())
        return {"loss": self.losses[-1], "learning_rate": rate, "gradient_norm": float(norm)}

    def _batch(self, step: int) -> Tensor:
        start = step % self.steps_an_epoch * self.config.batch_size
        return self.order[start : start + self.config.batch_size]

    def _expect(self, parts: tuple[Tensor, ...], number: int) -> None:
        """Tell which rows come after a part of this process: the next one, or the next step's."""
        if self.options.expect is None:
            return
        first = self.ranks.rank * self.config.accumulation
        if number + 1 < first + self.config.accumulation:
            self.options.expect(parts[number + 1])
        elif (self.step + 1) % self.steps_an_epoch:  # an epoch's order is not known before
            self.options.expect(self._batch(self.step + 1).tensor_split(self.parts)[first])

    def _gradients(self, batch: Tensor, loss_of: Callable[[Module, Tensor], Tensor]) -> Tensor:
        """Add up this process's parts of the gradients; returns its share of the loss."""
        if self.parts == 1:
            return self._part((batch,), 0, 1.0, loss_of)
        parts = batch.tensor_split(self.parts)
        # Every process knows and draws the same: the weight of the whole batch, and for each part
        # a seed of its own, whoever it falls to.
        weights = [float(self.options.weight_of(part)) for part in parts]
        seeds = torch.randint(2**31, (self.parts,)).tolist()
        share = torch.zeros((), device=self.options.device)
        first = self.ranks.rank * self.config.accumulation
        for number in range(first, first + self.config.accumulation):
            if weights[number]:
                with preserved_random_state(seeds[number]):
                    weight = weights[number] / sum(weights)
                    share += self._part(parts, number, weight, loss_of)
        return share

    def _part(
        self,
        parts: tuple[Tensor, ...],
        number: int,
        weight: float,
        loss_of: Callable[[Module, Tensor], Tensor],
    ) -> Tensor:
        mixed = self.precision is not torch.float32
        device = self.options.device.type
        with torch.autocast(device, self.precision) if mixed else nullcontext():
            loss = loss_of(self.module, parts[number]) * weight
        # Its own rows are taken by now; on a GPU the rest of the step is still to come.
        self._expect(parts, number)
        self.scaler.scale(loss).backward()
        return loss.detach().float()

    def end_epoch(self, validate: Callable[[Module], float]) -> list[list[str]]:
        """Validate, note the epoch, and return the rows of all so far."""
        # What is drawn afterwards must be the same in every process.
        with preserved_random_state():
            validation = validate(self.averaged)
        epoch = self.step // self.steps_an_epoch
        self.history.append([str(epoch), f"{np.mean(self.losses):.5f}", f"{validation:.5f}"])
        return self.history

    def keep(self) -> None:
        """Write a checkpoint if it is time for one."""
        every, path = self.options.checkpoint_every, self.options.checkpoint
        due = self.step % self.steps_an_epoch == 0 or (every and self.step % every == 0)
        if path is not None and due and self.ranks.is_main:
            progress = {
                "step": self.step, "order": self.order, "losses": self.losses,
                "history": self.history,
            }  # fmt: skip
            save_checkpoint(path, self.digest, self._states(), progress)

    def resume(self) -> None:
        """Go on from the main process's checkpoint if there is one."""
        path = self.options.checkpoint
        here = self.ranks.is_main and path is not None and path.exists()
        kept = self.ranks.told(read_checkpoint(path) if here and path is not None else None)
        if kept is not None:
            progress = take_over(kept, self.digest, self._states())
            for name, value in progress.items():
                setattr(self, name, value)
            self.module.train()

    def _states(self) -> dict[str, Stateful]:
        return {
            "module": self.module, "averaged": self.averaged, "optimiser": self.optimiser,
            "schedule": self.schedule, "scaler": self.scaler,
        }  # fmt: skip


def _optimiser(module: nn.Module, config: OptimiserConfig, steps: int) -> tuple[AdamW, OneCycleLR]:
    """Weight decay on matrices only: not on biases and norms."""
    parameters = list(module.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimiser = AdamW(groups, lr=config.learning_rate)
    # Where the peak would be the very first step, OneCycleLR divides by zero.
    start = 0.4 if steps == 5 else 0.2
    schedule = OneCycleLR(optimiser, config.learning_rate, total_steps=steps, pct_start=start)
    return optimiser, schedule


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
