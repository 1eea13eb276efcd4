"""Training of a fusion of tokens: each path by a loss of its own, the naming from text alone.

Labels teach the tokens, texts teach which tokens are meant: mixed in one loss, labels of a few
conditions harm the reading of texts.
"""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.signs import signs_measured
from model_training.data.labelled import VALIDATION_FOLD
from model_training.fitting import FitOptions, Ranks, fit, seed_everything
from model_training.fitting.lead_sets import draw_masks
from model_training.models.concepts import SignReader, WaveReader, told_signs
from model_training.models.fusion import masked_binary_cross_entropy
from model_training.models.naming import NamedAttention, naming_loss
from model_training.models.network import CardioQueryNetwork
from model_training.models.token_network import TokenNetwork, leads_there
from model_training.models.weights import save_atomically
from model_training.models.windows import Windows
from model_training.run.config import TokenTrainingConfig
from model_training.run.pretraining import Pretraining
from model_training.run.workbench import Workbench

_SHAPING = {
    "seed", "preprocessing", "data", "labels", "augmentation", "signs", "imbalance",
    "fusion_training",
}  # fmt: skip
_PROBED = 8  # recordings by which it is found out which leads a sign needs


class TokenPretraining(Pretraining):
    """The phases of a fusion of tokens on one workbench."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench)
        if not isinstance(bench.network, TokenNetwork) or bench.run.config.token_training is None:
            raise TypeError("the run's fusion has no tokens")
        self.network: TokenNetwork = bench.network
        self.training: TokenTrainingConfig = bench.run.config.token_training
        self.signs = torch.from_numpy(bench.measured)
        self.told = told_signs(self.signs)
        self.missing_leads = bench.run.config.augmentation.missing_leads

    def train(self) -> TokenNetwork:
        """All phases; what one has kept in the run's folder is taken from there."""
        for number in range(len(self.network.tokens.readers)):
            self.train_branch(number)
        self._train_sign_readers()
        self._standardise()
        self.train_naming()
        return self.network

    def train_branch(self, number: int) -> None:
        """A branch of the encoder under its concept queries, unless it was trained before."""
        kept = self.bench.run.folder / f"branch_{number + 1}.pt"
        reader = cast(WaveReader, self.network.tokens.readers[number])
        state = self._kept_branch(kept)
        if state is None:
            seed_everything(self.bench.run.config.seed + number)
            config, log = self.bench.run.config.fusion_training, kept.with_suffix(".csv")
            options = self._options(kept.stem)
            trained = fit(
                reader, config, self.rows, self._branch_loss, self._validate_branch, log, options
            )
            state = trained.state_dict()
            if Ranks.current().is_main:
                save_atomically({"digest": self._branch_digest, "state": state}, kept)
        reader.load_state_dict(state, strict=True)

    def _kept_branch(self, path: Path) -> dict[str, Tensor] | None:
        """What was trained before of the same recordings, labels and configuration."""
        if not (self.bench.run.resume and path.exists()):
            return None
        kept = torch.load(path, weights_only=True)
        if kept["digest"] != self._branch_digest:
            raise ValueError(f"{path.name} is of another configuration or other recordings")
        state: dict[str, Tensor] = kept["state"]
        return state

    @cached_property
    def _branch_digest(self) -> str:
        """Of all that a branch depends on: not of texts, which it never sees."""
        config, recordings = self.bench.run.config, self.bench.recordings
        shaping = (
            config.model_dump_json(include=_SHAPING),
            config.ecg_encoder.model_dump_json(exclude={"branches"}),
            config.fusion.model_dump_json(include={"heads", "key_dimension", "wave_dropout"}),
        )
        digest = hashlib.sha256(repr((shaping, recordings.conditions)).encode())
        for values in (recordings.ecg_ids, recordings.targets, self.bench.measured):
            digest.update(np.ascontiguousarray(values).data)
        return digest.hexdigest()

    def _branch_loss(self, reader: WaveReader, batch: Tensor) -> Tensor:
        windows = self.windows[batch]
        mask = leads_there(windows) * draw_masks(len(batch), self.missing_leads)
        logits = reader(self.augment(windows.to(self.device)), mask.to(self.device))
        return self._losses(logits, batch)

    def _losses(self, logits: Tensor, batch: Tensor) -> Tensor:
        """Of what the waveform says of conditions and of signs."""
        config, device = self.bench.run.config.signs, self.device
        count = self.targets.shape[1]
        loss = self._loss(logits[:, :count], batch)
        told = self.told[batch].to(device)
        if config is None or not told.isfinite().any():
            return loss
        return loss + config.weight * masked_binary_cross_entropy(logits[:, count:], told)

    @torch.inference_mode()
    def _validate_branch(self, reader: WaveReader) -> float:
        reader.eval()

        def score(windows: Windows) -> Tensor:
            batches = (batch.to(self.device) for batch in windows.split(128))
            return torch.cat([reader(batch, leads_there(batch)).cpu() for batch in batches])

        return self._validation_loss(score)

    def _train_sign_readers(self) -> None:
        needs = leads_needed(self.windows, self.rows, self.bench.run.config.preprocessing)
        validation = self.signs[self.bench.recordings.rows(VALIDATION_FOLD)]

        def loss_of(reader: SignReader, batch: Tensor) -> Tensor:
            return self._sign_loss(reader, batch, needs)

        @torch.inference_mode()
        def validate(reader: SignReader) -> float:
            reader.eval()
            measured = validation.isfinite().float().to(self.device)
            logits = reader(validation.nan_to_num(0.0).to(self.device), measured)
            return self.bench.validation_loss(logits.cpu())

        for number, module in enumerate(self.network.tokens.sign_readers, start=1):
            reader = cast(SignReader, module)
            seed_everything(self.bench.run.config.seed + number)
            log = self.bench.run.folder / f"sign_reader_{number}.csv"
            training = self.training.signs.training
            options = self._options(log.stem)
            trained = fit(reader, training, self.rows, loss_of, validate, log, options)
            reader.load_state_dict(trained.state_dict(), strict=True)

    def _sign_loss(self, reader: SignReader, batch: Tensor, needs: Tensor) -> Tensor:
        """Of the labels, by signs of which some are not measured and none is exact."""
        config, signs = self.training.signs, self.signs[batch]
        lacking = 1 - draw_masks(len(batch), self.missing_leads)
        measured = signs.isfinite() & (lacking @ needs.T == 0)
        measured &= torch.rand_like(signs) >= config.unmeasured
        jittered = signs.nan_to_num(0.0) + config.jitter * torch.randn_like(signs)
        return self._loss(reader(jittered.to(self.device), measured.float().to(self.device)), batch)

    @torch.inference_mode()
    def _standardise(self) -> None:
        """Mean and deviation of the tokens of all training recordings, as they are."""
        network = self.network.cpu().eval()
        windows = Windows(self.bench.recordings.windows, self.rows)
        signs = self.signs[torch.from_numpy(self.rows)].split(128)
        batches = zip(windows.split(128), signs, strict=True)
        network.fusion.standardise(torch.cat([network.features(*batch) for batch in batches]))

    def train_naming(self) -> None:
        """The attention to names, on the wordings that the workbench lets it hear."""
        config = self.training.naming
        naming = self.network.naming
        seed_everything(self.bench.run.config.seed)
        self.bench.listen()
        frequency = naming.belongs.sum(0)
        drawn = torch.distributions.Categorical((1 / frequency)[naming.means])

        def loss_of(module: NamedAttention, batch: Tensor) -> Tensor:
            # Drawn anew, so that every concept is as likely as another, however many wordings.
            return naming_loss(
                module, drawn.sample(torch.Size([len(batch)])),
                noise=config.noise, mixed=config.mixed, banned=config.banned,
            )  # fmt: skip

        @torch.inference_mode()
        def validate(module: NamedAttention) -> float:
            rows = torch.arange(len(module.keys))
            return float(naming_loss(module, rows, noise=0.0, mixed=0.0, banned=1.0))

        rows = np.arange(len(naming.keys))
        log = self.bench.run.folder / "naming.csv"
        # One process for itself: it takes seconds.
        options = FitOptions(ranks=Ranks())
        trained = fit(naming, config.training, rows, loss_of, validate, log, options)
        naming.load_state_dict(trained.state_dict(), strict=True)


