"""Small fusions of tokens, with fresh weights or on planted recordings."""

from pathlib import Path

import numpy as np
import torch

from ecg_core.bundle import TextEncoderSpec
from ecg_core.conditions import Catalogue
from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.signs import SIGNS
from model_training.data.labelled import LabelledRecordings
from model_training.models.ecg_encoder import EcgEncoderConfig
from model_training.models.token_network import TokenNetwork, TokensConfig
from model_training.run.config import Run, RunConfig, load_config
from model_training.run.recordings import CONFIGS
from model_training.run.workbench import Workbench
from model_training.text.asking import concepts_of
from model_training.text.wordings import QueryEmbedder

CONDITIONS = ("normal-ecg", "atrial-fibrillation", "complete-left-bundle-branch-block")
SPEC = PreprocessingSpec(window_s=2.0)
ENCODER = EcgEncoderConfig(width=4, branch_dimension=8, branches=2)
FUSION = TokensConfig(kind="tokens", heads=2, key_dimension=4, hidden=16)
COMPOSED = 2
TEXT_DIMENSION = 16


def make_token_network(conditions: int = len(CONDITIONS)) -> TokenNetwork:
    """Fresh weights from torch's seed, wordings by chance, two composed conditions."""
    composed = torch.zeros(COMPOSED, len(SIGNS))
    composed[0, :2] = torch.tensor([1.0, 0.5])
    composed[1, 5] = 1.0
    network = TokenNetwork(
        ENCODER, FUSION, SPEC,
        text_dimension=TEXT_DIMENSION, conditions=conditions, composed=composed,
    )  # fmt: skip
    tokens = network.naming.concepts
    keys = torch.nn.functional.normalize(torch.randn(3 * tokens, TEXT_DIMENSION), dim=-1)
    network.naming.listen(keys, torch.arange(tokens).repeat(3))
    network.fusion.standardise(torch.randn(50, tokens) * 2 + 1)
    return network.eval()


def tiny_config(*, batch_size: int = 16, **changes: object) -> RunConfig:
    """The run's configuration, its network and phases made small."""
    config = load_config(CONFIGS / "ptbxl_tokens.yaml")
    phases = config.token_training
    assert phases is not None
    short = {"epochs": 2, "batch_size": batch_size}
    small = phases.model_copy(
        update={
            "signs": phases.signs.model_copy(
                update={"training": phases.signs.training.model_copy(update=short)}
            ),
            "naming": phases.naming.model_copy(
                update={"training": phases.naming.training.model_copy(update={"epochs": 1})}
            ),
        }
    )
    update = {
        "preprocessing": SPEC,
        # The one that comes inside a package: nothing has to be made first.
        "text_encoder": load_config(CONFIGS / "supreme.yaml").text_encoder,
        "ecg_encoder": ENCODER,
        "fusion": FUSION,
        "fusion_training": config.fusion_training.model_copy(update=short),
        "token_training": small,
    }
    return config.model_copy(update=update | changes)


class TextsByHash:
    """Embeds each text as a random unit vector of its own; the real encoder takes a second."""

    class encoder:  # noqa: N801
        spec = TextEncoderSpec(
            name="hash", licence="none", pooling="mean", dimension=24, max_tokens=8
        )

    def free_texts(self, texts):
        random = [np.random.default_rng(list(text.encode())).normal(size=24) for text in texts]
        return np.array([r / np.linalg.norm(r) for r in random], dtype=np.float32)

    def conditions(self, conditions):
        return self.free_texts([condition.name for condition in conditions])


def planted_recordings(count: int) -> LabelledRecordings:
    """Noise of which the waveform shows one condition: a bump in V1, anywhere."""
    generator = np.random.default_rng(0)
    windows = 0.3 * generator.normal(size=(count, 12, SPEC.window_samples)).astype(np.float32)
    targets = np.full((count, len(CONDITIONS)), np.nan, np.float32)
    targets[:, 0] = generator.random(count) < 0.5
    targets[:, 1] = generator.random(count) < 0.5
    for row in np.flatnonzero(targets[:, 0] == 1):
        start = generator.integers(20, SPEC.window_samples - 40)
        windows[row, 6, start : start + 20] += 3.0
    return LabelledRecordings(
        ecg_ids=np.arange(count),
        folds=np.arange(count) % 10 + 1,
        windows=windows,
        conditions=CONDITIONS,
        targets=targets,
        benchmark={},
        left_out={},
    )


def make_token_bench(
    config: RunConfig, recordings: LabelledRecordings, embedder: QueryEmbedder, folder: Path
) -> Workbench:
    """A workbench whose second condition is what the fourth sign says."""
    catalogue = Catalogue.load()
    conditions = [catalogue.get(name) for name in recordings.conditions]
    generator = np.random.default_rng(1)
    signs = generator.normal(0, 3, size=(len(recordings.ecg_ids), len(SIGNS)))
    signs[:, 3] = np.where(recordings.targets[:, 1] == 1, 3.0, -3.0)
    signs[generator.random(signs.shape) < 0.05] = np.nan
    fusion = config.fusion
    assert isinstance(fusion, TokensConfig)
    network = TokenNetwork(
        config.ecg_encoder, fusion, config.preprocessing,
        text_dimension=embedder.encoder.spec.dimension, conditions=len(conditions),
        composed=concepts_of(conditions, catalogue.conditions, frozenset()).weights(),
    )  # fmt: skip
    run = Run(config, Path("unused"), folder, device="cpu")
    return Workbench(run, recordings, embedder, network, measured=signs.astype(np.float32))
