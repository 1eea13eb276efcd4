"""A linear probe on frozen ECG features: what an encoder's features tell by themselves."""

import torch
from torch import Tensor, nn

from model_training.models.ecg_encoder import EcgEncoder
from model_training.models.fusion import masked_binary_cross_entropy

_STEPS = 300
_LEARNING_RATE = 0.02
_WEIGHT_DECAY = 1e-3


@torch.inference_mode()
def pooled_features(encoder: EcgEncoder, windows: Tensor, batch_size: int = 256) -> Tensor:
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
