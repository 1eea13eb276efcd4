"""The whole network whose answer goes through what a query attends to, and through nothing else.

Concept tokens are made of the recording (`concepts`); a query attends to them by what they are
called (`naming`), or, where it is a condition or a sign, to that one alone. A logit is the tokens
weighted by that attention: there is no other way from an ECG to an answer.
"""

from typing import Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from ecg_core.bundle import EcgEncoderSpec
from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.signs import SIGNS, signs_measured
from model_training.models.concepts import ConceptsConfig, SignReader, WaveReader, mixed_tokens
from model_training.models.ecg_encoder import AnyEncoderConfig, make_branch
from model_training.models.naming import NamedAttention
from model_training.models.weights import KeptModule
from model_training.models.windows import Windows


class TokensConfig(ConceptsConfig):
    """A fusion of concept tokens.

    Attributes:
        kind: Marks it.
        sharpness: At which the attention to names starts.
    """

    kind: Literal["tokens"]
    sharpness: float = Field(default=20.0, gt=0)


class TokenFusion(nn.Module):
    """Tokens weighted by attention: a logit for each query.

    Attributes:
        uniform: Attend to all tokens alike instead: the attention is cut out, to see what it is
            good for.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.uniform = False
        self.register_buffer("mean", torch.zeros(tokens))
        self.register_buffer("deviation", torch.ones(tokens))

    @torch.no_grad()
    def standardise(self, tokens: Tensor) -> None:
        """Take mean and deviation of every token (window, token) over training recordings."""
        self.mean.copy_(tokens.mean(0))
        self.deviation.copy_(tokens.std(0).clamp_min(1e-3))

    def forward(self, tokens: Tensor, attention: Tensor) -> Tensor:
        """Tokens and attention to logits.

        A common sign must not drown a rare one: tokens are added in their own deviations. With all
        attention on one token the logit is that token.

        Args:
            tokens: Shape (window, token).
            attention: Shape (query, token), in any unit.

        Returns:
            Shape (window, query).
        """
        if self.uniform:
            attention = torch.ones_like(attention)
        share = attention / attention.sum(1, keepdim=True).clamp_min(1e-6)
        standard = (tokens - self.mean) / self.deviation
        logits: Tensor = standard @ share.T * (share @ self.deviation) + share @ self.mean
        return logits


class TokenEncoder(nn.Module):
    """A recording as tokens: the graph that is exported.

    Attributes:
        without_waveform, without_signs: A path is cut out, to see what it is good for.
    """

    composed: Tensor

    def __init__(
        self, readers: nn.ModuleList, sign_readers: nn.ModuleList, composed: Tensor,
        config: ConceptsConfig,
    ) -> None:  # fmt: skip
        super().__init__()
        self.readers, self.sign_readers, self.config = readers, sign_readers, config
        self.register_buffer("composed", composed)
        self.without_waveform = False
        self.without_signs = False

    def forward(
        self, windows: Tensor, lead_mask: Tensor, signs: Tensor, measured: Tensor
    ) -> Tensor:
        """Tokens: trained conditions, signs, conditions composed of signs.

        Args:
            windows: Shape (window, lead, sample).
            lead_mask: 1 where a lead is there, shape (window, lead).
            signs: In softnesses, any finite value where not measured: (window, sign).
            measured: 1 where measured, shape (window, sign).

        Returns:
            Shape (window, token).
        """
        wave = torch.stack([reader(windows, lead_mask) for reader in self.readers]).mean(0)
        if self.without_waveform:
            wave = torch.zeros_like(wave)
        if self.without_signs:
            measured = torch.zeros_like(measured)
        by_signs = torch.stack([r(signs, measured) for r in self.sign_readers]).mean(0)
        read = mixed_tokens(wave, by_signs, signs * measured, measured, self.config)
        told = read[:, by_signs.shape[1] :]
        return torch.cat([read, told @ self.composed.T], dim=1)


class AllFeatures(nn.Module):
    """The features of all branches side by side, as a probe reads them."""

    def __init__(self, readers: nn.ModuleList) -> None:
        super().__init__()
        self.readers = readers

    def forward(self, windows: Tensor) -> Tensor:
        """(window, lead, sample) -> features (window, time, dimension of all branches)."""
        mask = leads_there(windows)
        readers = (cast(WaveReader, reader) for reader in self.readers)
        return torch.cat([reader.features(windows, mask) for reader in readers], dim=2)


class TokenNetwork(KeptModule):
    """Windows, their signs and attention rows in, logits out."""

    def __init__(
        self, encoder: AnyEncoderConfig, fusion: TokensConfig, preprocessing: PreprocessingSpec,
        *, text_dimension: int, conditions: int, composed: Tensor,
    ) -> None:  # fmt: skip
        """Make it with fresh weights.

        Args:
            encoder: Size of the branches.
            fusion: Of the rest.
            preprocessing: Of the windows.
            text_dimension: Of query embeddings.
            conditions: How many are trained.
            composed: Conditions that no label trains, as weights of signs: (condition, sign).
        """
        super().__init__()
        signs = len(SIGNS)
        concepts = conditions + signs
        self.preprocessing = preprocessing
        readers = nn.ModuleList(
            WaveReader(
                make_branch(encoder, 2 * len(preprocessing.leads)),
                encoder.branch_dimension, concepts, fusion,
            )
            for _ in range(encoder.branches)
        )  # fmt: skip
        sign_readers = nn.ModuleList(
            SignReader(signs, conditions, fusion) for _ in range(fusion.sign_readers)
        )
        shares = composed / composed.sum(1, keepdim=True)
        self.tokens = TokenEncoder(readers, sign_readers, shares, fusion)
        tokens = concepts + len(composed)
        self.naming = NamedAttention(text_dimension, tokens, fusion.sharpness)
        self.fusion = TokenFusion(tokens)
        self.encoder_spec = EcgEncoderSpec(
            kind=encoder.kind,
            tokens=encoder.tokens(preprocessing.window_samples),
            dimension=encoder.dimension,
            signs=tuple(sign.name for sign in SIGNS),
        )

    @property
    def encoder(self) -> AllFeatures:
        """The encoder alone."""
        return AllFeatures(self.tokens.readers)

    def features(self, windows: Tensor, signs: Tensor) -> Tensor:
        """(window, lead, sample), (window, sign): NaN where not measured -> (window, token)."""
        measured = signs.isfinite()
        tokens: Tensor = self.tokens(
            windows, leads_there(windows), signs.nan_to_num(0.0), measured.to(windows.dtype)
        )
        return tokens

    def forward(self, windows: Tensor, signs: Tensor, attention: Tensor) -> Tensor:
        """Windows, signs (NaN: not measured) and attention (query, token) -> (window, query)."""
        logits: Tensor = self.fusion(self.features(windows, signs), attention)
        return logits

    def read(self, windows: Tensor) -> Tensor:
        """What every query is put to: as `features`, and measures what that needs."""
        return self.features(windows.to(self.device), self.signs(windows).to(self.device))

    @torch.inference_mode()
    def score(self, windows: Tensor | Windows, attention: Tensor, batch_size: int = 128) -> Tensor:
        """Logits (window, query) in evaluation mode, batch by batch; on the CPU."""
        self.eval()
        attention = attention.to(self.device)
        batches = windows.split(batch_size)
        return torch.cat([self.fusion(self.read(batch), attention).cpu() for batch in batches])

    def signs(self, windows: Tensor) -> Tensor:
        """The signs of windows, shape (window, sign); NaN where they cannot be measured."""
        return torch.from_numpy(signs_measured(windows.numpy(), self.preprocessing))


def leads_there(windows: Tensor) -> Tensor:
    """1 for each lead that is there, (window, lead): prepared windows hold zeros elsewhere."""
    return (windows != 0).any(-1).to(windows.dtype)
