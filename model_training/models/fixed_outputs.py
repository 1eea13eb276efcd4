"""A classifier with fixed outputs: the same encoder without any text.

Peers warm up under it, and one of them is nothing else.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from model_training.models.weights import KeptModule
from model_training.models.windows import Windows


class ConditionOutputs(nn.Module):
    """One output for each trained condition, from the features' mean and maximum over time."""

    def __init__(self, dimension: int, conditions: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.3)
        self.mean = nn.Linear(dimension, conditions)
        self.maximum = nn.Linear(dimension, conditions, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Features (window, token, dimension) -> logits (window, trained condition)."""
        mean, maximum = self.dropout(features.mean(dim=1)), self.dropout(features.amax(dim=1))
        logits: Tensor = self.mean(mean) + self.maximum(maximum)
        return logits

    @torch.no_grad()
    def average(self, branches: Sequence["ConditionOutputs"]) -> None:
        """Take over the outputs of single branches: their mean, on the branches side by side."""
        for name in ("mean", "maximum"):
            weights = [getattr(branch, name).weight / len(branches) for branch in branches]
            getattr(self, name).weight.copy_(torch.cat(weights, dim=1))
        biases = torch.stack([branch.mean.bias for branch in branches])
        self.mean.bias.copy_(biases.mean(dim=0))


class FixedOutputs(KeptModule):
    """One output for each trained condition, on an encoder or on one of its branches."""

    def __init__(self, encoder: nn.Module, outputs: ConditionOutputs) -> None:
        super().__init__()
        self.encoder = encoder
        self.outputs = outputs

    def forward(self, windows: Tensor) -> Tensor:
        """(window, lead, sample) -> logits (window, condition)."""
        logits: Tensor = self.outputs(self.encoder(windows))
        return logits

    @torch.inference_mode()
    def score(self, windows: Tensor | Windows, batch_size: int = 128) -> Tensor:
        """Logits (window, condition) in evaluation mode, batch by batch; on the CPU."""
        self.eval()
        batches = windows.split(batch_size)
        return torch.cat([self(batch.to(self.device)).cpu() for batch in batches])
