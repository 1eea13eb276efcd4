"""A vision transformer on ECG windows (Dosovitskiy et al. 2021; on ECG Liu et al. 2024, MERL)."""

from typing import Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional


class VitEncoderConfig(BaseModel):
    """Size of a transformer encoder; by default MERL's ViT-tiny.

    Attributes:
        kind: A transformer over patches of all leads at once.
        window_samples: Length of the windows; positions are learned, so it is fixed.
        patch_samples: Samples of a token; they divide the window.
        width: Of the tokens.
        depth: Layers.
        heads: Attention heads; they divide the width.
        feed_forward: Width of each layer's feed-forward part.
        branches: Networks side by side; see `EcgEncoderConfig`.
        dropout: After attention and feed-forward parts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["vit"] = "vit"
    window_samples: int = Field(default=5000, ge=1)
    patch_samples: int = Field(default=50, ge=1)
    width: int = Field(default=192, ge=1)
    depth: int = Field(default=12, ge=1)
    heads: int = Field(default=3, ge=1)
    feed_forward: int = Field(default=768, ge=1)
    branches: int = Field(default=1, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.window_samples % self.patch_samples or self.width % self.heads:
            raise ValueError("patch_samples must divide window_samples, and heads the width")
        return self

    @property
    def branch_dimension(self) -> int:
        """Width of each branch's features."""
        return self.width

    @property
    def dimension(self) -> int:
        """Width of the features: those of all branches side by side."""
        return self.branches * self.width

    def tokens(self, window_samples: int) -> int:
        """Number of tokens for windows of this length.

        Raises:
            ValueError: The encoder takes windows of another length.
        """
        if window_samples != self.window_samples:
            raise ValueError(
                f"the encoder takes windows of {self.window_samples} samples, not {window_samples}"
            )
        return window_samples // self.patch_samples


class VitLayer(nn.Module):
    """Pre-norm self-attention among the tokens, and a feed-forward part."""

    def __init__(self, config: VitEncoderConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, config.feed_forward),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.feed_forward, width),
            nn.Dropout(config.dropout),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """(window, token, width) -> the same shape."""
        split = self.qkv(self.norm(tokens)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = split.unbind(0)
        attended = functional.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.dropout(self.output(attended.transpose(1, 2).flatten(2)))
        fused: Tensor = tokens + self.feed_forward(tokens)
        return fused


class VitBranch(nn.Module):
    """Patches of all leads to tokens, positions, layers: one token a patch."""

    def __init__(self, config: VitEncoderConfig, leads: int) -> None:
        super().__init__()
        patch = config.patch_samples
        self.patches = nn.Conv1d(leads, config.width, patch, patch, bias=False)
        tokens = config.window_samples // patch
        self.position = nn.Parameter(0.02 * torch.randn(1, tokens, config.width))
        self.layers = nn.Sequential(*(VitLayer(config) for _ in range(config.depth)))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, windows: Tensor) -> Tensor:
        """(window, lead, sample) -> features (window, token, width)."""
        tokens = self.patches(windows).transpose(1, 2) + self.position
        features: Tensor = self.norm(self.layers(tokens))
        return features
