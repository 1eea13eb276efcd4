"""Weights on disk."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from ecg_core.files import whole_file


def save_atomically(state: Any, path: Path) -> None:
    """Write what `torch.save` takes; a kill or a power cut half way leaves the old file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as stream:
        torch.save(state, stream)


class KeptModule(nn.Module):
    """A module whose weights can be kept and brought back."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def save(self, path: Path) -> None:
        """Write the weights; a kill half way leaves the old file."""
        save_atomically(self.state_dict(), path)

    def restore(self, path: Path) -> None:
        """Read weights; every one must fit (strict).

        Raises:
            FileNotFoundError: There are none.
            RuntimeError: They are another module's.
        """
        self.load_state_dict(torch.load(path, weights_only=True), strict=True)
