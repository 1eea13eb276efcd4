"""The cardiac fusion network: query embeddings attend to ECG features.

Cross-attention only: with self-attention among queries, asking one more condition would change the
probabilities of the others (docs/adr/0001).
"""

import math

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional


class FusionConfig(BaseModel):
    """Size of the fusion network.

    Attributes:
        layers: Cross-attention layers.
        heads: Attention heads; they divide the ECG encoder's dimension.
        feed_forward: Width of each layer's feed-forward part.
        adapter: Hidden width of the adapter on the frozen query embeddings.
        dropout: In attention outputs and feed-forward parts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: int = Field(default=2, ge=1)
    heads: int = Field(default=4, ge=1)
    feed_forward: int = Field(default=256, ge=1)
    adapter: int = Field(default=256, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)


class CrossAttention(nn.Module):
    """Pre-norm multi-head attention of queries to tokens, and a feed-forward part."""

    def __init__(self, dimension: int, config: FusionConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.norm_query = nn.LayerNorm(dimension)
        self.norm_feature = nn.LayerNorm(dimension)
        self.query = nn.Linear(dimension, dimension)
        self.key = nn.Linear(dimension, dimension)
        self.value = nn.Linear(dimension, dimension)
        self.output = nn.Linear(dimension, dimension)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(dimension),
            nn.Linear(dimension, config.feed_forward),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.feed_forward, dimension),
        )
        self.dropout = nn.Dropout(config.dropout)

    def _split(self, states: Tensor) -> Tensor:
        """(window, n, dimension) -> (window, head, n, dimension / heads)."""
        split: Tensor = states.unflatten(2, (self.heads, -1)).transpose(1, 2)
        return split

    def forward(self, queries: Tensor, features: Tensor) -> Tensor:
        """Queries (window, query, dimension), features (window, token, dimension) -> queries."""
        normed = self.norm_feature(features)
        asked = self._split(self.query(self.norm_query(queries)))
        keys, values = self._split(self.key(normed)), self._split(self.value(normed))
        weights = (asked @ keys.transpose(2, 3) / math.sqrt(asked.shape[-1])).softmax(-1)
        attended = (weights @ values).transpose(1, 2).flatten(2)
        queries = queries + self.dropout(self.output(attended))
        fused: Tensor = queries + self.dropout(self.feed_forward(queries))
        return fused


class CardiacFusion(nn.Module):
    """Adapter, position embedding, cross-attention layers, and one logit a query."""

    def __init__(
        self, config: FusionConfig, *, dimension: int, tokens: int, text_dimension: int
    ) -> None:
        super().__init__()
        self.text_scale = math.sqrt(text_dimension) / 4  # unit vectors to values of order one
        self.adapter = nn.Sequential(
            nn.Linear(text_dimension, config.adapter),
            nn.GELU(),
            nn.Linear(config.adapter, dimension),
        )
        self.adapter_shortcut = nn.Linear(text_dimension, dimension)
        self.position = nn.Parameter(torch.zeros(1, tokens, dimension))
        self.layers = nn.ModuleList(CrossAttention(dimension, config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(dimension)
        self.readout = nn.Linear(dimension, 1)

    def forward(self, features: Tensor, query_embeddings: Tensor) -> Tensor:
        """Features (window, token, dimension), queries (query, text) -> logits (window, query)."""
        scaled = query_embeddings * self.text_scale
        adapted = self.adapter_shortcut(scaled) + self.adapter(scaled)
        queries = adapted.unsqueeze(0).expand(features.shape[0], -1, -1)
        placed = features + self.position
        for layer in self.layers:
            queries = layer(queries, placed)
        logits: Tensor = self.readout(self.norm(queries)).squeeze(-1)
        return logits


def masked_binary_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean binary cross-entropy over the targets that are not NaN; shapes (window, query)."""
    known = ~targets.isnan()
    return functional.binary_cross_entropy_with_logits(logits[known], targets[known])
