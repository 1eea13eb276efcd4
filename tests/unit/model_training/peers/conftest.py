"""A task of a few noise recordings whose one condition shows as a wave in every lead."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ecg_core.conditions import Catalogue
from model_training.data.labelled import LabelledRecordings
from model_training.fitting import OptimiserConfig
from model_training.models.ecg_encoder import EcgEncoder, EcgEncoderConfig
from model_training.peers import PeerTask, Report

TEXT_DIMENSION = 24
CONDITIONS = ("normal-ecg", "atrial-fibrillation", "sinus-tachycardia")
SAMPLES = 160


@dataclass(frozen=True, slots=True)
class TextsByHash:
    """Embeds each text as a random unit vector of its own; the real encoder takes a second."""

    def free_texts(self, texts) -> NDArray[np.float32]:
        rows = []
        for text in texts:
            random = np.random.default_rng(list(text.encode()))
            vector = random.normal(size=TEXT_DIMENSION)
            rows.append(vector / np.linalg.norm(vector))
        return np.array(rows, dtype=np.float32)

    def conditions(self, conditions) -> NDArray[np.float32]:
        return self.free_texts([condition.name for condition in conditions])


def make_recordings(count=64) -> LabelledRecordings:
    random = np.random.default_rng(0)
    present = random.random((count, len(CONDITIONS))) < 0.4
    wave = np.sin(np.arange(SAMPLES) / np.array([[3.0], [7.0], [15.0]]))
    windows = random.normal(size=(count, 12, SAMPLES)) * 0.1
    windows += (present @ wave)[:, np.newaxis]
    targets = present.astype(np.float32)
    targets[::7, 1] = np.nan
    return LabelledRecordings(
        ecg_ids=np.arange(count),
        folds=np.array([9 if row % 4 == 0 else 1 for row in range(count)]),
        windows=windows.astype(np.float32),
        conditions=CONDITIONS,
        targets=targets,
        benchmark={},
        left_out={},
    )


@pytest.fixture
def make_task(tmp_path):
    def make(reports=None) -> PeerTask:
        torch.manual_seed(0)
        recordings = make_recordings()
        encoder = EcgEncoderConfig(width=4, branch_dimension=8)
        catalogue = Catalogue.load()
        return PeerTask(
            recordings=recordings,
            reports=reports or (Report("", is_readable=False),) * len(recordings.ecg_ids),
            conditions=tuple(catalogue.get(name) for name in CONDITIONS),
            embedder=TextsByHash(),
            encoder=EcgEncoder(encoder, leads=12),
            feature_dimension=encoder.dimension,
            tokens=encoder.tokens(SAMPLES),
            augment=lambda windows: windows,
            canonical_share=0.5,
            noise=0.05,
            positive_weights=torch.ones(len(CONDITIONS)),
            optimiser=OptimiserConfig(
                epochs=12, batch_size=16, learning_rate=1.0, weight_decay=0.0, ema_decay=0.5
            ),
            log=tmp_path / "training.csv",
        )

    return make
