import base64
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from ecg_core.errors import DeadlineExceeded, InferenceFailed, InvalidBundle
from ecg_core.preprocessing import PreprocessingSpec, prepare
from ecg_core.signs import SIGNS, measure_signs
from service.engine.inference.onnx import OnnxEcgEncoder, OnnxFusion, OnnxGraph, RuntimeOptions
from service.errors import ProviderUnavailable
from tests.support.recordings import make_recording

# y = log(x), x of shape (n,): made with onnx.helper.
LOG_GRAPH = base64.b64decode(
    "CAgSADo0CgsKAXgSAXkiA0xvZxIBZ1oQCgF4EgsKCQgBEgUKAxIBbmIQCgF5EgsKCQgBEgUKAxIBbkIECgAQDQ=="
)


@pytest.fixture
def graph_path(tmp_path: Path) -> Path:
    path = tmp_path / "log.onnx"
    path.write_bytes(LOG_GRAPH)
    return path


class FakeGraph:
    """Logits that a test can foretell; remembers the shapes that it was given."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        if "windows" in inputs:
            self.shapes.append(inputs["windows"].shape)
            return inputs["windows"][:, :1, :1] * 2
        features, queries = inputs["features"], inputs["query_embeddings"]
        self.shapes.append((len(features), len(queries)))
        return features[:, 0, :1] + queries[:, 0]


def test_a_graph_runs(graph_path: Path) -> None:
    output = OnnxGraph(graph_path, RuntimeOptions()).run({"x": np.float32([1, np.e])})
    np.testing.assert_allclose(output, [0, 1], atol=1e-6)


def test_an_open_graph_keeps_no_copy_of_its_file(graph_path: Path) -> None:
    session = OnnxGraph(graph_path, RuntimeOptions())._session
    assert not [name for name, value in vars(session).items() if isinstance(value, bytes)]


def test_a_result_that_is_not_finite_is_a_failure(graph_path: Path) -> None:
    graph = OnnxGraph(graph_path, RuntimeOptions())
    with pytest.raises(InferenceFailed):
        graph.run({"x": np.float32([-1])})
    assert graph.run({"x": np.float32([1])}).tolist() == [0]


@pytest.mark.parametrize(
    "inputs", [{"x": np.float64([1])}, {"x": np.ones((1, 1), np.float32)}, {"z": np.float32([1])}]
)
def test_whatever_the_runtime_raises_is_a_failure(
    graph_path: Path, inputs: dict[str, NDArray[Any]]
) -> None:
    with pytest.raises(InferenceFailed) as caught:
        OnnxGraph(graph_path, RuntimeOptions()).run(inputs)
    assert caught.value.__cause__ is not None


def test_a_file_that_is_no_graph_is_an_invalid_bundle(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"rubbish")
    for name in ("broken.onnx", "absent.onnx"):
        with pytest.raises(InvalidBundle):
            OnnxGraph(tmp_path / name, RuntimeOptions())


def test_a_provider_that_is_not_active_is_never_replaced_in_silence(graph_path: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this runtime has CUDA")
    with pytest.raises(ProviderUnavailable, match="CUDA"):
        OnnxGraph(graph_path, RuntimeOptions(providers=("cuda", "cpu")))


@pytest.mark.parametrize(("windows", "queries"), [(1, 1), (1, 5000), (40, 7), (180, 300)])
def test_fusion_is_the_mean_over_windows_in_bounded_chunks(windows: int, queries: int) -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(windows, 3, 2)).astype(np.float32)
    embeddings = random.normal(size=(queries, 4)).astype(np.float32)
    graph = FakeGraph()
    logits = OnnxFusion(cast(OnnxGraph, graph)).logits(features, embeddings)
    np.testing.assert_allclose(
        logits, features[:, 0, 0].mean(dtype=np.float64) + embeddings[:, 0], atol=1e-6
    )
    assert max(w * q for w, q in graph.shapes) <= 2048


def test_fusion_stops_between_chunks_when_the_time_is_up() -> None:
    graph = FakeGraph()

    def late() -> None:
        if graph.shapes:
            raise DeadlineExceeded

    ones = np.ones((1, 1, 1), np.float32)
    with pytest.raises(DeadlineExceeded):
        OnnxFusion(cast(OnnxGraph, graph)).logits(ones, np.ones((9000, 1), np.float32), late)
    assert len(graph.shapes) == 1


def test_windows_are_encoded_in_bounded_chunks() -> None:
    graph = FakeGraph()
    windows = np.arange(40, dtype=np.float32).reshape(40, 1, 1)
    features = OnnxEcgEncoder(cast(OnnxGraph, graph)).encode(windows, windows[:, 0])
    np.testing.assert_array_equal(features[:, 0, 0], 2 * windows[:, 0, 0])
    assert [shape[0] for shape in graph.shapes] == [4] * 10


def test_an_encoder_that_takes_signs_is_given_those_of_each_window() -> None:
    class Graph(FakeGraph):
        def run(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
            assert inputs["windows"].shape[0] == inputs["signs"].shape[0]
            return inputs["signs"][:, np.newaxis]

    spec = PreprocessingSpec()
    windows = np.concatenate(
        [prepare(make_recording(heart_rate_bpm=rate), spec).windows for rate in (50.0, 120.0)]
    )
    names = tuple(sign.name for sign in SIGNS)
    encoder = OnnxEcgEncoder(cast(OnnxGraph, Graph()), names)
    signs = measure_signs(windows, spec)
    features = encoder.encode(windows, signs)[:, 0]
    np.testing.assert_array_equal(features, signs)
    slow, fast = (
        names.index(f"heart rate {kind} beats per minute") for kind in ("below 60", "above 100")
    )
    assert features[0, slow] > 0 > features[0, fast]
    assert features[1, fast] > 0 > features[1, slow]


def test_an_encoder_of_other_signs_is_an_invalid_bundle() -> None:
    names = tuple(sign.name for sign in SIGNS)
    for other in (names[1:], (names[1], names[0], *names[2:])):
        with pytest.raises(InvalidBundle, match="signs"):
            OnnxEcgEncoder(cast(OnnxGraph, FakeGraph()), other)


@pytest.mark.parametrize(
    "module",
    [
        "service.engine.inference.onnx",
        pytest.param("model_training.export.graphs", marks=pytest.mark.torch),
    ],
)
def test_the_runtime_tells_its_makers_nothing(
    module: str, graph_path: Path, tmp_path: Path
) -> None:
    # It keeps the id that it sends and what it has not sent yet in the user's folder, but not where
    # it takes itself to be tested.
    program = (
        f"import {module}, onnxruntime; "
        f"onnxruntime.InferenceSession({str(graph_path)!r}, providers=['CPUExecutionProvider'])"
    )
    home = tmp_path / "home"
    home.mkdir()
    hidden = {"CI", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS"}
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    environment = {**kept, "HOME": str(home), "XDG_CACHE_HOME": str(home)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    assert [path for path in home.rglob("*") if "onnxruntime" in path.name] == []
