"""Weights on disk."""

from pathlib import Path

import torch
from torch import nn


class KeptModule(nn.Module):
    """A module whose weights can be kept and brought back."""

    def save(self, path: Path) -> None:
        """Write the weights; a kill half way leaves the old file."""
        partial = path.with_suffix(".partial")
        torch.save(self.state_dict(), partial)
        partial.rename(path)

    def restore(self, path: Path) -> None:
        """Read weights; every one must fit (strict).

        Raises:
            FileNotFoundError: There are none.
            RuntimeError: They are another module's.
        """
        self.load_state_dict(torch.load(path, weights_only=True), strict=True)
