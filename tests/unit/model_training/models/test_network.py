import numpy as np
import pytest
import torch
from sklearn.ensemble import GradientBoostingClassifier

from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.signs import SIGNS
from model_training.models.ecg_encoder import EcgEncoderConfig
from model_training.models.fusion import FusionConfig, masked_binary_cross_entropy
from model_training.models.network import CardioQueryNetwork
from model_training.models.sign_trees import MeasuredConditions, TreesConfig

SPEC = PreprocessingSpec()
TEXT_DIMENSION = 24
CONDITIONS = 9


@pytest.fixture
def network():
    torch.manual_seed(0)
    encoder = EcgEncoderConfig(width=4, branches=2, branch_dimension=8)
    fusion = FusionConfig(dimension=12, layers=2, heads=2, feed_forward=32, adapter=16)
    network = CardioQueryNetwork(
        encoder,
        fusion,
        SPEC,
        text_dimension=TEXT_DIMENSION,
        conditions=CONDITIONS,
        trees=TreesConfig(trees=3, min_leaf=2),
    )
    keys = torch.randn(CONDITIONS + len(SIGNS), TEXT_DIMENSION)
    network.fusion.memory.keys.copy_(torch.nn.functional.normalize(keys, dim=-1))
    random = np.random.default_rng(0)
    signs = random.normal(size=(80, len(SIGNS))).astype(np.float32)
    network.measured.fit(signs, (signs[:, :CONDITIONS] > 0.3).astype(np.float32), seed=0)
    network.fusion.memory.measured_share.fill_(0.5)
    # As after training: neither adapter nor readout is zero any more.
    torch.nn.init.normal_(network.fusion.memory.adapter.weight, std=0.01)
    torch.nn.init.normal_(network.fusion.readout.weight)
    return network.eval()


@pytest.fixture
def windows():
    return torch.randn(6, 12, SPEC.window_samples)


@pytest.fixture
def queries():
    return torch.nn.functional.normalize(torch.randn(30, TEXT_DIMENSION), dim=-1)


def test_features_have_the_shape_that_the_manifest_states(network, windows):
    features = network.features(windows, network.signs(windows))
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
    masked_binary_cross_entropy(
        network(windows, network.signs(windows), queries), targets
    ).backward()
    # The key's bias shifts every token's weight alike: softmax takes it out.
    without = [
        name
        for name, parameter in network.named_parameters()
        if not name.endswith("key.bias") and (parameter.grad is None or not parameter.grad.any())
    ]
    assert without == []


def parts(network, windows):
    features = network.features(windows, network.signs(windows))
    dimension = network.fusion.dimension
    return features[..., :dimension], features[:, 0, dimension:]


def test_a_trained_condition_recalls_itself_and_a_stranger_its_neighbours(network, windows):
    memory = network.fusion.memory
    features, measured = parts(network, windows)
    with torch.no_grad():
        memory.log_sharpness.fill_(6.0)
        own = memory(features, measured, memory.keys)
        conditions = (memory.outputs(features) + measured[:, :CONDITIONS]) / 2
        expected = torch.cat([conditions, measured[:, CONDITIONS:]], dim=1)
        torch.testing.assert_close(own, expected, atol=1e-2, rtol=0)
        between = torch.nn.functional.normalize(memory.keys[:1] + memory.keys[1:2], dim=-1)
        memory.log_sharpness.fill_(3.0)
        recalled = memory(features, measured, between)[:, 0]
    assert (recalled <= own.amax(dim=1)).all()
    assert (recalled >= own.amin(dim=1)).all()


def test_a_remembered_wording_recalls_what_it_means_and_leaves_the_others(network, windows):
    memory = network.fusion.memory
    features, measured = parts(network, windows)
    meant = torch.tensor([4, CONDITIONS + 1])
    # Unit vectors that are no key's, and far from each other.
    wordings = torch.linalg.qr(torch.randn(TEXT_DIMENSION, 2))[0].T
    with torch.no_grad():
        memory.adapter.weight.zero_()
        memory.log_sharpness.fill_(8.0)
        before = memory(features, measured, memory.keys)
        memory.remember(wordings, meant)
        recalled = memory(features, measured, wordings)
        torch.testing.assert_close(recalled, before[:, meant], atol=1e-2, rtol=0)
        torch.testing.assert_close(memory(features, measured, memory.keys), before)


