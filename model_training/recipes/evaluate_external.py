"""The trained model on recordings of other hospitals, pooled."""

import numpy as np
import torch

from ecg_core.conditions import BenchmarkSet, Catalogue
from model_training.data.other_hospitals import load_other_hospitals
from model_training.metrics import macro_result
from model_training.recipes.workbench import Workbench

_SETS = (BenchmarkSet.CPSC2018, BenchmarkSet.CSN)


def evaluate_external(bench: Workbench) -> dict[str, object]:
    """Every condition that these hospitals say of some recordings and deny of others.

    Conditions that were trained and those that were not, and the classes of the two benchmark sets
    whose recordings are not here, on those of all hospitals. A part without a class is left out.

    Raises:
        FileNotFoundError: There are no such recordings.
    """
    catalogue = Catalogue.load()
    others = load_other_hospitals(bench.run.shared, bench.run.config.preprocessing, catalogue)
    conditions = [catalogue.get(name) for name in others.conditions]
    trained = np.isin(others.conditions, bench.recordings.conditions)
    by_name, by_signs = bench.embedder.conditions(conditions), bench.embedder.untrained(conditions)
    queries = torch.from_numpy(np.where(trained[:, np.newaxis], by_name, by_signs))
    logits = bench.network.score(torch.from_numpy(others.windows), queries).numpy()
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
    }
