"""A classifier with fixed outputs: the same encoder without any text.

It is the warm-up of encoder and condition memory, and the row that text queries have to hold.
"""

import torch
from torch import Tensor, nn

from model_training.models.fusion import ConditionOutputs
from model_training.models.weights import KeptModule
from model_training.models.windows import Windows


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
