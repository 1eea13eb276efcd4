import torch

from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.statistics.ranking import auroc
from model_training.evaluation.probes import linear_probe, pooled_features
from model_training.models.ecg_encoder import EcgEncoder, EcgEncoderConfig


def test_a_probe_finds_what_is_linear_and_nothing_where_nothing_is_said():
    torch.manual_seed(0)
    features = torch.randn(400, 6) * 5 + 3
    targets = torch.stack([features[:, 0] > 3, features[:, 1] > 3], dim=1).float()
    targets[200:, 1] = float("nan")
    probe = linear_probe(features, targets)
    scores = probe(features).detach().double().numpy()
    assert auroc(targets[:, :1].bool().numpy(), scores[:, :1])[0] > 0.99


def test_pooled_features_are_those_of_each_recording_alone():
    torch.manual_seed(0)
    encoder = EcgEncoder(EcgEncoderConfig(width=4, branch_dimension=8), leads=12)
    windows = torch.randn(5, 12, PreprocessingSpec().window_samples)
    together = pooled_features(encoder, windows, batch_size=2)
    assert together.shape == (5, 16)
    alone = torch.cat([pooled_features(encoder, windows[[row]]) for row in range(5)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
