"""The texts that contrastive peers align recordings with: reports, and names of conditions."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from model_training.data.labelled import LabelledRecordings
from model_training.entities.labels.masking import LeftOut
from model_training.peers.config import TextSource
from model_training.peers.task import PeerTask, Report
from model_training.text.wordings import QueryEmbedder

_SIGNS = 0.5  # how often signs are named instead of conditions, where both are there


def read_reports(recordings: LabelledRecordings, left_out: LeftOut | None) -> tuple[Report, ...]:
    """Each recording's report; not readable where it names what is left out.

    Args:
        recordings: Whose reports.
        left_out: Conditions that no report may name, however it asserts them.
    """
    texts = [report.strip() for report in recordings.reports]
    readable = {
        text: bool(text) and not (left_out is not None and left_out.is_mentioned(text))
        for text in dict.fromkeys(texts)  # many reports are the same words
    }
    return tuple(Report(text, readable[text]) for text in texts)


@dataclass(frozen=True, eq=False)
class TrainingTexts:
    """Frozen text embeddings of each recording: of its report, and of what it has.

    Attributes:
        source: Which of the two is drawn.
        reports: Embeddings of all reports, shape (report, dimension).
        report_of: Shape (recording,): rows of `reports`; -1 where there is none to be read.
        present: Which conditions a recording has, shape (recording, condition).
        names_of: Shape (recording,): one number for each set of conditions; -1 for the empty set.
        signs: Which signs a recording has, shape (recording, sign); no column without signs.
        signs_of: Shape (recording,): one number for each set of signs; -1 for the empty set.
    """

    source: TextSource
    reports: Tensor
    report_of: Tensor
    present: Tensor
    names_of: Tensor
    signs: Tensor
    signs_of: Tensor

    @property
    def has_text(self) -> NDArray[np.bool_]:
        """Whether a recording has a text, shape (recording,)."""
        has: NDArray[np.bool_] = ((self.report_of >= 0) | (self.names_of >= 0)).numpy()
        return has

    def rows_with_text(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Those of the rows whose recording has a text."""
        kept: NDArray[np.intp] = rows[self.has_text[rows]]
        return kept

    def draw(self, rows: Tensor, queries: Tensor) -> tuple[Tensor, Tensor]:
        """One text for each recording: its report, or the names of its conditions.

        Where `source` wants both, chance takes one of the two. What is wanted but is not there is
        replaced by the other. Where signs are given, chance names those instead of the conditions
        in half of the cases.

        Args:
            rows: Recordings, each with a text.
            queries: The conditions in the wordings of this step, then the signs, if any; shape
                (query, dimension).

        Returns:
            Embeddings (recording, dimension), and numbers (recording,): equal where texts are.
        """
        share = {"reports": 1.0, "labels": 0.0, "both": 0.5}[self.source]
        wanted = torch.rand(len(rows)) < share
        report, names = self.report_of[rows], self.names_of[rows]
        by_report = ((wanted & (report >= 0)) | (names < 0)).unsqueeze(1)
        has = torch.cat([self.present[rows], self.signs[rows]], dim=1)
        if self.signs.shape[1]:
            by_signs = (torch.rand(len(rows)) < _SIGNS) & (self.signs_of[rows] >= 0)
            has[by_signs, : self.present.shape[1]] = 0
            has[~by_signs, self.present.shape[1] :] = 0
            names = torch.where(by_signs, len(self.names_of) + self.signs_of[rows], names)
        named = functional.normalize(has @ queries, dim=1)
        embeddings = torch.where(by_report, self.reports[report.clamp_min(0)], named)
        numbers = torch.where(by_report[:, 0], report, len(self.reports) + names)
        return embeddings, numbers


def training_texts(task: PeerTask, source: TextSource) -> TrainingTexts:
    """Embed the reports as queries are embedded, so that both lie in one space.

    The names of several conditions are the mean of their query embeddings, scaled back to a unit
    vector: so the peer hears every wording that the others hear.

    Raises:
        ValueError: No training recording has a text.
    """
    reports, report_of = _embedded_reports(task.reports, task.embedder)
    present = task.targets == 1
    signs = present[:, :0] if task.given is None else task.given.measured > 0
    texts = TrainingTexts(
        source, reports, report_of, present.float(), _numbers(present), signs.float(),
        _numbers(signs),
    )  # fmt: skip
    if not len(texts.rows_with_text(task.training_rows)):
        raise ValueError("no training recording has a report or a condition")
    return texts


def _numbers(present: Tensor) -> Tensor:
    """One number for each different set of a recording, shape (recording,); -1: the empty set."""
    if not present.shape[1]:
        return torch.full((len(present),), -1)
    _, numbers = present.unique(dim=0, return_inverse=True)
    return torch.where(present.any(dim=1), numbers, -1)


def _embedded_reports(
    reports: tuple[Report, ...], embedder: QueryEmbedder
) -> tuple[Tensor, Tensor]:
    # All are embedded, though not all may be read: so they are embedded once for all groups.
    distinct = sorted({report.text for report in reports})
    number = {text: row for row, text in enumerate(distinct)}
    rows = [number[report.text] if report.is_readable else -1 for report in reports]
    return torch.from_numpy(embedder.free_texts(distinct)), torch.tensor(rows)
