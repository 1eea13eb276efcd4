import pytest
import torch

from ecg_core.preprocessing import PreprocessingSpec
from model_training.models.ecg_encoder import EcgEncoderConfig
from model_training.models.fusion import FusionConfig, masked_binary_cross_entropy
from model_training.models.network import CardioQueryNetwork

SPEC = PreprocessingSpec()
TEXT_DIMENSION = 24


@pytest.fixture
def network():
    torch.manual_seed(0)
    encoder = EcgEncoderConfig(width=4, branches=2, branch_dimension=8)
    fusion = FusionConfig(dimension=12, layers=2, heads=2, feed_forward=32, adapter=16)
    return CardioQueryNetwork(encoder, fusion, SPEC, text_dimension=TEXT_DIMENSION).eval()


@pytest.fixture
def windows():
    return torch.randn(6, 12, SPEC.window_samples)


@pytest.fixture
def queries():
    return torch.nn.functional.normalize(torch.randn(30, TEXT_DIMENSION), dim=-1)


def test_features_have_the_shape_that_the_manifest_states(network, windows):
    features = network.read(windows)
    assert features.shape == (6, network.encoder_spec.tokens, network.encoder_spec.dimension)


def test_a_query_is_answered_alone_as_among_others(network, windows, queries):
    together = network.score(windows, queries)
    alone = torch.cat([network.score(windows, queries[[n]]) for n in range(30)], dim=1)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_order_of_queries_changes_nothing(network, windows, queries):
    order = torch.randperm(30)
    shuffled = network.score(windows, queries[order])
    torch.testing.assert_close(
        shuffled, network.score(windows, queries)[:, order], atol=1e-5, rtol=0
    )


def test_a_recording_is_answered_alone_as_in_a_batch(network, windows, queries):
    together = network.score(windows, queries)
    alone = torch.cat([network.score(windows[[n]], queries) for n in range(6)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_every_parameter_gets_a_gradient(network, windows, queries):
    network.train()
    targets = torch.randint(0, 2, (6, 30)).float()
    masked_binary_cross_entropy(network(windows, queries), targets).backward()
    # The key's bias shifts every token's weight alike: softmax takes it out.
    without = [
        name
        for name, parameter in network.named_parameters()
        if not name.endswith("key.bias") and (parameter.grad is None or not parameter.grad.any())
    ]
    assert without == []


def test_what_is_not_said_does_not_teach():
    logits = torch.tensor([[5.0, -5.0, 0.0]], requires_grad=True)
    masked_binary_cross_entropy(logits, torch.tensor([[1.0, float("nan"), 0.0]])).backward()
    assert logits.grad is not None
    assert logits.grad[0, 1] == 0
    assert logits.grad[0, 2] != 0


def test_weights_come_back_from_disk_and_strangers_are_refused(network, windows, queries, tmp_path):
    expected = network.score(windows, queries)
    network.save(tmp_path / "model.pt")
    with torch.no_grad():
        network.fusion.readout.weight.add_(1)
    network.restore(tmp_path / "model.pt")
    torch.testing.assert_close(network.score(windows, queries), expected)
    torch.save({"fusion.readout.weight": torch.zeros(1, 12)}, tmp_path / "other.pt")
    with pytest.raises(RuntimeError, match="Missing key"):
        network.restore(tmp_path / "other.pt")


def test_weighted_positives_leave_the_log_odds_where_they_are():
    targets = torch.tensor([[1.0, 1.0]] + [[0.0, 1.0]] * 3)
    logits = torch.zeros(1, 2, requires_grad=True)
    weights = torch.tensor([5.0, 1.0])
    at_odds = torch.tensor([1 / 3, 1.0]).log().expand(4, 2).clone().requires_grad_()
    masked_binary_cross_entropy(at_odds[:, :1], targets[:, :1], weights[:1]).backward()
    assert at_odds.grad[:, 0].sum().item() == pytest.approx(0, abs=1e-6)
    masked_binary_cross_entropy(logits.expand(4, 2), targets, weights).backward()
    assert logits.grad[0, 0] > 0  # above the log odds of one in four


def test_weights_of_one_change_nothing():
    logits, targets = torch.randn(6, 3), torch.randint(0, 2, (6, 3)).float()
    targets[0, 0] = float("nan")
    torch.testing.assert_close(
        masked_binary_cross_entropy(logits, targets, torch.ones(3)),
        masked_binary_cross_entropy(logits, targets),
    )
