"""The plain peer's torch network is the bundle's: otherwise it would be measured on other work."""

from pathlib import Path

import numpy as np
import pytest

from ecg_core.asking.composing import Leaf
from ecg_core.bundle import load_bundle
from ecg_core.signs import signs_measured
from service.engine.inference.onnx import RuntimeOptions, load_model
from service.settings import Settings

pytestmark = pytest.mark.torch


def test_torch_and_the_graphs_agree() -> None:
    from tests.benchmarks.peers.torch_network import torch_network

    bundle = load_bundle(Settings().bundle_dir)
    model = load_model(bundle, RuntimeOptions())
    encoder, fusion = torch_network(bundle)
    random = np.random.default_rng(3)
    samples = bundle.manifest.preprocessing.window_samples
    windows = random.normal(size=(2, 12, samples)).astype(np.float32)
    queries = random.normal(size=(5, bundle.manifest.text_encoder.dimension)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    signs = signs_measured(windows, bundle.manifest.preprocessing)
    features = model.ecg_encoder.encode(windows, signs)
    np.testing.assert_allclose(encoder.encode(windows, signs), features, atol=1e-4)
    leaves = [Leaf(text=f"text {number}") for number in range(len(queries))]
    asked = model.fusion.asked(leaves, queries)
    np.testing.assert_allclose(fusion.asked(leaves, queries), asked, atol=1e-4)
    expected = model.fusion.logits(features, asked)
    np.testing.assert_allclose(fusion.logits(features, asked), expected, atol=1e-4)


def test_an_unknown_operation_is_named(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    from tests.benchmarks.peers.torch_network import TorchGraph

    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Acosh", ["x"], ["y"])], "g", [value], [result])
    path = tmp_path / "unknown.onnx"
    onnx.save(helper.make_model(graph), path)
    with pytest.raises(NotImplementedError, match="Acosh"):
        TorchGraph(path)
