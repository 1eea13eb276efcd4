"""The trained model on recordings of other hospitals, pooled."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ecg_core.conditions import BenchmarkSet, Catalogue
from ecg_core.statistics.ranking import macro_result
from model_training.data.other_hospitals import load_other_hospitals
from model_training.run.workbench import Workbench

_SETS = (BenchmarkSet.CPSC2018, BenchmarkSet.CSN)


def evaluate_external(bench: Workbench) -> dict[str, object]:
    """Every condition that these hospitals say of some recordings and deny of others.

    Conditions that were trained and those that were not, and the classes of the two benchmark sets
    whose recordings are not here, on those of all hospitals. A part without a class is left out.
    Pooled, sources can be told apart instead of findings: `_by_source` compares recordings of one
    source only, and is the mean over conditions and sources.

    Raises:
        FileNotFoundError: There are no such recordings.
    """
    catalogue = Catalogue.load()
    others = load_other_hospitals(bench.run.shared, bench.run.config.preprocessing, catalogue)
    conditions = [catalogue.get(name) for name in others.conditions]
    trained = np.isin(others.conditions, bench.recordings.conditions)
    windows = torch.from_numpy(others.windows)
    logits = bench.network.score(windows, bench.put(conditions)).numpy()
    mixed = (others.targets == 1).any(axis=0) & (others.targets == 0).any(axis=0)
    parts = {"known": trained, "not_trained": ~trained}
    for name in _SETS:
        held = [any(s == name for s, _ in condition.classes) for condition in conditions]
        parts[str(name)] = np.array(held)
    return {
        "recordings": len(others.recording_ids),
        "hospitals": sorted(set(others.hospitals)),
        **{
            name: macro_result(others.targets[:, chosen], logits[:, chosen]).rounded()
            for name, part in parts.items()
            if (chosen := part & mixed).any()
        },
        **{
            f"{name}_by_source": row
            for name, part in parts.items()
            if (row := by_source(others.targets[:, part], logits[:, part], others.hospitals))
        },
    }


def by_source(
    targets: NDArray[np.float32], logits: NDArray[np.float32], sources: Sequence[str]
) -> dict[str, object]:
    """Macro figures of each condition within each source; empty if none has both kinds there.

    Args:
        targets: Shape (recording, condition): 1, 0, or NaN where nothing is said.
        logits: The same shape.
        sources: One a recording.
    """
    rows = [np.array(sources) == source for source in sorted(set(sources))]
    labels = np.concatenate([np.where(row[:, None], targets, np.nan) for row in rows], axis=1)
    mixed = (labels == 1).any(axis=0) & (labels == 0).any(axis=0)
    if not mixed.any():
        return {}
    answers = np.tile(logits, len(rows))[:, mixed]
    counted = np.tile(np.arange(targets.shape[1]), len(rows))[mixed]
    return {
        **macro_result(labels[:, mixed], answers).rounded(),
        "conditions": len(set(counted.tolist())),
    }
