"""The plain peer's torch network is the bundle's: otherwise it would be measured on other work."""

import numpy as np
import pytest

from ecg_core.bundle import load_bundle
from service.inference.onnx import RuntimeOptions, load_model
from service.settings import Settings

pytestmark = pytest.mark.torch


def test_torch_and_the_graphs_agree() -> None:
    from tests.load.peers.torch_network import TorchEcgEncoder, TorchFusion, network_of

    bundle = load_bundle(Settings().bundle_dir)
    model = load_model(bundle, RuntimeOptions())
    encoder, fusion = network_of(bundle)
    random = np.random.default_rng(3)
    samples = bundle.manifest.preprocessing.window_samples
    windows = random.normal(size=(2, 12, samples)).astype(np.float32)
    queries = random.normal(size=(5, bundle.manifest.text_encoder.dimension)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    features = model.ecg_encoder.encode(windows)
    np.testing.assert_allclose(
        TorchEcgEncoder(encoder, bundle.manifest.preprocessing).encode(windows), features, atol=1e-4
    )
    expected = model.fusion.logits(features, queries)
    np.testing.assert_allclose(TorchFusion(fusion).logits(features, queries), expected, atol=1e-4)
