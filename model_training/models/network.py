"""The whole network of SuPreME as published: an ECG encoder, and text queries that attend to it."""

import torch
from torch import Tensor

from ecg_core.bundle import EcgEncoderSpec
from ecg_core.preprocessing import PreprocessingSpec
from model_training.models.ecg_encoder import AnyEncoderConfig, EcgEncoder
from model_training.models.fusion import CardiacFusion, FusionConfig
from model_training.models.weights import KeptModule
from model_training.models.windows import Windows


class CardioQueryNetwork(KeptModule):
    """ECG encoder and cardiac fusion: windows and query embeddings in, logits out."""

    def __init__(
        self,
        encoder: AnyEncoderConfig,
        fusion: FusionConfig,
        preprocessing: PreprocessingSpec,
        *,
        text_dimension: int,
    ) -> None:
        super().__init__()
        tokens = encoder.tokens(preprocessing.window_samples)
        self.encoder = EcgEncoder(encoder, leads=len(preprocessing.leads))
        self.fusion = CardiacFusion(
            fusion, dimension=encoder.dimension, tokens=tokens, text_dimension=text_dimension
        )
        self.encoder_spec = EcgEncoderSpec(
            kind=encoder.kind, tokens=tokens, dimension=encoder.dimension
        )

    def read(self, windows: Tensor) -> Tensor:
        """What every query is put to: windows (window, lead, sample) -> (window, token, width)."""
        features: Tensor = self.encoder(windows)
        return features

    def forward(self, windows: Tensor, query_embeddings: Tensor) -> Tensor:
        """(window, lead, sample), (query, text dimension) -> logits (window, query)."""
        logits: Tensor = self.fusion(self.read(windows), query_embeddings)
        return logits

    @torch.inference_mode()
    def score(
        self, windows: Tensor | Windows, query_embeddings: Tensor, batch_size: int = 128
    ) -> Tensor:
        """Logits (window, query) in evaluation mode, batch by batch; on the CPU."""
        self.eval()
        queries = query_embeddings.to(self.device)
        batches = windows.split(batch_size)
        return torch.cat([self(batch.to(self.device), queries).cpu() for batch in batches])
