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


class ConditionOutputs(nn.Module):
    """One output for each trained condition, from the features' mean and maximum over time."""

    def __init__(self, dimension: int, conditions: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.3)
        self.linear = nn.Linear(2 * dimension, conditions)

    def forward(self, features: Tensor) -> Tensor:
        """Features (window, token, dimension) -> logits (window, trained condition)."""
        pooled = torch.cat([features.mean(dim=1), features.amax(dim=1)], dim=1)
        logits: Tensor = self.linear(self.dropout(pooled))
        return logits


class ConditionMemory(nn.Module):
    """What was learned of each trained condition, recalled by how close a query's text is to it.

    A query's logit is the mean of the trained conditions' logits, weighted by a softmax over the
    similarity of the (adapted) texts. Asked by its own name a trained condition recalls itself;
    an unseen one recalls its neighbours. The attention layers add what those do not tell
    (docs/adr/0003).
    """

    keys: Tensor

    def __init__(self, conditions: int, *, dimension: int, text_dimension: int) -> None:
        super().__init__()
        self.register_buffer("keys", torch.zeros(conditions, text_dimension))
        self.outputs = ConditionOutputs(dimension, conditions)
        # A residual adapter, at first the identity: raw cosines confuse related conditions.
        self.adapter = nn.Linear(text_dimension, text_dimension, bias=False)
        nn.init.zeros_(self.adapter.weight)
        self.log_sharpness = nn.Parameter(torch.tensor(math.log(30.0)))

    def _adapted(self, embeddings: Tensor) -> Tensor:
        return functional.normalize(embeddings + self.adapter(embeddings), dim=-1)

    def forward(self, features: Tensor, query_embeddings: Tensor) -> Tensor:
        """Features (window, token, dimension), queries (query, text) -> logits (window, query)."""
        similarity = self._adapted(query_embeddings) @ self._adapted(self.keys).T
        recalled = (similarity * self.log_sharpness.exp()).softmax(dim=-1)
        logits: Tensor = self.outputs(features) @ recalled.T
        return logits


class CardiacFusion(nn.Module):
    """Adapter, cross-attention layers and the condition memory: one logit a query."""

    def __init__(
        self,
        config: FusionConfig,
        *,
        dimension: int,
        tokens: int,
        text_dimension: int,
        conditions: int,
    ) -> None:
        super().__init__()
        self.memory = ConditionMemory(
            conditions, dimension=dimension, text_dimension=text_dimension
        )
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
        # The attention layers start as a correction of nothing to what the memory recalls.
        nn.init.zeros_(self.readout.weight)

    def forward(self, features: Tensor, query_embeddings: Tensor) -> Tensor:
        """Features (window, token, dimension), queries (query, text) -> logits (window, query)."""
        scaled = query_embeddings * self.text_scale
        adapted = self.adapter_shortcut(scaled) + self.adapter(scaled)
        queries = adapted.unsqueeze(0).expand(features.shape[0], -1, -1)
        placed = features + self.position
        for layer in self.layers:
            queries = layer(queries, placed)
        attended: Tensor = self.readout(self.norm(queries)).squeeze(-1)
        logits: Tensor = attended + self.memory(features, query_embeddings)
        return logits


def masked_binary_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean binary cross-entropy over the targets that are not NaN; shapes (window, query)."""
    known = ~targets.isnan()
    return functional.binary_cross_entropy_with_logits(logits[known], targets[known])
