"""Concept tokens: what the ECG says of each trained condition and of each measured sign.

One learned query for each concept attends over the time of the waveform's features; a second path
reads the conditions from all measured signs at once. Each path learns by a loss of its own, so
that what they get wrong differs; a token is their weighted mean.
"""

import math

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ecg_core.asking.measuring import CERTAIN


class ConceptsConfig(BaseModel):
    """Size of the paths to the concept tokens, and how they are mixed.

    Attributes:
        heads: Of each concept's attention over time.
        key_dimension: Width of a head's keys.
        wave_dropout: Of the features that are read.
        sign_readers: Networks side by side that read the signs, each from a start of its own.
        hidden: Their width.
        sign_dropout: Within them.
        sign_share: Of the signs in a condition's token, if all are measured; the rest is the
            waveform's.
        measured_share: Of the measurement in a sign's token, if it is measured; the rest is what
            the waveform says of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    heads: int = Field(default=4, ge=1)
    key_dimension: int = Field(default=32, ge=1)
    wave_dropout: float = Field(default=0.2, ge=0, lt=1)
    sign_readers: int = Field(default=2, ge=1)
    hidden: int = Field(default=256, ge=1)
    sign_dropout: float = Field(default=0.4, ge=0, lt=1)
    sign_share: float = Field(default=0.6, ge=0, le=1)
    measured_share: float = Field(default=0.6, ge=0, le=1)


class WaveAttention(nn.Module):
    """Concept queries attend over time, each head with its own reading of a token.

    Attributes:
        uniform: Attend to all times alike instead: the attention is cut out, to see what it is
            good for.
    """

    def __init__(self, dimension: int, concepts: int, config: ConceptsConfig) -> None:
        super().__init__()
        heads, width = config.heads, config.key_dimension
        self.heads, self.width = heads, width
        self.uniform = False
        self.norm = nn.LayerNorm(dimension)
        self.key = nn.Linear(dimension, heads * width)
        self.query = nn.Parameter(0.1 * torch.randn(heads, concepts, width))
        self.reading = nn.Parameter(0.02 * torch.randn(heads, concepts, dimension))
        self.bias = nn.Parameter(torch.zeros(concepts))
        self.dropout = nn.Dropout(config.wave_dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Features (window, time, dimension) -> logits (window, concept)."""
        features = self.norm(features)
        keys = self.key(features).unflatten(-1, (self.heads, self.width))
        scores = torch.einsum("bthd,hnd->bhnt", keys, self.query) / math.sqrt(self.width)
        if self.uniform:
            scores = torch.zeros_like(scores)
        values = torch.einsum("btf,hnf->bhnt", self.dropout(features), self.reading)
        logits: Tensor = (scores.softmax(-1) * values).sum(-1).sum(1) + self.bias
        return logits


class WaveReader(nn.Module):
    """A branch of the ECG encoder under concept queries; it sees which leads are there."""

    def __init__(
        self, branch: nn.Module, dimension: int, concepts: int, config: ConceptsConfig
    ) -> None:
        """Takes a branch whose inputs are the leads, and for each whether it is there."""
        super().__init__()
        self.branch = branch
        self.attention = WaveAttention(dimension, concepts, config)

    def features(self, windows: Tensor, lead_mask: Tensor) -> Tensor:
        """(window, lead, sample), (window, lead) -> features (window, time, dimension)."""
        there = lead_mask.unsqueeze(-1)
        features: Tensor = self.branch(torch.cat([windows * there, there.expand_as(windows)], 1))
        return features

    def forward(self, windows: Tensor, lead_mask: Tensor) -> Tensor:
        """(window, lead, sample), (window, lead): 1 or 0 -> logits (window, concept)."""
        logits: Tensor = self.attention(self.features(windows, lead_mask))
        return logits


class SignReader(nn.Module):
    """What all measured signs together say of the trained conditions."""

    def __init__(self, signs: int, conditions: int, config: ConceptsConfig) -> None:
        super().__init__()
        hidden, dropout = config.hidden, config.sign_dropout
        self.trunk = nn.Sequential(
            nn.Linear(3 * signs, hidden), nn.GELU(), nn.Dropout(dropout),
            nn.Linear(hidden, hidden), nn.GELU(), nn.Dropout(dropout),
        )  # fmt: skip
        self.output = nn.Linear(hidden, conditions)
        self.additive = nn.Linear(3 * signs, conditions)

    def forward(self, signs: Tensor, measured: Tensor) -> Tensor:
        """Signs (window, sign) in softnesses, and 1 where measured -> (window, condition)."""
        signs = signs * measured
        flat = torch.cat([(signs / 2).tanh(), (signs / 8).tanh(), measured - 1], dim=-1)
        logits: Tensor = self.output(self.trunk(flat)) + self.additive(flat)
        return logits


def told_signs(signs: Tensor) -> Tensor:
    """Targets of what the waveform says of measured signs: soft, NaN where not measured.

    So a sign's logit, doubled, is in the measurement's own unit.
    """
    return (signs / 2).sigmoid()


def mixed_tokens(wave: Tensor, by_signs: Tensor, signs: Tensor, measured: Tensor,
                 config: ConceptsConfig) -> Tensor:  # fmt: skip
    """Both paths and the measurements as tokens.

    Args:
        wave: What the waveform says of conditions, then of signs: (window, concept).
        by_signs: What the signs say of conditions: (window, condition).
        signs: In softnesses, 0 where not measured: (window, sign).
        measured: 1 where measured, else 0: the same shape.
        config: The shares.

    Returns:
        Shape (window, concept). A sign that is not measured is read from the waveform alone, as
        are conditions without any sign.
    """
    conditions = by_signs.shape[1]
    some = measured.mean(-1, keepdim=True) * config.sign_share
    known = (1 - some) * wave[:, :conditions] + some * by_signs
    share = measured * config.measured_share
    value = CERTAIN * (signs / CERTAIN).tanh()
    told = share * value + (1 - share) * 2 * wave[:, conditions:]
    return torch.cat([known, told], dim=1)