def train_network(bench: Workbench) -> CardioQueryNetwork | TokenNetwork:
    """The workbench's network, trained as its kind is."""
    if isinstance(bench.network, TokenNetwork):
        return TokenPretraining(bench).train()
    return Pretraining(bench).train_fusion()


def leads_needed(windows: Windows, rows: NDArray[np.intp], spec: PreprocessingSpec) -> Tensor:
    """Which leads each sign cannot be measured without: 1 or 0, shape (sign, lead).

    Found out by taking leads away from a few recordings. Without a lead, P waves or a boundary may
    be missed in a recording where they were just found: a sign needs a lead whose loss it does not
    outlive in most.

    Args:
        windows: Of all recordings.
        rows: Of those to look at, evenly spread.
        spec: What they were prepared with.
    """
    chosen = rows[np.linspace(0, len(rows) - 1, min(_PROBED, len(rows)), dtype=int)]
    whole = windows[torch.from_numpy(chosen)].numpy()
    there = np.isfinite(signs_measured(whole, spec))
    needs = np.zeros((there.shape[1], whole.shape[1]), np.float32)
    for lead in range(whole.shape[1]):
        without = whole.copy()
        without[:, lead] = 0
        lost = there & ~np.isfinite(signs_measured(without, spec))
        needs[:, lead] = lost.sum(axis=0) > 0.5 * there.sum(axis=0)
    return torch.from_numpy(needs)
