"""The cardiac fusion network: query embeddings attend to ECG features.

Cross-attention only: with self-attention among queries, asking one more condition would change the
probabilities of the others (docs/adr/0001).
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional


class FusionConfig(BaseModel):
    """Size of a fusion network of cross-attention layers.

    Attributes:
        kind: Marks it.
        memory: Whether a memory of trained conditions answers beside the attention. Without, it is
            SuPreME as published: what answers is what the query attends to.
        dimension: Width of the queries inside the network.
        layers: Cross-attention layers.
        heads: Attention heads; they divide the dimension.
        feed_forward: Width of each layer's feed-forward part.
        adapter: Hidden width of the adapter on the frozen query embeddings.
        dropout: In attention outputs and feed-forward parts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["attention"] = "attention"
    memory: bool = True
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


class ConditionMemory(nn.Module):
    """What was learned of each trained condition, recalled by how close a query's text is to it.

    A query's logit is the mean of the trained conditions' logits, weighted by a softmax over the
    similarity of the (adapted) texts. Asked by its own name a trained condition recalls itself;
    an unseen one recalls its neighbours, or the measured signs that it is asked by. The attention
    layers add what those do not tell (docs/adr/0003, 0011).
    """

    keys: Tensor
    wordings: Tensor
    meant: Tensor
    measured_share: Tensor

    def __init__(self, conditions: int, signs: int, *, dimension: int, text_dimension: int) -> None:
        super().__init__()
        self.register_buffer("keys", torch.zeros(conditions + signs, text_dimension))
        # More keys, see `remember`; made of the catalogue, so not kept with the weights.
        nothing = torch.zeros(0, text_dimension), torch.zeros(0, dtype=torch.long)
        self.register_buffer("wordings", nothing[0], persistent=False)
        self.register_buffer("meant", nothing[1], persistent=False)
        # What the trees say of a condition is mixed in after training: of the recordings that they
        # were fitted on they know too much to learn beside them.
        self.register_buffer("measured_share", torch.tensor(0.0))
        self.outputs = ConditionOutputs(dimension, conditions)
        # A residual adapter, at first the identity: raw cosines confuse related conditions.
        self.adapter = nn.Linear(text_dimension, text_dimension, bias=False)
        nn.init.zeros_(self.adapter.weight)
        self.log_sharpness = nn.Parameter(torch.tensor(math.log(30.0)))

    @torch.no_grad()
    def remember(self, wordings: Tensor, meant: Tensor, sharpness: float | None = None) -> None:
        """Recall conditions and signs by more wordings than one, once training is over.

        A text that no list has is seldom close to a condition's name and description, but often to
        one of its other wordings.

        Args:
            wordings: Query embeddings, shape (wording, text dimension).
            meant: For each the number of its condition or sign, shape (wording,).
            sharpness: Of the softmax from now on; as trained unless given.
        """
        self.wordings, self.meant = wordings, meant
        if sharpness is not None:
            self.log_sharpness.fill_(math.log(sharpness))

    def _adapted(self, embeddings: Tensor) -> Tensor:
        # In double precision: the sharp softmax below would blow up the rounding of runtimes.
        exact = embeddings.double()
        adapted = functional.linear(exact, self.adapter.weight.double())
        return functional.normalize(exact + adapted, dim=-1)

    def forward(self, features: Tensor, measured: Tensor, query_embeddings: Tensor) -> Tensor:
        """One logit a query.

        Args:
            features: Of the waveform, shape (window, token, dimension).
            measured: What the trees say of each condition, and each sign's logit: shape
                (window, condition + sign), or (window, 0).
            query_embeddings: Shape (query, text dimension).

        Returns:
            Shape (window, query).
        """
        keys = torch.cat([self.keys, self.wordings])
        similarity = self._adapted(query_embeddings) @ self._adapted(keys).T
        recalled = (similarity * self.log_sharpness.double().exp()).softmax(dim=-1)
        known = self.outputs(features)
        if measured.shape[1]:
            conditions = known.shape[1]
            share = self.measured_share
            known = known * (1 - share) + measured[:, :conditions] * share
            known = torch.cat([known, measured[:, conditions:]], dim=1)
        known = torch.cat([known, known[:, self.meant]], dim=1)
        # A sum over more than a thousand wordings: its rounding, too, would be seen.
        logits: Tensor = (known.double() @ recalled.T).float()
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
        signs: int = 0,
    ) -> None:
        super().__init__()
        self.dimension = dimension
        # Cut out, to see what it is good for.
        self.without_attention = self.without_memory = False
        self.memory = None
        if config.memory:
            self.memory = ConditionMemory(
                conditions, signs, dimension=dimension, text_dimension=text_dimension
            )
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
        if self.memory is not None:
            # The attention starts as a correction of nothing to what the memory recalls.
            nn.init.zeros_(self.readout.weight)

    def forward(self, features: Tensor, query_embeddings: Tensor) -> Tensor:
        """Features and queries to logits.

        Args:
            features: Shape (window, token, dimension, and what was measured behind it: the same
                in every token).
            query_embeddings: Shape (query, text dimension).

        Returns:
            Shape (window, query).
        """
        measured, features = features[:, 0, self.dimension :], features[..., : self.dimension]
        scaled = query_embeddings * self.text_scale
        adapted = self.adapter_shortcut(scaled) + self.adapter(scaled)
        queries = adapted.unsqueeze(0).expand(features.shape[0], -1, -1)
        placed = features + self.position
        for layer in self.layers:
            queries = layer(queries, placed)
        attended: Tensor = self.readout(self.norm(queries)).squeeze(-1)
        if self.without_attention:
            attended = torch.zeros_like(attended)
        if self.memory is not None and not self.without_memory:
            attended = attended + self.memory(features, measured, query_embeddings)
        return attended


def masked_binary_cross_entropy(
    logits: Tensor,
    targets: Tensor,
    weights: Tensor | None = None,
    positive_weights: Tensor | None = None,
) -> Tensor:
    """Mean binary cross-entropy over the targets that are not NaN.

    Args:
        logits: Shape (window, query).
        targets: The same shape, in [0, 1].
        weights: Of each query's loss, shape (query,); 1 unless given.
        positive_weights: How much more a present condition counts than an absent one, shape
            (query,); 1 unless given. The logits are moved by their logarithm first, so that what
            minimises the loss is still the log odds, and nothing has to be taken back later (as
            the logit adjustment of Menon et al. 2021).
    """
    known = ~targets.isnan()
    weight = None if weights is None else weights.expand_as(targets)[known]
    more = None
    if positive_weights is not None:
        logits = logits + positive_weights.log()
        more = positive_weights.expand_as(targets)[known]
    return functional.binary_cross_entropy_with_logits(
        logits[known], targets[known], weight, pos_weight=more
    )
