"""The frozen text encoder: a BERT with pooling, its weights rounded to int8.

Rounding happens before anything is trained on its embeddings, so that training, evaluation and
the exported int8 graph all see the same vectors.
"""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer

from ecg_core.bundle import TextEncoderSpec
from model_training.text.config import TextEncoderConfig
from model_training.text.source import check_digest, resolve

_INT8_LIMIT = 127


class TextEncoder(nn.Module):
    """Token ids in, one unit vector a text out. Frozen: nothing trains it."""

    def __init__(self, config: TextEncoderConfig) -> None:
        """Load it.

        Raises:
            NoWeights: They are not there, or not those that the configuration pins.
        """
        super().__init__()
        folder = resolve(config.source)
        if config.weights_sha256 is not None:
            check_digest(Path(folder) / "model.safetensors", config.weights_sha256)
        self.config = config
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        # Eager attention is the form that the exporter can follow for any number of tokens.
        self.backbone: Any = AutoModel.from_pretrained(folder, attn_implementation="eager")
        round_weights_to_int8(self.backbone)
        self.eval().requires_grad_(requires_grad=False)

    @property
    def spec(self) -> TextEncoderSpec:
        """The manifest's entry."""
        return TextEncoderSpec(
            name=self.config.name,
            licence=self.config.licence,
            pooling=self.config.pooling,
            dimension=int(self.backbone.config.hidden_size),
            max_tokens=self.config.max_tokens,
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of its weights."""
        digest = hashlib.sha256()
        for weights in self.backbone.state_dict().values():
            digest.update(weights.numpy().tobytes())
        return digest.hexdigest()

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """(text, token) ids and mask -> (text, dimension) unit vectors."""
        hidden = self.backbone(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        if self.config.pooling == "cls":
            pooled = hidden[:, 0]
        else:
            mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
            pooled = (hidden * mask).sum(1) / mask.sum(1)
        return nn.functional.normalize(pooled, dim=-1)

    @torch.inference_mode()
    def embed(self, texts: Sequence[str], batch_size: int = 64) -> NDArray[np.float32]:
        """Embed texts; shape (text, dimension), unit vectors."""
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        embeddings = np.empty((len(texts), self.backbone.config.hidden_size), dtype=np.float32)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            tokens = self.tokenizer(
                [texts[row] for row in rows],
                padding=True,
                truncation=True,
                max_length=self.config.max_tokens,
                return_tensors="pt",
            )
            embeddings[rows] = self(tokens["input_ids"], tokens["attention_mask"]).numpy()
        return embeddings


@torch.no_grad()
def round_weights_to_int8(module: nn.Module) -> None:
    """Round every weight matrix to 255 levels a row, in place (symmetric, weight-only int8)."""
    for parameter in module.parameters():
        if parameter.ndim == 2:
            scale = parameter.abs().amax(dim=1, keepdim=True).clamp_min(1e-12) / _INT8_LIMIT
            parameter.copy_((parameter / scale).round() * scale)
