"""Windows read a batch at a time, so that a run needs no more memory for more recordings."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Windows:
    """Recordings' windows, in memory or mapped from a file.

    It has what scoring asks of a tensor: `len` and `split`.
    """

    def __init__(
        self, stored: NDArray[np.floating[Any]], rows: NDArray[np.integer[Any]] | None = None
    ) -> None:
        """Choose some rows; nothing is read yet.

        Args:
            stored: Shape (recording, lead, sample), float32 or float16.
            rows: Row numbers, in the order in which they are to be read; None: all.
        """
        self._stored = stored
        self._rows = rows

    def __len__(self) -> int:
        return len(self._stored if self._rows is None else self._rows)

    def __getitem__(self, numbers: Tensor) -> Tensor:
        """Read some of them.

        Args:
            numbers: Positions among the chosen rows, shape (n,).

        Returns:
            Shape (n, lead, sample), float32.
        """
        chosen = numbers.numpy() if self._rows is None else self._rows[numbers.numpy()]
        return torch.from_numpy(self._stored[chosen].astype(np.float32, copy=False))

    def split(self, size: int) -> Iterator[Tensor]:
        """All of them in order, in batches of at most `size`."""
        for numbers in torch.arange(len(self)).split(size):
            yield self[numbers]
