import csv

import numpy as np
import pytest
import torch
from torch import nn

from ecg_core.preprocessing import PreprocessingSpec
from model_training.fitting import OptimiserConfig, fit
from model_training.models.ecg_encoder import EcgEncoder, EcgEncoderConfig
from model_training.models.fixed_outputs import ConditionOutputs, FixedOutputs

CONFIG = OptimiserConfig(
    epochs=6, batch_size=16, learning_rate=0.3, weight_decay=0.0, ema_decay=0.5
)


@pytest.fixture
def data():
    torch.manual_seed(0)
    inputs = torch.randn(100, 5)
    return inputs, inputs @ torch.tensor([1.0, -2.0, 0.0, 3.0, 0.5])


def fitted(data, log, seen=None):
    inputs, targets = data
    torch.manual_seed(1)

    def loss_of(module, batch):
        if seen is not None:
            seen.append(batch.clone())
        return (module(inputs[batch]).squeeze(1) - targets[batch]).square().mean()

    def validate(module):
        return float((module(inputs).squeeze(1) - targets).square().mean())

    return validate(fit(nn.Linear(5, 1), CONFIG, np.arange(90), loss_of, validate, log))


def test_it_learns_and_logs_every_epoch(data, tmp_path):
    log = tmp_path / "log.csv"
    last = fitted(data, log)
    with log.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == list("123456")
    assert float(rows[-1]["validation_loss"]) == pytest.approx(last, abs=1e-4)
    assert last < 0.2 * float(rows[0]["training_loss"])


def test_the_same_seed_gives_the_same_weights(data, tmp_path):
    assert fitted(data, tmp_path / "a.csv") == fitted(data, tmp_path / "b.csv")


def test_batches_are_whole_disjoint_and_of_the_given_rows_only(data, tmp_path):
    seen = []
    fitted(data, tmp_path / "log.csv", seen)
    first_epoch = torch.cat(seen[:5])
    assert {len(batch) for batch in seen} == {16}
    assert len(seen) == 6 * 5
    assert len(first_epoch.unique()) == 80
    assert int(torch.cat(seen).max()) < 90


def test_fixed_outputs_score_each_recording_for_itself():
    torch.manual_seed(0)
    encoder = EcgEncoder(EcgEncoderConfig(width=4, branches=2, branch_dimension=8), leads=12)
    fixed = FixedOutputs(encoder, ConditionOutputs(16, conditions=7))
    windows = torch.randn(5, 12, PreprocessingSpec().window_samples)
    together = fixed.score(windows)
    assert together.shape == (5, 7)
    alone = torch.cat([fixed.score(windows[[row]]) for row in range(5)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_branches_side_by_side_answer_with_the_mean_of_their_outputs():
    torch.manual_seed(0)
    encoder = EcgEncoder(EcgEncoderConfig(width=4, branches=3, branch_dimension=8), leads=12)
    single = [
        FixedOutputs(branch, ConditionOutputs(8, conditions=5)) for branch in encoder.branches
    ]
    together = FixedOutputs(encoder, ConditionOutputs(24, conditions=5))
    together.outputs.average([each.outputs for each in single])
    windows = torch.randn(4, 12, PreprocessingSpec().window_samples)
    expected = torch.stack([each.score(windows) for each in single]).mean(dim=0)
    torch.testing.assert_close(together.score(windows), expected, atol=1e-5, rtol=0)
