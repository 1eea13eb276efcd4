"""Checkpoints: the whole state of a phase in one file that is either the old or the new one."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from model_training.fitting.config import OptimiserConfig
from model_training.fitting.randomness import random_state, restore_random_state
from model_training.models.weights import save_atomically


class Stateful(Protocol):
    """What modules, optimisers, schedules and scalers have in common."""

    def state_dict(self) -> dict[str, Any]:
        """What is to be kept."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Take it over."""


def run_digest(
    module: nn.Module, config: OptimiserConfig, rows: NDArray[np.intp], belongs_to: str
) -> str:
    """What a checkpoint must agree in with the phase that goes on from it."""
    shapes = [(name, tuple(state.shape)) for name, state in module.state_dict().items()]
    digest = hashlib.sha256(repr((config.model_dump(), shapes, belongs_to)).encode())
    digest.update(rows.astype(np.int64).tobytes())
    return digest.hexdigest()


def save_checkpoint(
    path: Path, digest: str, states: Mapping[str, Stateful], progress: Mapping[str, Any]
) -> None:
    """Write the state of everything, the random number generators included."""
    kept = {name: stateful.state_dict() for name, stateful in states.items()}
    whole = {"digest": digest, "states": kept, "progress": progress, "random": random_state()}
    save_atomically(whole, path)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What `save_checkpoint` wrote, on the CPU."""
    kept: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return kept


def take_over(
    kept: Mapping[str, Any], digest: str, states: Mapping[str, Stateful]
) -> dict[str, Any]:
    """Bring everything back to where it was.

    Args:
        kept: Of `read_checkpoint`.
        digest: Of the phase that is to go on.
        states: What takes over its state.

    Returns:
        What was kept as progress.

    Raises:
        ValueError: The checkpoint is another run's.
    """
    if kept["digest"] != digest:
        raise ValueError(
            "the checkpoint is of another configuration, other recordings or other labels: "
            "train anew, or with those"
        )
    for name, stateful in states.items():
        stateful.load_state_dict(kept["states"][name])
    restore_random_state(kept["random"])
    progress: dict[str, Any] = kept["progress"]
    return progress
