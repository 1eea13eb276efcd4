"""How a phase of training runs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from model_training.fitting.ranks import Ranks

CPU = torch.device("cpu")

Precision = Literal["auto", "float32", "bfloat16", "float16"]


class OptimiserConfig(BaseModel):
    """How one phase of training runs.

    Attributes:
        epochs: Passes over the training recordings.
        batch_size: Recordings a step, over all parts and processes.
        learning_rate: The schedule's peak (Smith and Topin 2018).
        weight_decay: On matrices only.
        ema_decay: Of the moving average of the weights, a step.
        accumulation: Parts that each process puts its share of a batch through in, one after the
            other, where a whole one does not fit into memory.
        precision: Of the forward pass; `auto` is mixed on a GPU and float32 on a CPU.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    ema_decay: Annotated[float, Field(ge=0, lt=1)]
    accumulation: Annotated[int, Field(ge=1)] = 1
    precision: Precision = "auto"


@dataclass(frozen=True, slots=True)
class FitOptions:
    """Where a phase runs and what it keeps; none of it changes what is learned.

    Attributes:
        device: The module is moved there; `loss_of` and `validate` bring their tensors there.
        checkpoint: File that the state is kept in. If it is there already, training goes on from
            it; a finished one gives the result at once.
        checkpoint_every: Steps between checkpoints; one is written after each epoch besides.
        tensorboard: Folder for TensorBoard.
        weight_of: What a part of a batch weighs in the mean over the batch: the number of terms
            that its loss is the mean of. By default, its recordings.
        expect: Told which rows `loss_of` gets next, so that they can be read meanwhile.
        belongs_to: What else a checkpoint must agree in, such as a digest of the run's
            configuration and labels.
        ranks: The processes that share the work; all that `torchrun` started unless given.
    """

    device: torch.device = CPU
    checkpoint: Path | None = None
    checkpoint_every: int | None = None
    tensorboard: Path | None = None
    weight_of: Callable[[Tensor], float] = len
    expect: Callable[[Tensor], None] | None = None
    belongs_to: str = ""
    ranks: Ranks | None = None


def resolve_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """The type that matrices are multiplied in.

    Args:
        precision: As configured.
        device: Where.
    """
    if precision != "auto":
        chosen: torch.dtype = getattr(torch, precision)
        return chosen
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
