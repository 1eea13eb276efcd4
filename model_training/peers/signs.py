"""Measured signs as a peer is given them: beside the features, and as further things to be asked.

No peer has them as published. They show what our method owes to the measurements alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ecg_core.signs import Sign
from model_training.models.concepts import ConceptsConfig, SignReader
from model_training.peers.config import PeerSignsConfig

Measure = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class GivenSigns:
    """What a peer is given.

    Attributes:
        signs: What they are called.
        measured: Shape (recording, sign), in softnesses; NaN where it cannot be measured.
        measure: Windows (recording, lead, sample) to the same of other recordings.
        config: How they are read.
    """

    signs: tuple[Sign, ...]
    measured: Tensor
    measure: Measure
    config: PeerSignsConfig

    @property
    def targets(self) -> Tensor:
        """Whether each sign is there, softly: within [0, 1], NaN where not measured."""
        return self.measured.sigmoid()


class EncoderWithSigns(nn.Module):
    """An encoder each of whose tokens also holds what all measured signs say."""

    def __init__(self, encoder: nn.Module, given: GivenSigns) -> None:
        """The signs are read by a network as ours has one."""
        super().__init__()
        config = given.config
        size = ConceptsConfig(hidden=config.hidden, sign_dropout=config.dropout)
        self.encoder = encoder
        self.reader = SignReader(len(given.signs), config.width, size)
        self._measure = given.measure

    def forward(self, windows: Tensor, signs: Tensor | None = None) -> Tensor:
        """Windows to features.

        Args:
            windows: Shape (recording, lead, sample).
            signs: Theirs, shape (recording, sign), NaN where not measured; measured here unless
                they are given.

        Returns:
            Shape (recording, token, dimension of the encoder + width of the signs).
        """
        if signs is None:
            signs = torch.from_numpy(self._measure(windows.numpy()))
        measured = signs.isfinite().to(windows.dtype)
        told = self.reader(signs.nan_to_num(0.0), measured).unsqueeze(1)
        features = self.encoder(windows)
        return torch.cat([features, told.expand(-1, features.shape[1], -1)], dim=2)
