"""The texts that contrastive peers align recordings with: reports, and names of conditions."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_training.data.ptbxl import LabelledRecordings
from model_training.entities.masking import LeftOut
from model_training.peers.config import TextSource
from model_training.peers.task import PeerTask


def read_reports(
    release: Path, recordings: LabelledRecordings, left_out: LeftOut | None
) -> tuple[str | None, ...]:
    """Each recording's report; None where there is none, or where it names what is left out.

    Args:
        release: Folder of PTB-XL with `ptbxl_database.csv`.
        recordings: Whose reports.
        left_out: Conditions that no report may name, however it asserts them.

    Raises:
        FileNotFoundError: The table is not there.
    """
    table = pd.read_csv(release / "ptbxl_database.csv", index_col="ecg_id", usecols=_COLUMNS)
    reports = table["report"].reindex(recordings.ecg_ids).fillna("").str.strip()
    named: dict[str, bool] = {"": True}  # many reports are the same words
    for report in reports.unique():
        named.setdefault(report, left_out is not None and left_out.is_mentioned(report))
    return tuple(None if named[report] else report for report in reports)


_COLUMNS = ["ecg_id", "report"]


@dataclass(frozen=True, eq=False)
class TrainingTexts:
    """Frozen text embeddings of each recording.

    Attributes:
        embeddings: Of every distinct text, shape (text, dimension).
        of_recording: Rows of `embeddings`, shape (recording, variant); -1 where there is no text.
    """

    embeddings: Tensor
    of_recording: Tensor

    def rows_with_text(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Those of the rows whose recording has a text."""
        has = (self.of_recording[rows, 0] >= 0).numpy()
        kept: NDArray[np.intp] = rows[has]
        return kept

    def draw(self, rows: Tensor) -> Tensor:
        """One text for each recording by chance, as rows of `embeddings`; shape (recording,)."""
        variants = torch.randint(self.of_recording.shape[1], (len(rows),))
        return self.of_recording[rows, variants]


def training_texts(task: PeerTask, source: TextSource) -> TrainingTexts:
    """Embed the texts as queries are embedded, so that both lie in one space.

    The report where there is one and `source` wants it, otherwise the names of the recording's
    conditions; a recording with neither has no text.
    """
    names = _condition_names(task)
    reports = [report or name for report, name in zip(task.reports, names, strict=True)]
    labels = [name or report or "" for report, name in zip(task.reports, names, strict=True)]
    variants = {"reports": [reports], "labels": [labels], "both": [reports, labels]}[source]
    distinct = sorted({text for variant in variants for text in variant if text})
    if not distinct:
        raise ValueError("no recording has a report or a condition")
    number = {text: row for row, text in enumerate(distinct)}
    of_recording = [[number.get(text, -1) for text in variant] for variant in variants]
    embeddings = torch.from_numpy(task.embedder.free_texts(distinct))
    return TrainingTexts(embeddings, torch.tensor(of_recording).T)


def _condition_names(task: PeerTask) -> list[str]:
    present = task.recordings.targets == 1
    names = np.array([condition.name for condition in task.conditions])
    return [", ".join(names[row]) for row in present]
