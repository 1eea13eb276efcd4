"""The cardiac fusion network: query embeddings attend to ECG features.

Cross-attention only: with self-attention among queries, asking one more condition would change the
probabilities of the others (docs/adr/0001).
"""

import math
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional


class FusionConfig(BaseModel):
    """Size of a fusion network of cross-attention layers, as SuPreME was published.

    Attributes:
        kind: Marks it.
        dimension: Width of the queries inside the network.
        layers: Cross-attention layers.
        heads: Attention heads; they divide the dimension.
        feed_forward: Width of each layer's feed-forward part.
        adapter: Hidden width of the adapter on the frozen query embeddings.
        dropout: In attention outputs and feed-forward parts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["attention"] = "attention"
    dimension: int = Field(default=128, ge=1)
    layers: int = Field(default=2, ge=1)
    heads: int = Field(default=4, ge=1)
    feed_forward: int = Field(default=256, ge=1)
    adapter: int = Field(default=256, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)


class CrossAttention(nn.Module):
    """Pre-norm multi-head attention of queries to tokens, and a feed-forward part."""

    def __init__(self, feature_dimension: int, config: FusionConfig) -> None:
        super().__init__()
        dimension = config.dimension
        self.heads = config.heads
        self.norm_query = nn.LayerNorm(dimension)
        self.norm_feature = nn.LayerNorm(feature_dimension)
        self.query = nn.Linear(dimension, dimension)
        self.key = nn.Linear(feature_dimension, dimension)
        self.value = nn.Linear(feature_dimension, dimension)
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
        """Queries (window, query, dimension), features (window, token, feature) -> queries."""
        normed = self.norm_feature(features)
        asked = self._split(self.query(self.norm_query(queries)))
        keys, values = self._split(self.key(normed)), self._split(self.value(normed))
        weights = (asked @ keys.transpose(2, 3) / math.sqrt(asked.shape[-1])).softmax(-1)
        attended = (weights @ values).transpose(1, 2).flatten(2)
        queries = queries + self.dropout(self.output(attended))
        fused: Tensor = queries + self.dropout(self.feed_forward(queries))
        return fused


class CardiacFusion(nn.Module):
    """Adapter and cross-attention layers: one logit a query, of nothing but what it attends to."""

    def __init__(
        self, config: FusionConfig, *, dimension: int, tokens: int, text_dimension: int
    ) -> None:
        super().__init__()
        self.text_scale = math.sqrt(text_dimension) / 4  # unit vectors to values of order one
        self.adapter = nn.Sequential(
            nn.Linear(text_dimension, config.adapter),
            nn.GELU(),
            nn.Linear(config.adapter, config.dimension),
        )
        self.adapter_shortcut = nn.Linear(text_dimension, config.dimension)
        self.position = nn.Parameter(torch.zeros(1, tokens, dimension))
        self.layers = nn.ModuleList(CrossAttention(dimension, config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.dimension)
        self.readout = nn.Linear(config.dimension, 1)

    def forward(self, features: Tensor, query_embeddings: Tensor) -> Tensor:
        """Features and queries to logits.

        Args:
            features: Shape (window, token, dimension).
            query_embeddings: Shape (query, text dimension).

        Returns:
            Shape (window, query).
        """
        scaled = query_embeddings * self.text_scale
        adapted = self.adapter_shortcut(scaled) + self.adapter(scaled)
        queries = adapted.unsqueeze(0).expand(features.shape[0], -1, -1)
        placed = features + self.position
        for layer in self.layers:
            queries = layer(queries, placed)
        logits: Tensor = self.readout(self.norm(queries)).squeeze(-1)
        return logits


def masked_binary_cross_entropy(
    logits: Tensor,
    targets: Tensor,
    positive_weights: Tensor | None = None,
) -> Tensor:
    """Mean binary cross-entropy over the targets that are not NaN.

    Args:
        logits: Shape (window, query).
        targets: The same shape, in [0, 1].
        positive_weights: How much more a present condition counts than an absent one, shape
            (query,); 1 unless given. The logits are moved by their logarithm first, so that what
            minimises the loss is still the log odds, and nothing has to be taken back later (as
            the logit adjustment of Menon et al. 2021).
    """
    known = ~targets.isnan()
    more = None
    if positive_weights is not None:
        logits = logits + positive_weights.log()
        more = positive_weights.expand_as(targets)[known]
    return functional.binary_cross_entropy_with_logits(
        logits[known], targets[known], pos_weight=more
    )
