"""Every method on one workbench: ours, and the peers beside it.

Same encoder, recordings, labels, wordings, augmentation and batch size. KED and the fixed labels
warm up under fixed outputs for as many epochs as our fusion is trained, and then learn for as many
again; MERL, which knows no labels but in its texts, starts fresh and takes the epochs of both.
Measured signs are part of our method: the peers learn the conditions alone, as they were published,
and once more with the signs beside their features and among what they are asked (`ked_signs`, ...).
SuPreME as published is `supreme.yaml`'s network on our recordings and our text encoder. The rules
are the signs without any network.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ecg_core.asking.measuring import CERTAIN
from ecg_core.conditions import Condition
from ecg_core.signs import SIGNS
from model_training.data.sign_cache import measured_once
from model_training.fitting import OptimiserConfig
from model_training.models.fusion import FusionConfig
from model_training.models.network import CardioQueryNetwork
from model_training.models.token_network import TokenNetwork
from model_training.peers import (
    GivenSigns,
    PeersConfig,
    PeerSignsConfig,
    PeerTask,
    Scorer,
    train_fixed,
    train_ked,
    train_merl,
)
from model_training.peers.texts import read_reports
from model_training.run.config import RunConfig, WordingsConfig
from model_training.run.pretraining import Pretraining
from model_training.run.token_training import train_network
from model_training.run.warm_up import fresh_encoder, warmed
from model_training.run.workbench import Workbench
from model_training.text.asking import Queries


@dataclass(frozen=True, slots=True)
class NetworkScorer:
    """Our network as a scorer.

    Attributes:
        network: Trained.
        queries: Makes what is put to it.
    """

    network: CardioQueryNetwork | TokenNetwork
    queries: Queries

    def logits(self, windows: Tensor, queries: Tensor) -> Tensor:
        """(recording, lead, sample), (query, width) -> logits (recording, query)."""
        return self.network.score(windows, queries)


@dataclass(frozen=True, slots=True)
class SignRules:
    """The catalogue's signs of a condition, the k-th weighing 1/k: no network, no training.

    Attributes:
        measure: Windows (recording, lead, sample) to signs (recording, sign), NaN: not measured.
    """

    measure: Callable[[NDArray[np.float32]], NDArray[np.float32]]

    @property
    def queries(self) -> "SignRules":
        """Makes what is put to it: shares of signs, shape (query, sign)."""
        return self

    def free_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Nothing: no text is read."""
        return np.zeros((len(texts), len(SIGNS)), np.float32)

    def signs(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Each by itself."""
        return np.stack([_shares([name]) for name in names])

    def conditions(self, conditions: Sequence[Condition]) -> NDArray[np.float32]:
        """Their signs; nothing of a condition without any."""
        return np.stack([_shares(condition.signs) for condition in conditions])

    def untrained(self, conditions: Sequence[Condition]) -> NDArray[np.float32]:
        """The same: nothing was trained."""
        return self.conditions(conditions)

    def logits(self, windows: Tensor, queries: Tensor) -> Tensor:
        """(recording, lead, sample), (query, sign) -> (recording, query)."""
        signs = torch.from_numpy(self.measure(windows.numpy())).nan_to_num(0.0)
        return CERTAIN * (signs / CERTAIN).tanh() @ queries.T


def _shares(names: Sequence[str]) -> NDArray[np.float32]:
    place = {sign.name: number for number, sign in enumerate(SIGNS)}
    row = np.zeros(len(SIGNS), np.float32)
    for rank, name in enumerate(names, start=1):
        row[place[name]] += 1 / rank
    return row / max(float(row.sum()), 1e-6)


def rules_of(bench: Workbench) -> SignRules:
    """The rules, measuring each set of windows once."""
    return SignRules(_measure(bench))


def _measure(bench: Workbench) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    spec = bench.run.config.preprocessing
    return partial(measured_once, spec=spec, cache=bench.embedder.cache)


def train_ours(bench: Workbench) -> Scorer:
    """The network that the configuration has; trained once a folder, then read."""
    if not bench.network_file.exists():
        train_network(bench).save(bench.network_file)
    bench.network.restore(bench.network_file)
    bench.listen()
    return NetworkScorer(bench.network, bench.queries)


def _given(bench: Workbench, config: PeerSignsConfig) -> GivenSigns:
    measure = _measure(bench)
    measured = torch.from_numpy(measure(bench.recordings.windows))
    signs = SIGNS if bench.left_out is None else tuple(map(bench.left_out.redacted_sign, SIGNS))
    return GivenSigns(signs, measured, measure, config)


def _task(
    bench: Workbench, encoder: nn.Module, optimiser: OptimiserConfig, given: GivenSigns | None
) -> PeerTask:
    config = bench.run.config
    pretraining = Pretraining(bench)
    return PeerTask(
        recordings=bench.recordings,
        reports=read_reports(bench.recordings, bench.left_out),
        conditions=bench.conditions,
        embedder=bench.embedder,
        encoder=encoder,
        feature_dimension=config.ecg_encoder.dimension,
        tokens=config.ecg_encoder.tokens(config.preprocessing.window_samples),
        augment=pretraining.augment,
        canonical_share=config.wordings.canonical_share,
        noise=config.wordings.noise,
        positive_weights=pretraining.positive_weights,
        optimiser=optimiser,
        log=bench.run.folder / "training.csv",
        given=given,
    )


def _peer_fixed(
    bench: Workbench, peers: PeersConfig, warm_up: Path, given: GivenSigns | None = None
) -> Scorer:
    fixed = warmed(bench, warm_up)
    task = _task(bench, fixed.encoder, bench.run.config.fusion_training, given)
    return train_fixed(task, peers.fixed, fixed.outputs)


def _peer_ked(
    bench: Workbench, peers: PeersConfig, warm_up: Path, given: GivenSigns | None = None
) -> Scorer:
    encoder = warmed(bench, warm_up).encoder
    return train_ked(_task(bench, encoder, bench.run.config.fusion_training, given), peers.ked)


def _peer_merl(
    bench: Workbench, peers: PeersConfig, _: Path, given: GivenSigns | None = None
) -> Scorer:
    one = bench.run.config.fusion_training
    both = one.model_copy(update={"epochs": 2 * one.epochs})
    return train_merl(_task(bench, fresh_encoder(bench), both, given), peers.merl)


Method = Callable[[Workbench, PeersConfig, Path], Scorer]


def _with_signs(peer: Callable[..., Scorer]) -> Method:
    def train(bench: Workbench, peers: PeersConfig, warm_up: Path) -> Scorer:
        return peer(bench, peers, warm_up, _given(bench, peers.signs))

    return train


def config_of(method: str, config: RunConfig) -> RunConfig:
    """The configuration that a method's workbench is opened with.

    Tokens are ours alone. A peer that is given the signs measures them itself (`_given`).
    """
    if method == "ours":
        return config
    changed: dict[str, object] = {"fusion": FusionConfig(layers=4)}
    changed |= {"signs": None, "token_training": None}
    if method == SUPREME:  # as in supreme.yaml
        rate = {"learning_rate": _SUPREME_LEARNING_RATE}
        changed |= {
            "wordings": WordingsConfig(canonical_share=1.0, noise=0.0),
            "fusion_training": config.fusion_training.model_copy(update=rate),
        }
    return config.model_copy(update=changed)


RULES = "rules"
SUPREME = "supreme"
_SUPREME_LEARNING_RATE = 0.001
WITH_SIGNS = ("merl_signs", "ked_signs", "fixed_signs")


# Each takes a fresh workbench, the peers' configuration and the folder of the warm-up they share.
METHODS: Mapping[str, Method] = {
    "ours": lambda bench, _, __: train_ours(bench),
    SUPREME: lambda bench, _, __: train_ours(bench),
    RULES: lambda bench, _, __: rules_of(bench),
    "merl": _peer_merl,
    "ked": _peer_ked,
    "fixed": _peer_fixed,
    "merl_signs": _with_signs(_peer_merl),
    "ked_signs": _with_signs(_peer_ked),
    "fixed_signs": _with_signs(_peer_fixed),
}
