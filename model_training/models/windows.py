"""Windows read a batch at a time, so that a run needs no more memory for more recordings."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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
        self,
        stored: NDArray[np.floating[Any]],
        rows: NDArray[np.integer[Any]] | None = None,
        change: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        """Choose some rows; nothing is read yet.

        Args:
            stored: Shape (recording, lead, sample), float32 or float16.
            rows: Row numbers, in the order in which they are to be read; None: all.
            change: Done to each batch that is read, such as taking leads away.
        """
        self._stored = stored
        self._rows = rows
        self._change = change
        self._reader: ThreadPoolExecutor | None = None
        self._expected: tuple[Tensor, Future[Tensor]] | None = None

    def changed(self, change: Callable[[Tensor], Tensor]) -> "Windows":
        """The same windows, each batch changed after it was read."""
        return Windows(self._stored, self._rows, change)

    def __len__(self) -> int:
        return len(self._stored if self._rows is None else self._rows)

    def __getitem__(self, numbers: Tensor) -> Tensor:
        """Read some of them.

        Args:
            numbers: Positions among the chosen rows, shape (n,).

        Returns:
            Shape (n, lead, sample), float32.
        """
        expected, self._expected = self._expected, None
        if expected is not None and torch.equal(expected[0], numbers):
            read = expected[1].result()
        else:
            read = self._read(numbers)
        # Here, not while reading ahead: what it draws is drawn in the order of the batches.
        return read if self._change is None else self._change(read)

    def expect(self, numbers: Tensor) -> None:
        """Begin to read some of them in a thread; whoever takes just these next has them sooner.

        Args:
            numbers: As `windows[numbers]` takes them.
        """
        if self._reader is None:
            self._reader = ThreadPoolExecutor(1, thread_name_prefix="windows")
        self._expected = numbers, self._reader.submit(self._read, numbers)

    def _read(self, numbers: Tensor) -> Tensor:
        chosen = numbers.numpy() if self._rows is None else self._rows[numbers.numpy()]
        return torch.from_numpy(self._stored[chosen].astype(np.float32, copy=False))

    def split(self, size: int) -> Iterator[Tensor]:
        """All of them in order, in batches of at most `size`."""
        for numbers in torch.arange(len(self)).split(size):
            yield self[numbers]
