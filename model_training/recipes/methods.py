"""Every method on one workbench: ours, and the peers beside it.

Same encoder, recordings, labels, wordings, augmentation, batch size and number of epochs. KED and
the fixed labels start from a warm-up under fixed outputs, as ours does (its epochs count); MERL,
which knows no labels but in its texts, starts fresh and takes the epochs of both phases. Measured
signs are part of our method: the peers learn the conditions alone, as they were published.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor, nn

from model_training.fitting import OptimiserConfig
from model_training.models.fixed_outputs import FixedOutputs
from model_training.models.network import CardioQueryNetwork
from model_training.peers import (
    PeersConfig,
    PeerTask,
    Scorer,
    train_fixed,
    train_ked,
    train_merl,
)
from model_training.peers.texts import read_reports
from model_training.recipes.config import RunConfig
from model_training.recipes.pretrain import Pretraining
from model_training.recipes.workbench import Workbench, seed_everything


@dataclass(frozen=True, slots=True)
class NetworkScorer:
    """Our network as a scorer."""

    network: CardioQueryNetwork

    def logits(self, windows: Tensor, query_embeddings: Tensor) -> Tensor:
        """(recording, lead, sample), (query, text dimension) -> logits (recording, query)."""
        return self.network.score(windows, query_embeddings)


def warmed(bench: Workbench, folder: Path) -> FixedOutputs:
    """The encoder under fixed outputs: trained once a folder, then read; reseeds either way."""
    file = folder / "fixed_outputs.pt"
    if file.exists():
        bench.fixed.restore(file)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        run = replace(bench.run, folder=folder)
        Pretraining(replace(bench, run=run)).warm_up().save(file)
        bench.fixed.restore(file)
    seed_everything(bench.run.config.seed)
    return bench.fixed


def train_ours(bench: Workbench, warm_up: Path) -> Scorer:
    """Our method as it ships; trained once a folder, then read."""
    if not bench.network_file.exists():
        Pretraining(bench).train_fusion(warmed(bench, warm_up)).save(bench.network_file)
    bench.network.restore(bench.network_file)
    bench.remember(bench.network)
    return NetworkScorer(bench.network)


def train_random(bench: Workbench) -> Scorer:
    """Our text-query head on an encoder that was never trained."""
    bench.network.encoder.requires_grad_(requires_grad=False)
    network = Pretraining(bench).train_fusion(bench.fixed)
    bench.remember(network)
    return NetworkScorer(network)


def _task(bench: Workbench, encoder: nn.Module, optimiser: OptimiserConfig) -> PeerTask:
    config = bench.run.config
    release = bench.run.shared / "ptb-xl"
    pretraining = Pretraining(bench)
    return PeerTask(
        recordings=bench.recordings,
        reports=read_reports(release, bench.recordings, bench.left_out),
        conditions=bench.conditions,
        embedder=bench.embedder,
        encoder=encoder,
        feature_dimension=config.ecg_encoder.dimension,
        tokens=config.ecg_encoder.tokens(config.preprocessing.window_samples),
        augment=pretraining.augment,
        canonical_share=config.wordings.canonical_share,
        noise=config.wordings.noise,
        positive_weights=pretraining.positive_weights[: len(bench.conditions)],
        optimiser=optimiser,
        log=bench.run.folder / "training.csv",
    )


def _peer_fixed(bench: Workbench, peers: PeersConfig, warm_up: Path) -> Scorer:
    fixed = warmed(bench, warm_up)
    task = _task(bench, fixed.encoder, bench.run.config.fusion_training)
    return train_fixed(task, peers.fixed, fixed.outputs)


def _peer_ked(bench: Workbench, peers: PeersConfig, warm_up: Path) -> Scorer:
    encoder = warmed(bench, warm_up).encoder
    return train_ked(_task(bench, encoder, bench.run.config.fusion_training), peers.ked)


def _peer_merl(bench: Workbench, peers: PeersConfig, warm_up: Path) -> Scorer:
    config = bench.run.config
    epochs = config.warm_up.epochs + config.fusion_training.epochs
    optimiser = config.fusion_training.model_copy(update={"epochs": epochs})
    return train_merl(_task(bench, bench.fixed.encoder, optimiser), peers.merl)


def config_of(method: str, config: RunConfig) -> RunConfig:
    """The configuration that a method's workbench is opened with; signs are ours alone."""
    return config if method == "ours" else config.model_copy(update={"signs": None})


# Rows that stand beside the peers and are none: ours with something taken away.
ABLATIONS = ("no_signs",)


# Each takes a fresh workbench, the peers' configuration and the folder of the warm-up they share.
METHODS: Mapping[str, Callable[[Workbench, PeersConfig, Path], Scorer]] = {
    "ours": lambda bench, _, warm_up: train_ours(bench, warm_up),
    "merl": _peer_merl,
    "ked": _peer_ked,
    "fixed": _peer_fixed,
    "no_signs": lambda bench, _, warm_up: train_ours(bench, warm_up),
    "random": lambda bench, _, __: train_random(bench),
}
