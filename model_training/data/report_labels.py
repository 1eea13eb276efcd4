"""Labels from reports beside those of a benchmark and of codes: they teach, they do not judge."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ecg_core.conditions import Catalogue
from model_training.data.ptbxl import TRAINING_FOLDS, LabelledRecordings
from model_training.entities.labels import Source
from model_training.entities.matrix import LabelMatrix

Silence = Literal["not_said", "no"]


def with_report_labels(
    recordings: LabelledRecordings,
    matrix: LabelMatrix,
    catalogue: Catalogue,
    silence: Silence = "not_said",
) -> LabelledRecordings:
    """Add what reports say where the labels at hand say nothing.

    Training folds only: calibration and figures stay those of the labels at hand. Labels of the
    matrix that come from codes are left out, since the labels at hand have them already.

    Args:
        recordings: With the labels that are heard first.
        matrix: Labels of reports by recording id.
        catalogue: Gives the order of conditions.
        silence: What a report that does not mention a condition says of it, for conditions that
            only reports know: nothing, or no (as in SuPreME, for otherwise such a condition has
            hardly a recording without it).

    Returns:
        The same recordings; conditions that only reports affirm are added.
    """
    codes = [number for number, name in enumerate(matrix.source_names) if name == Source.SCP]
    said = matrix.select(~np.isin(matrix.sources, codes), matrix.conditions)
    reports = said.rows_of(recordings.ecg_ids.tolist())
    reports[~np.isin(recordings.folds, TRAINING_FOLDS)] = -1
    labels = dict(zip(said.conditions, said.rows(reports).T, strict=True))
    columns = dict(zip(recordings.conditions, recordings.targets.T, strict=True))
    for condition_id, values in labels.items():
        at_hand = columns.get(condition_id)
        if at_hand is not None:
            columns[condition_id] = _first(at_hand, values)
        elif (values == 1).any():
            read = np.where(reports >= 0, 0.0, np.nan) if silence == "no" else np.nan
            columns[condition_id] = _first(values, np.broadcast_to(read, values.shape))
    ordered = tuple(c.id for c in catalogue.conditions if c.id in columns)
    targets = np.stack([columns[name] for name in ordered], axis=1).astype(np.float32)
    return replace(recordings, conditions=ordered, targets=targets)


def report_targets(
    matrix: LabelMatrix, ids: Iterable[str | int], silence: Silence = "not_said"
) -> NDArray[np.float32]:
    """Labels of recordings that have no others.

    Args:
        matrix: Labels of reports by recording id.
        ids: The recordings.
        silence: What a report that does not mention a condition says of it.

    Returns:
        Shape (recording, condition of the matrix): 1 yes, 0 no, NaN not said.
    """
    reports = matrix.rows_of(ids)
    targets = matrix.rows(reports)
    if silence == "no":
        targets[np.isnan(targets) & (reports >= 0)[:, None]] = 0
    return targets


def _first(heard: NDArray[np.floating], otherwise: NDArray[np.floating]) -> NDArray[np.floating]:
    """The one where it says something, else the other."""
    return np.where(np.isnan(heard), otherwise, heard)
