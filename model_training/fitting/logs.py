"""What a phase writes while it runs: a CSV row an epoch, TensorBoard, a progress bar."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from tensorboardX import SummaryWriter
from tqdm import tqdm

_COLUMNS = ("epoch", "training_loss", "validation_loss")


class FitLog:
    """The logs of one phase; of processes side by side only the main one has any."""

    def __init__(
        self, path: Path, tensorboard: Path | None, *, steps: int, done: int, is_main: bool
    ) -> None:
        """Open the logs, and take off what an interrupted run wrote past its checkpoint.

        Args:
            path: The CSV file.
            tensorboard: Folder for TensorBoard, or None.
            steps: Of the whole phase.
            done: Of these, how many are behind.
            is_main: Whether this process logs.
        """
        self._path = path if is_main else None
        self._writer = None
        if tensorboard is not None and is_main:
            self._writer = SummaryWriter(str(tensorboard), purge_step=done + 1)
        self._progress = tqdm(
            total=steps, initial=done, desc=path.stem, unit="step", mininterval=2,
            disable=not is_main,
        )  # fmt: skip

    def step(self, number: int, figures: Mapping[str, float]) -> None:
        """Log a step; the first has number 1."""
        self._progress.update()
        self._write(number, figures)

    def epoch(self, step: int, history: Sequence[Sequence[str]]) -> None:
        """Log an epoch that has ended; `history` has the rows of all so far."""
        if self._path is None:
            return
        self.rewrite(history)
        epoch, training, validation = history[-1]
        self._progress.set_postfix(epoch=epoch, validation=validation)
        figures = {
            "epoch/training_loss": float(training),
            "epoch/validation_loss": float(validation),
        }
        self._write(step, figures)

    def rewrite(self, history: Sequence[Sequence[str]]) -> None:
        """Write the whole CSV file, so that a resumed run's is that of an uninterrupted one."""
        if self._path is None:
            return
        partial = self._path.with_suffix(".partial")
        with partial.open("w", newline="") as stream:
            csv.writer(stream).writerows([_COLUMNS, *history])
        partial.replace(self._path)

    def close(self) -> None:
        """Close what is open."""
        self._progress.close()
        if self._writer is not None:
            self._writer.close()

    def _write(self, step: int, figures: Mapping[str, float]) -> None:
        if self._writer is not None:
            for name, value in figures.items():
                self._writer.add_scalar(name, value, step)
