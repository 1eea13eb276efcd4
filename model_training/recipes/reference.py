"""Reference distributions of fold 9 for the model card. Writes `reference.json` of the run."""

import numpy as np

from ecg_core.reference import (
    QUERY_SIMILARITY_BOUNDS,
    TOP_PROBABILITY_BOUNDS,
    Reference,
    reference_histogram,
)
from model_training.data.ptbxl import VALIDATION_FOLD
from model_training.recipes.calibrate import read_calibration
from model_training.recipes.config import read_run
from model_training.recipes.workbench import Workbench, restored_workbench


def reference(bench: Workbench) -> Reference:
    """What a service with this run's bundle would count on fold 9.

    Top probability: every trained condition is asked for. Query similarity: every wording of a
    trained condition is embedded as a free text, as if no catalogue knew it.

    Raises:
        FileNotFoundError: The run was not calibrated.
    """
    logits = bench.network.score(bench.windows(VALIDATION_FOLD), bench.canonical)
    known = np.ones(logits.shape[1], dtype=bool)
    probabilities = read_calibration(bench).probabilities(logits.double().numpy(), known)
    wordings = [wording for condition in bench.conditions for wording in condition.wordings]
    similarities = bench.embedder.free_texts(wordings) @ bench.canonical.numpy().T
    return Reference(
        top_probability=reference_histogram(
            probabilities.max(axis=1),
            TOP_PROBABILITY_BOUNDS,
            f"PTB-XL fold {VALIDATION_FOLD}, {len(probabilities)} recordings, "
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


def main() -> None:
    """Write the reference of a calibrated run."""
    bench = restored_workbench(read_run(__doc__))
    bench.reference_file.write_text(reference(bench).model_dump_json(indent=2) + "\n")


if __name__ == "__main__":
    main()
