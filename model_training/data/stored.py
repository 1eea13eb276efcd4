"""A store of prepared recordings with labels of its reports, as the training recipes take it."""

from pathlib import Path

import numpy as np
import pandas as pd

from ecg_core.preprocessing import PreprocessingSpec
from model_training.data.ptbxl import LabelledRecordings
from model_training.data.report_labels import Silence, report_targets
from model_training.data.store import RecordingStore
from model_training.entities.matrix import LabelMatrix


def load_stored(
    folder: Path, spec: PreprocessingSpec, matrix: LabelMatrix, silence: Silence = "not_said"
) -> LabelledRecordings:
    """Map a store; of its windows nothing is read yet.

    Args:
        folder: A finished store; see `model_training.data.store`.
        spec: Preprocessing of the bundle to be.
        matrix: Labels of reports by the release's own ids.
        silence: What a report that does not mention a condition says of it.

    Raises:
        StoreError: It is not finished, or its index is altered.
        ValueError: The store was prepared otherwise, or ids are not numbers.
    """
    store = RecordingStore.open(folder)
    if store.manifest.preprocessing != spec:
        raise ValueError("the store was prepared with another preprocessing than this run's")
    return LabelledRecordings(
        ecg_ids=store.ids.astype(np.int64),
        folds=store.folds,
        windows=store.windows,
        conditions=matrix.conditions,
        targets=report_targets(matrix, pd.Series(store.ids), silence),
        benchmark={},
        left_out=store.manifest.left_out,
    )
