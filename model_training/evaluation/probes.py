"""Linear probes on frozen ECG features, with 1, 10 and 100 % of the training recordings."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ecg_core.statistics.ranking import auroc, mean_over_classes
from model_training.data.labelled import TRAINING_FOLDS
from model_training.evaluation.fold import EvaluatedFold
from model_training.models.ecg_encoder import EcgEncoder
from model_training.models.fusion import masked_binary_cross_entropy
from model_training.models.windows import Windows
from model_training.run.workbench import seed_everything

PERCENTS = (1, 10, 100)
TRAINED, RANDOM = "trained", "random_encoder"

# encoder -> percent of the training recordings -> logits (recording, trained condition)
ProbeLogits = Mapping[str, Mapping[int, NDArray[np.float64]]]


def probe_logits(fold: EvaluatedFold) -> ProbeLogits:
    """Probes on the run's encoder, and on one that was never trained.

    The recordings of a smaller share are among those of a larger one.
    """
    config = fold.bench.run.config
    seed_everything(config.seed)
    random = EcgEncoder(config.ecg_encoder, leads=len(config.preprocessing.leads))
    encoders: dict[str, nn.Module] = {TRAINED: fold.bench.network.encoder, RANDOM: random}
    return {name: _probed(fold, encoder) for name, encoder in encoders.items()}


def _probed(fold: EvaluatedFold, encoder: nn.Module) -> dict[int, NDArray[np.float64]]:
    recordings = fold.bench.recordings
    features = pooled_features(encoder, fold.bench.stored_windows(*TRAINING_FOLDS))
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


def evaluate_probes(fold: EvaluatedFold, logits: ProbeLogits) -> dict[str, object]:
    """Macro AUROC on the benchmark's own recordings, by percent: each set, their mean."""
    training = len(fold.bench.recordings.rows(*TRAINING_FOLDS))
    return {
        str(percent): {
            "recordings": max(2, round(training * percent / 100)),
            **{encoder: _by_set(fold, logits[encoder][percent]) for encoder in logits},
        }
        for percent in PERCENTS
    }


def _by_set(fold: EvaluatedFold, logits: NDArray[np.float64]) -> dict[str, float]:
    columns = fold.bench.recordings.conditions
    found = {}
    for name in fold.bench.recordings.benchmark:
        labels, inside, conditions = fold.labels(name)
        outputs = [columns.index(condition.id) for condition in conditions]
        areas = auroc(labels, logits[inside][:, outputs])
        found[name.removeprefix("ptbxl_")] = round(100 * float(mean_over_classes(areas)), 2)
    return {**found, "mean": round(float(np.mean(list(found.values()))), 2)} if found else {}


_STEPS = 300


_LEARNING_RATE = 0.02


_WEIGHT_DECAY = 1e-3


@torch.inference_mode()
def pooled_features(encoder: nn.Module, windows: Tensor | Windows, batch_size: int = 256) -> Tensor:
    """Mean and maximum of the features over time, shape (recording, 2 x dimension)."""
    encoder.eval()
    batches = [encoder(batch) for batch in windows.split(batch_size)]
    return torch.cat([torch.cat([f.mean(dim=1), f.amax(dim=1)], dim=1) for f in batches])


def linear_probe(features: Tensor, targets: Tensor) -> nn.Module:
    """Logistic regression of every condition on frozen features.

    Args:
        features: Shape (recording, feature); standardised inside the probe.
        targets: Shape (recording, condition): 1, 0, or NaN where nothing is said.

    Returns:
        A module from features to logits (recording, condition).
    """
    features = features.clone()  # out of inference mode
    normalise = nn.BatchNorm1d(features.shape[1], affine=False, momentum=None)
    probe = nn.Sequential(normalise, nn.Linear(features.shape[1], targets.shape[1]))
    optimiser = torch.optim.AdamW(probe.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    for _ in range(_STEPS):
        optimiser.zero_grad()
        masked_binary_cross_entropy(probe(features), targets).backward()
        optimiser.step()
    return probe.eval()