def test_a_query_between_two_wordings_is_told_apart_as_sharply_as_is_asked(network, windows):
    memory = network.fusion.memory
    features, measured = parts(network, windows)
    wordings = torch.linalg.qr(torch.randn(TEXT_DIMENSION, 2))[0].T
    between = torch.nn.functional.normalize(2 * wordings[:1] + wordings[1:], dim=-1)
    with torch.no_grad():
        memory.adapter.weight.zero_()
        memory.keys.zero_()
        memory.remember(wordings, torch.tensor([0, 1]), sharpness=1000.0)
        first, second = memory(features, measured, wordings).T
        sharp = memory(features, measured, between)[:, 0]
        memory.remember(wordings, torch.tensor([0, 1]), sharpness=1e-6)
        even = memory(features, measured, between)[:, 0]
    torch.testing.assert_close(sharp, first, atol=1e-3, rtol=0)
    assert not torch.allclose(first, second, atol=1e-2)
    assert not torch.allclose(even, first, atol=1e-3)


def test_a_sign_is_answered_by_what_is_measured(network, windows):
    signs = network.signs(windows)
    _, measured = parts(network, windows)
    torch.testing.assert_close(measured[:, CONDITIONS:], 4 * (signs / 4).tanh())


def test_before_fusion_training_the_network_answers_as_the_memory_does(windows, queries):
    fusion = FusionConfig(dimension=8, layers=1, heads=2, feed_forward=8, adapter=8)
    fresh = CardioQueryNetwork(
        EcgEncoderConfig(width=4, branches=2, branch_dimension=8),
        fusion,
        SPEC,
        text_dimension=TEXT_DIMENSION,
        conditions=CONDITIONS,
    ).eval()
    bias = fresh.fusion.readout.bias
    nothing = fresh.signs(windows)
    expected = fresh.fusion.memory(fresh.encoder(windows), nothing, queries) + bias
    torch.testing.assert_close(fresh(windows, nothing, queries), expected)


def test_trees_say_what_those_of_scikit_learn_say():
    random = np.random.default_rng(0)
    signs = random.normal(size=(300, 10)).astype(np.float32)
    labels = np.stack([(signs[:, 0] > 0) & (signs[:, 1] > -0.5), signs[:, 2] > 1], axis=1)
    config = TreesConfig(trees=20)
    trees = MeasuredConditions(config, 2)
    trees.fit(signs, labels.astype(np.float32), seed=0)
    said = trees(torch.from_numpy(signs)).numpy()
    for column in range(2):
        theirs = GradientBoostingClassifier(
            n_estimators=20, learning_rate=config.learning_rate, subsample=config.subsample,
            max_features=config.features, min_samples_leaf=config.min_leaf, random_state=0,
        ).fit(signs, labels[:, column])  # fmt: skip
        difference = said[:, column] - theirs.decision_function(signs)
        # They start from the prevalence, ours from one that is counted a little more evenly.
        assert np.ptp(difference) < 1e-5
        assert abs(difference[0]) < 0.05


def test_a_condition_with_too_few_recordings_keeps_its_prevalence():
    signs = np.random.default_rng(0).normal(size=(100, 5)).astype(np.float32)
    targets = np.zeros((100, 2), dtype=np.float32)
    targets[:3] = 1
    targets[50:, 1] = np.nan
    trees = MeasuredConditions(TreesConfig(trees=4), 2)
    trees.fit(signs, targets, seed=0)
    said = trees(torch.from_numpy(signs))[:, :2]
    expected = torch.logit(torch.tensor([3.5 / 101, 3.5 / 51])).expand(100, 2)
    torch.testing.assert_close(said, expected)


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
    masked_binary_cross_entropy(at_odds[:, :1], targets[:, :1], None, weights[:1]).backward()
    assert at_odds.grad[:, 0].sum().item() == pytest.approx(0, abs=1e-6)
    masked_binary_cross_entropy(logits.expand(4, 2), targets, None, weights).backward()
    assert logits.grad[0, 0] > 0  # above the log odds of one in four


def test_weights_of_one_change_nothing():
    logits, targets = torch.randn(6, 3), torch.randint(0, 2, (6, 3)).float()
    targets[0, 0] = float("nan")
    torch.testing.assert_close(
        masked_binary_cross_entropy(logits, targets, None, torch.ones(3)),
        masked_binary_cross_entropy(logits, targets),
    )
