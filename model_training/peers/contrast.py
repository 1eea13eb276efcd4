"""Contrastive alignment of recordings with texts, which MERL is and KED has beside its queries."""

import torch
from torch import Tensor, nn
from torch.nn import functional


def pooled(features: Tensor) -> Tensor:
    """Features (recording, token, dimension) -> their mean and maximum over time, side by side."""
    return torch.cat([features.mean(dim=1), features.amax(dim=1)], dim=1)


class Projection(nn.Module):
    """Two layers into the common space; unit vectors."""

    def __init__(self, inputs: int, hidden: int, dimension: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, dimension)
        )

    def forward(self, vectors: Tensor) -> Tensor:
        """(item, inputs) -> (item, dimension)."""
        return functional.normalize(self.layers(vectors), dim=-1)


def same_text(numbers: Tensor) -> Tensor:
    """Which of the items have the same text, shape (item, item), from the texts' numbers."""
    return numbers.unsqueeze(0) == numbers.unsqueeze(1)


def info_nce(left: Tensor, right: Tensor, same: Tensor, temperature: float) -> Tensor:
    """Symmetric InfoNCE (van den Oord et al. 2018).

    Args:
        left: Unit vectors, shape (item, dimension).
        right: The same of what they are aligned with.
        same: Shape (item, item): which items match. Besides its own an item matches those with
            the very same text (Yang et al. 2022, UniCL): many reports are the same few words, and
            to push those apart would only hurt the peer.
        temperature: Of the softmax.
    """
    similarity = left @ right.T / temperature
    targets = same.to(similarity.dtype)
    forth = functional.cross_entropy(similarity, targets / targets.sum(dim=1, keepdim=True))
    back = functional.cross_entropy(similarity.T, targets.T / targets.T.sum(dim=1, keepdim=True))
    return (forth + back) / 2
