"""A store of prepared recordings with labels of its reports, as the training recipes take it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from ecg_core.preprocessing import PreprocessingSpec
from model_training.data.ptbxl import LabelledRecordings
from model_training.data.report_labels import Silence, report_targets
from model_training.entities.matrix import LabelMatrix


def load_stored(
    folder: Path, spec: PreprocessingSpec, matrix: LabelMatrix, silence: Silence = "not_said"
) -> LabelledRecordings:
    """Map a store; of its windows nothing is read yet.

    Args:
        folder: With `windows.npy` (recording, lead, sample), `index.csv` with the columns
            `source_id` and `fold`, and `manifest.json` with the preprocessing.
        spec: Preprocessing of the bundle to be.
        matrix: Labels of reports by `source_id`.
        silence: What a report that does not mention a condition says of it.

    Raises:
        FileNotFoundError: A file is not there.
        ValueError: The store was prepared otherwise, its index is not that of its windows, or ids
            are not numbers.
    """
    manifest = json.loads((folder / "manifest.json").read_text())
    if PreprocessingSpec.model_validate(manifest["preprocessing"]) != spec:
        raise ValueError("the store was prepared with another preprocessing than this run's")
    index = pd.read_csv(folder / "index.csv", dtype=str, keep_default_na=False)
    windows = np.load(folder / "windows.npy", mmap_mode="r")
    if len(index) != len(windows):
        raise ValueError("the store has not as many windows as lines in its index: prepare it anew")
    return LabelledRecordings(
        ecg_ids=index["source_id"].to_numpy(np.int64),
        folds=index["fold"].to_numpy(np.int64),
        windows=windows,
        conditions=matrix.conditions,
        targets=report_targets(matrix, index["source_id"], silence),
        benchmark={},
        left_out=manifest["left_out"],
    )
