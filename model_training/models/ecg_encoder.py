"""The ECG encoder, of either kind: 12 leads in, a sequence of ECG features out."""

from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from model_training.models.vit import VitBranch, VitEncoderConfig

_STRIDE = 16


class EcgEncoderConfig(BaseModel):
    """Size of a residual encoder.

    Attributes:
        kind: A residual 1-D convolutional network (He et al. 2016; on ECG Strodthoff et al. 2021).
        width: Channels of the first stage; later ones are multiples of it.
        kernel_samples: Width of the convolutions.
        branches: Networks side by side, each warmed up for itself from its own random start: what
            they get wrong differs, so their mean is better than either (Lakshminarayanan et al.
            2017).
        branch_dimension: Width of each branch's features.
        dropout: Between the convolutions of a block.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["resnet1d"] = "resnet1d"
    width: int = Field(default=32, ge=1)
    kernel_samples: int = Field(default=7, ge=1)
    branches: int = Field(default=1, ge=1)
    branch_dimension: int = Field(default=128, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)

    @property
    def dimension(self) -> int:
        """Width of the features: those of all branches side by side."""
        return self.branches * self.branch_dimension

    def tokens(self, window_samples: int) -> int:
        """Number of tokens for windows of this length."""
        return -(-window_samples // _STRIDE)


AnyEncoderConfig = Annotated[EcgEncoderConfig | VitEncoderConfig, Field(discriminator="kind")]


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut; the shortcut averages where the block shortens."""

    def __init__(self, inputs: int, outputs: int, stride: int, config: EcgEncoderConfig) -> None:
        super().__init__()
        kernel, padding = config.kernel_samples, config.kernel_samples // 2
        self.body = nn.Sequential(
            nn.Conv1d(inputs, outputs, kernel, stride, padding, bias=False),
            nn.BatchNorm1d(outputs),
            nn.ReLU(inplace=True),
            nn.Dropout(config.dropout),
            nn.Conv1d(outputs, outputs, kernel, 1, padding, bias=False),
            nn.BatchNorm1d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.AvgPool1d(stride, stride, ceil_mode=True),
                nn.Conv1d(inputs, outputs, 1, bias=False),
                nn.BatchNorm1d(outputs),
            )
        self.activation = nn.ReLU(inplace=True)

    def forward(self, samples: Tensor) -> Tensor:
        """(window, inputs, sample) -> (window, outputs, sample / stride)."""
        activated: Tensor = self.activation(self.body(samples) + self.shortcut(samples))
        return activated


class EcgEncoderBranch(nn.Module):
    """A ResNet whose last feature map has one token every 16 samples."""

    def __init__(self, config: EcgEncoderConfig, leads: int) -> None:
        super().__init__()
        width = config.width
        self.stem = nn.Sequential(
            nn.Conv1d(leads, width, 15, 2, 7, bias=False), nn.BatchNorm1d(width), nn.ReLU()
        )
        self.stages = nn.Sequential(
            ResidualBlock(width, width, 2, config),
            ResidualBlock(width, 2 * width, 2, config),
            ResidualBlock(2 * width, 3 * width, 2, config),
            ResidualBlock(3 * width, 4 * width, 1, config),
        )
        self.project = nn.Conv1d(4 * width, config.branch_dimension, 1)

    def forward(self, windows: Tensor) -> Tensor:
        """(window, lead, sample) -> features (window, token, branch dimension)."""
        features: Tensor = self.project(self.stages(self.stem(windows)))
        return features.transpose(1, 2)


class EcgEncoder(nn.Module):
    """The branches' features side by side."""

    def __init__(self, config: AnyEncoderConfig, leads: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(make_branch(config, leads) for _ in range(config.branches))

    def forward(self, windows: Tensor) -> Tensor:
        """(window, lead, sample) -> ECG features (window, token, dimension)."""
        return torch.cat([branch(windows) for branch in self.branches], dim=2)


def make_branch(config: AnyEncoderConfig, leads: int) -> nn.Module:
    """One branch with fresh weights, of either kind."""
    if isinstance(config, VitEncoderConfig):
        return VitBranch(config, leads)
    return EcgEncoderBranch(config, leads)
