"""torch modules to ONNX graphs, int8 weights, and the parity between the two."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import Tensor, nn

OPSET = 18
_LEAST_WEIGHTS = 4096
_INT8_LIMIT = 127


def export_graph(
    module: nn.Module,
    example: Mapping[str, Tensor],
    output: str,
    dynamic: Mapping[str, Mapping[int, str]],
    path: Path,
) -> None:
    """Export a module's forward to one ONNX file.

    Args:
        module: In evaluation mode.
        example: Example inputs by the names that the graph's inputs get.
        output: Name of the graph's one output.
        dynamic: For each input, the names of its dynamic axes.
        path: The file to write.
    """
    program = torch.onnx.export(
        module.eval(),
        kwargs=dict(example),
        input_names=list(example),
        output_names=[output],
        dynamic_shapes={
            name: dict.fromkeys(dynamic.get(name, {}), torch.export.Dim.DYNAMIC) for name in example
        },
        dynamo=True,
        opset_version=OPSET,
        verbose=False,
    )
    assert program is not None  # noqa: S101 - dynamo=True always returns one
    model = program.model_proto
    _name_axes(model, dynamic)
    # Names of source files and lines would tell of the machine that exported.
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    model.doc_string = ""
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def store_weights_as_int8(path: Path) -> None:
    """Replace weight matrices that lie on an int8 grid by int8 tensors with `DequantizeLinear`.

    The graph computes exactly what it did; the file shrinks to about a quarter.

    Raises:
        ValueError: A weight matrix is not on an int8 grid along either axis.
    """
    model = onnx.load(path)
    graph = model.graph
    kept, nodes = [], []
    for tensor in graph.initializer:
        weights = numpy_helper.to_array(tensor)
        if weights.dtype != np.float32 or weights.ndim != 2 or weights.size < _LEAST_WEIGHTS:
            kept.append(tensor)
            continue
        levels, scales, axis = _int8_grid(weights)
        kept += [
            numpy_helper.from_array(levels, f"{tensor.name}.int8"),
            numpy_helper.from_array(scales, f"{tensor.name}.scale"),
        ]
        nodes.append(
            helper.make_node(
                "DequantizeLinear",
                [f"{tensor.name}.int8", f"{tensor.name}.scale"],
                [tensor.name],
                axis=axis,
            )
        )
    del graph.initializer[:]
    graph.initializer.extend(kept)
    # Names that became node outputs must not be declared as values of the old kind as well.
    made = {node.output[0] for node in nodes}
    values = [value for value in graph.value_info if value.name not in made]
    del graph.value_info[:]
    graph.value_info.extend(values)
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *rest])
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def run_graph(path: Path, inputs: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float32]:
    """Run a graph on the CPU and return its one output."""
    options = onnxruntime.SessionOptions()
    # Weight-only int8: unpacked once at loading, not at each run.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    output: NDArray[np.float32] = session.run(None, dict(inputs))[0]
    return output


def largest_difference(
    module: nn.Module, path: Path, cases: Sequence[Mapping[str, Tensor]]
) -> float:
    """Largest absolute difference between a module and its graph over several inputs."""
    differences = []
    for case in cases:
        with torch.inference_mode():
            expected = module(**case).numpy()
        actual = run_graph(path, {name: value.numpy() for name, value in case.items()})
        differences.append(float(np.abs(expected - actual).max()))
    return max(differences)


def _name_axes(model: onnx.ModelProto, dynamic: Mapping[str, Mapping[int, str]]) -> None:
    for value in model.graph.input:
        for axis, name in dynamic.get(value.name, {}).items():
            value.type.tensor_type.shape.dim[axis].dim_param = name


def _int8_grid(
    weights: NDArray[np.float32],
) -> tuple[NDArray[np.int8], NDArray[np.float32], int]:
    """Levels and scales along the axis on which the weights lie on a grid of 255 levels."""
    for axis in (0, 1):
        largest = np.abs(weights).max(axis=1 - axis, keepdims=True)
        scales = (np.maximum(largest, 1e-12) / _INT8_LIMIT).astype(np.float32)
        levels = np.round(weights / scales)
        if np.abs(levels * scales - weights).max() <= 1e-6 * np.abs(weights).max():
            return levels.astype(np.int8), scales.ravel(), axis
    raise ValueError("a weight matrix is not on an int8 grid: round the weights before export")


__all__ = [
    "export_graph",
    "largest_difference",
    "run_graph",
    "store_weights_as_int8",
]
