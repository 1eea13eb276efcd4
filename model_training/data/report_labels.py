"""Labels from reports beside those of a benchmark and of codes: they teach, they do not judge."""

from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from model_training.data.labelled import TRAINING_FOLDS
from model_training.data.releases.labels import Labels
from model_training.entities.labels.matrix import LabelMatrix
from model_training.entities.labels.merging import Source

Silence = Literal["not_said", "no"]


def report_labels(
    matrix: LabelMatrix,
    ids: Sequence[str | int],
    folds: NDArray[np.int64],
    at_hand: Collection[str],
    silence: Silence = "not_said",
) -> list[Labels]:
    """What reports say of recordings, and after it what their silence says.

    Beside other labels in training folds only: calibration and figures stay those of the others.

    Args:
        matrix: Labels of reports by recording id.
        ids: The recordings.
        folds: Shape (recording,).
        at_hand: Conditions that other labels know; none where there are no other labels.
        silence: What a report that does not mention a condition says of it, for conditions that
            only reports know: nothing, or no (as in SuPreME, for otherwise such a condition has
            hardly a recording without it).

    Returns:
        Labels by mention, whose 0 is a denial, then by silence; of conditions that others know or a
        report affirms.

    Raises:
        ValueError: The matrix holds labels of codes, which are a source of their own.
    """
    if Source.SCP in {matrix.source_names[number] for number in np.unique(matrix.sources)}:
        raise ValueError("the labels of reports hold those of codes: extract them without")
    reports = matrix.rows_of(ids)
    if at_hand:
        reports[~np.isin(folds, TRAINING_FOLDS)] = -1
    mentioned = matrix.rows(reports)
    is_known = np.isin(matrix.conditions, [*at_hand])
    is_heard = is_known | (mentioned == 1).any(axis=0)
    names = np.array(matrix.conditions)
    labels = [Labels(tuple(names[is_heard].tolist()), mentioned[:, is_heard], denies=True)]
    if silence == "no":
        own = tuple(names[is_heard & ~is_known].tolist())
        read = np.where(reports >= 0, np.float32(0), np.float32("nan"))[:, np.newaxis]
        labels.append(Labels(own, np.repeat(read, len(own), axis=1)))
    return labels
