"""The whole trained network."""

import torch
from torch import Tensor, nn

from ecg_core.bundle import EcgEncoderSpec
from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.signs import SIGNS, measure_signs
from model_training.models.ecg_encoder import AnyEncoderConfig, EcgEncoder
from model_training.models.fusion import CardiacFusion, FusionConfig
from model_training.models.sign_trees import MeasuredConditions, TreesConfig
from model_training.models.weights import KeptModule
from model_training.models.windows import Windows


class FeatureEncoder(nn.Module):
    """Windows and signs in, ECG features out: the waveform's, and behind them what is measured."""

    def __init__(self, waveform: nn.Module, measured: MeasuredConditions | None) -> None:
        super().__init__()
        self.waveform = waveform
        self.measured = measured

    def forward(self, windows: Tensor, signs: Tensor) -> Tensor:
        """(window, lead, sample), (window, sign) -> features (window, token, dimension)."""
        features: Tensor = self.waveform(windows)
        if self.measured is None:
            return features
        measured: Tensor = self.measured(signs)
        return torch.cat([features, measured.unsqueeze(1).expand(-1, features.shape[1], -1)], 2)


class CardioQueryNetwork(KeptModule):
    """ECG encoder and cardiac fusion: windows, their signs and query embeddings in, logits out."""

    def __init__(
        self,
        encoder: AnyEncoderConfig,
        fusion: FusionConfig,
        preprocessing: PreprocessingSpec,
        *,
        text_dimension: int,
        conditions: int,
        trees: TreesConfig | None = None,
    ) -> None:
        super().__init__()
        tokens = encoder.tokens(preprocessing.window_samples)
        self.encoder = EcgEncoder(encoder, leads=len(preprocessing.leads))
        self.fusion = CardiacFusion(
            fusion,
            dimension=encoder.dimension,
            tokens=tokens,
            text_dimension=text_dimension,
            conditions=conditions,
            signs=len(SIGNS) if trees else 0,
        )
        self.preprocessing = preprocessing
        self.measured = MeasuredConditions(trees, conditions) if trees else None
        self.encoder_spec = EcgEncoderSpec(
            kind=encoder.kind,
            tokens=tokens,
            dimension=encoder.dimension + (conditions + len(SIGNS) if trees else 0),
            signs=tuple(sign.name for sign in SIGNS) if trees else (),
        )

    @property
    def features(self) -> FeatureEncoder:
        """The whole ECG encoder, as it is exported."""
        return FeatureEncoder(self.encoder, self.measured)

    def forward(self, windows: Tensor, signs: Tensor, query_embeddings: Tensor) -> Tensor:
        """Windows, signs and queries to logits.

        Args:
            windows: Shape (window, lead, sample).
            signs: Shape (window, sign); of no use to a network without trees.
            query_embeddings: Shape (query, text dimension).

        Returns:
            Shape (window, query).
        """
        logits: Tensor = self.fusion(self.features(windows, signs), query_embeddings)
        return logits

    @torch.inference_mode()
    def score(
        self, windows: Tensor | Windows, query_embeddings: Tensor, batch_size: int = 128
    ) -> Tensor:
        """Logits (window, query) in evaluation mode, batch by batch; measures what it needs."""
        self.eval()
        device, queries = self.device, query_embeddings.to(self.device)
        return torch.cat(
            [
                self(batch.to(device), self.signs(batch).to(device), queries).cpu()
                for batch in windows.split(batch_size)
            ]
        )

    def signs(self, windows: Tensor) -> Tensor:
        """The signs of windows, shape (window, sign); none for a network without trees."""
        if self.measured is None:
            return windows.new_zeros(len(windows), 0)
        return torch.from_numpy(measure_signs(windows.numpy(), self.preprocessing))
