"""Linear probes on frozen ECG features, with 1, 10 and 100 % of the training recordings."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from model_training.data.ptbxl import TRAINING_FOLDS
from model_training.metrics import auroc, mean_over_classes
from model_training.models.ecg_encoder import EcgEncoder
from model_training.probes import linear_probe, pooled_features
from model_training.recipes.fold import TestFold
from model_training.recipes.workbench import seed_everything

PERCENTS = (1, 10, 100)
TRAINED, RANDOM = "trained", "random_encoder"

# encoder -> percent of the training recordings -> logits (recording, trained condition)
ProbeLogits = Mapping[str, Mapping[int, NDArray[np.float64]]]


def probe_logits(fold: TestFold) -> ProbeLogits:
    """Probes on the run's encoder, and on one that was never trained.

    The recordings of a smaller share are among those of a larger one.
    """
    config = fold.bench.run.config
    seed_everything(config.seed)
    random = EcgEncoder(config.ecg_encoder, leads=fold.windows.shape[1])
    encoders = {TRAINED: fold.bench.network.encoder, RANDOM: random}
    return {name: _probed(fold, encoder) for name, encoder in encoders.items()}


def _probed(fold: TestFold, encoder: EcgEncoder) -> dict[int, NDArray[np.float64]]:
    recordings = fold.bench.recordings
    features = pooled_features(encoder, fold.bench.windows(*TRAINING_FOLDS))
    targets = torch.from_numpy(recordings.targets[recordings.rows(*TRAINING_FOLDS)])
    asked = pooled_features(encoder, fold.windows)
    order = np.random.default_rng(fold.bench.run.config.seed).permutation(len(features))
    found = {}
    for percent in PERCENTS:
        rows = torch.from_numpy(order[: max(2, round(len(order) * percent / 100))])
        probe = linear_probe(features[rows], targets[rows])
        with torch.inference_mode():
            found[percent] = probe(asked).double().numpy()
    return found


def evaluate_probes(fold: TestFold, logits: ProbeLogits) -> dict[str, object]:
    """Macro AUROC on the benchmark's own recordings, by percent: each set, their mean."""
    training = len(fold.bench.recordings.rows(*TRAINING_FOLDS))
    return {
        str(percent): {
            "recordings": max(2, round(training * percent / 100)),
            **{encoder: _by_set(fold, logits[encoder][percent]) for encoder in logits},
        }
        for percent in PERCENTS
    }


def _by_set(fold: TestFold, logits: NDArray[np.float64]) -> dict[str, float]:
    columns = fold.bench.recordings.conditions
    found = {}
    for name in fold.bench.recordings.benchmark:
        labels, inside, conditions = fold.labels(name)
        outputs = [columns.index(condition.id) for condition in conditions]
        areas = auroc(labels, logits[inside][:, outputs])
        found[name.removeprefix("ptbxl_")] = round(100 * float(mean_over_classes(areas)), 2)
    return {**found, "mean": round(float(np.mean(list(found.values()))), 2)}
