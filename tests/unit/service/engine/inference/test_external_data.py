"""Weights outside of a graph's own file are refused: no digest covers them."""

import base64
from pathlib import Path

import numpy as np
import pytest

from ecg_core.bundle import BUNDLE_FILES, ECG_ENCODER_FILE, load_bundle
from ecg_core.errors import InvalidBundle
from service import SHIPPED_BUNDLE_DIR
from service.engine.inference.external_data import has_external_data
from service.engine.inference.onnx import OnnxGraph, RuntimeOptions

onnx = pytest.importorskip("onnx")


def weights() -> "onnx.TensorProto":
    return onnx.numpy_helper.from_array(np.arange(4096, dtype=np.float32), "w")


def graph(*nodes: "onnx.NodeProto", initializer: bool = False) -> "onnx.GraphProto":
    ends = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [4096]) for name in "xy"
    ]
    return onnx.helper.make_graph(
        list(nodes), "g", ends[:1], ends[1:], [weights()] if initializer else []
    )


ADD = onnx.helper.make_node("Add", ["x", "w"], ["y"])


def models() -> dict[str, "onnx.ModelProto"]:
    constant = onnx.helper.make_node("Constant", [], ["w"], value=weights())
    branch = onnx.helper.make_graph(
        [constant, onnx.helper.make_node("Identity", ["w"], ["z"])], "b", [],
        [onnx.helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, [4096])],
    )  # fmt: skip
    yes = onnx.helper.make_node(
        "Constant", [], ["yes"], value=onnx.numpy_helper.from_array(np.array(True), "c")
    )
    either = onnx.helper.make_node("If", ["yes"], ["w"], then_branch=branch, else_branch=branch)
    graphs = {
        "initializer": graph(ADD, initializer=True),
        "attribute of a node": graph(constant, ADD),
        "graph within a graph": graph(yes, either, ADD),
    }
    opset = [onnx.helper.make_opsetid("", 17)]
    return {
        name: onnx.helper.make_model(each, opset_imports=opset, ir_version=8)
        for name, each in graphs.items()
    }


@pytest.mark.parametrize("place", models())
def test_weights_in_another_file_are_refused_wherever_they_hang(place: str, tmp_path: Path) -> None:
    model = models()[place]
    inside = tmp_path / "inside.onnx"
    inside.write_bytes(model.SerializeToString())
    assert not has_external_data(inside.read_bytes())
    x = np.ones(4096, np.float32)
    np.testing.assert_array_equal(
        OnnxGraph(inside, RuntimeOptions()).run({"x": x}), x + np.arange(4096)
    )
    outside = tmp_path / "outside.onnx"
    onnx.save_model(
        model, outside, save_as_external_data=True, location="weights.bin", size_threshold=64,
        convert_attribute=True,
    )  # fmt: skip
    assert (tmp_path / "weights.bin").stat().st_size >= 4096 * 4
    with pytest.raises(InvalidBundle, match="no digest covers"):
        OnnxGraph(outside, RuntimeOptions())


@pytest.mark.parametrize("content", [b"rubbish", b"\x3a\xff\xff\xff\xff\x0f", b"\x80" * 20])
def test_what_is_no_graph_is_told(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"protocol buffer|beyond"):
        has_external_data(content)


def test_the_shipped_graphs_hold_all_their_weights() -> None:
    for name in BUNDLE_FILES:
        if name.endswith(".onnx"):
            assert not has_external_data((SHIPPED_BUNDLE_DIR / name).read_bytes())


def test_what_is_loaded_is_what_was_hashed(tmp_path: Path) -> None:
    for each in SHIPPED_BUNDLE_DIR.iterdir():
        (tmp_path / each.name).symlink_to(each)
    bundle = load_bundle(tmp_path)
    exchanged = tmp_path / ECG_ENCODER_FILE
    exchanged.unlink()
    exchanged.write_bytes(base64.b64decode("CAgSADo="))
    with pytest.raises(InvalidBundle, match=f"{ECG_ENCODER_FILE} does not match"):
        bundle.read(ECG_ENCODER_FILE)


def test_a_pinned_digest_lets_no_other_bundle_start() -> None:
    digest = load_bundle(SHIPPED_BUNDLE_DIR).digest
    assert load_bundle(SHIPPED_BUNDLE_DIR, digest).digest == digest
    with pytest.raises(InvalidBundle, match="pinned"):
        load_bundle(SHIPPED_BUNDLE_DIR, "0" * 64)
