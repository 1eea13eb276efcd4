"""Reference distributions of fold 9, for the model card and the drift panels."""

import numpy as np

from ecg_core.reference import (
    QUERY_SIMILARITY_BOUNDS,
    TOP_PROBABILITY_BOUNDS,
    Reference,
    reference_histogram,
)
from model_training.data.labelled import VALIDATION_FOLD
from model_training.data.releases.attributions import title_of
from model_training.evaluation.calibration import read_calibration
from model_training.run.workbench import Workbench


def reference(bench: Workbench) -> Reference:
    """What a service with this run's bundle would count on fold 9.

    Top probability: every trained condition is asked for. Query similarity: every wording of a
    trained condition is embedded as a free text, as if no catalogue knew it.

    Raises:
        FileNotFoundError: The run was not calibrated.
    """
    logits = bench.network.score(bench.stored_windows(VALIDATION_FOLD), bench.asked)
    known = np.ones(logits.shape[1], dtype=bool)
    probabilities = read_calibration(bench).probabilities(logits.double().numpy(), known)
    wordings = [wording for condition in bench.conditions for wording in condition.wordings]
    similarities = bench.embedder.free_texts(wordings) @ bench.canonical.numpy().T
    return Reference(
        top_probability=reference_histogram(
            probabilities.max(axis=1),
            TOP_PROBABILITY_BOUNDS,
            f"{title_of(bench.recordings.release)}, fold {VALIDATION_FOLD}, "
            f"{len(probabilities)} recordings, "
            f"{len(bench.conditions)} trained conditions asked for",
        ),
        query_similarity=reference_histogram(
            similarities.max(axis=1),
            QUERY_SIMILARITY_BOUNDS,
            f"{len(wordings)} wordings of the trained conditions, each as a free text",
        ),
    )


def read_reference(bench: Workbench) -> Reference | None:
    """The reference of a run, or None if it was not made."""
    file = bench.reference_file
    return Reference.model_validate_json(file.read_text()) if file.exists() else None
