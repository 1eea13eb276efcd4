"""The bundle's graphs in torch: node by node, as torch runs its own modules.

A bundle holds no torch modules, and whoever has only the bundle need not know how they were built:
these graphs were exported from torch, so that each node is one operation of torch again.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import Tensor
from torch.nn import functional

from ecg_core.bundle import ECG_ENCODER_FILE, FUSION_FILE, TEXT_ATTENTION_FILE, Bundle
from service.engine.inference.onnx import (
    OnnxEcgEncoder,
    OnnxFusion,
    OnnxTokenEncoder,
    OnnxTokenFusion,
)
from service.engine.inference.protocols import EcgEncoder, Fusion

Operation = Callable[..., Tensor]

_TYPES = {1: torch.float32, 6: torch.int32, 7: torch.int64, 9: torch.bool, 11: torch.float64}


def torch_network(bundle: Bundle) -> tuple[EcgEncoder, Fusion]:
    """ECG encoder and fusion as the service has them, but for what runs their graphs."""
    manifest = bundle.manifest
    encoder: Any = TorchGraph(bundle.path(ECG_ENCODER_FILE))
    fusion: Any = TorchGraph(bundle.path(FUSION_FILE))
    if manifest.tokens is None:
        return OnnxEcgEncoder(encoder, manifest.ecg_encoder.signs), OnnxFusion(fusion)
    attention: Any = TorchGraph(bundle.path(TEXT_ATTENTION_FILE))
    return OnnxTokenEncoder(encoder), OnnxTokenFusion(fusion, attention, manifest.tokens)


class TorchGraph:
    """One graph with one output, run by torch.

    Raises:
        NotImplementedError: It holds an operation that is not among those below.
    """

    def __init__(self, path: Path) -> None:
        graph = onnx.load(path).graph
        self._constants = {
            each.name: torch.tensor(numpy_helper.to_array(each)) for each in graph.initializer
        }
        self._steps = [(_operation(node), tuple(node.input), node.output[0]) for node in graph.node]
        self._output = graph.output[0].name

    @torch.inference_mode()
    def run(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """The graph's output."""
        values = self._constants | {name: torch.tensor(each) for name, each in inputs.items()}
        for operation, names, output in self._steps:
            values[output] = operation(*(values[name] if name else None for name in names))
        return np.asarray(values[self._output].numpy(), dtype=np.float32)


def _operation(node: onnx.NodeProto) -> Operation:
    attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    if node.op_type in _PLAIN:
        return _PLAIN[node.op_type]
    if node.op_type in _WITH_ATTRIBUTES:
        return partial(_WITH_ATTRIBUTES[node.op_type], attributes)
    raise NotImplementedError(node.op_type)


def _sizes(values: Tensor) -> list[int]:
    return [int(value) for value in values.tolist()]


def _expand(data: Tensor, shape: Tensor) -> Tensor:
    return data.expand(torch.broadcast_shapes(data.shape, _sizes(shape)))


def _gather_nd(data: Tensor, indices: Tensor) -> Tensor:
    return data[tuple(indices.unbind(-1))]


def _slice(
    data: Tensor, starts: Tensor, ends: Tensor, axes: Tensor, steps: Tensor | None = None
) -> Tensor:
    places = [slice(None)] * data.ndim
    strides = [1] * len(starts) if steps is None else _sizes(steps)
    for start, end, axis, step in zip(*map(_sizes, (starts, ends, axes)), strides, strict=True):
        places[axis] = slice(start, end, step)
    return data[tuple(places)]


def _squeeze(data: Tensor, axes: Tensor) -> Tensor:
    return data.squeeze(_sizes(axes))


def _unsqueeze(data: Tensor, axes: Tensor) -> Tensor:
    for axis in sorted(_sizes(axes)):
        data = data.unsqueeze(axis)
    return data


def _convolution(a: dict[str, Any], data: Tensor, weight: Tensor, *bias: Tensor) -> Tensor:
    half = len(a["pads"]) // 2
    assert a["pads"][:half] == a["pads"][half:]
    strides, dilations = tuple(a["strides"]), tuple(a["dilations"])
    convolve = {1: functional.conv1d, 2: functional.conv2d}[half]
    offset = bias[0] if bias else None
    return convolve(data, weight, offset, strides, a["pads"][:half], dilations, a["group"])


def _average_pool(a: dict[str, Any], data: Tensor) -> Tensor:
    size, stride, pad = a["kernel_shape"][0], a["strides"][0], a["pads"][0]
    return functional.avg_pool1d(data, size, stride, pad, ceil_mode=bool(a.get("ceil_mode")))


def _gemm(a: dict[str, Any], data: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    assert a.get("transA", 0) == 0
    assert a.get("alpha", 1.0) == a.get("beta", 1.0) == 1.0
    return functional.linear(data, weight if a.get("transB") else weight.T, bias)


def _layer_norm(a: dict[str, Any], data: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    return functional.layer_norm(data, scale.shape, scale, bias, a["epsilon"])


def _reduced(reduce: Callable[..., Any]) -> Callable[..., Tensor]:
    def reduced(a: dict[str, Any], data: Tensor, axes: Tensor) -> Tensor:
        found: Tensor = reduce(data, dim=_sizes(axes), keepdim=bool(a.get("keepdims", 1)))
        return found

    return reduced


def _shape(a: dict[str, Any], data: Tensor) -> Tensor:
    return torch.tensor(data.shape[a.get("start", 0) : a.get("end")])


def _concatenate(a: dict[str, Any], *parts: Tensor) -> Tensor:
    return torch.cat(parts, dim=a["axis"])


def _gelu(a: dict[str, Any], data: Tensor) -> Tensor:
    return functional.gelu(data, approximate=a.get("approximate", b"none").decode())


def _gather(a: dict[str, Any], data: Tensor, indices: Tensor) -> Tensor:
    axis = a.get("axis", 0)
    found = data.index_select(axis, indices.flatten())
    return found.reshape(*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :])


def _permute(a: dict[str, Any], data: Tensor) -> Tensor:
    permutation: Sequence[int] = a["perm"]
    return data.permute(*permutation)


_PLAIN: Mapping[str, Operation] = {
    "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": torch.div, "Pow": torch.pow,
    "MatMul": torch.matmul, "Less": torch.lt, "Where": torch.where,
    "Relu": torch.relu, "Erf": torch.erf, "Exp": torch.exp, "Sqrt": torch.sqrt,
    "Tanh": torch.tanh, "Sigmoid": torch.sigmoid, "Neg": torch.neg, "Max": torch.maximum,
    "Clip": torch.clamp, "Expand": _expand, "GatherND": _gather_nd, "Slice": _slice,
    "Squeeze": _squeeze, "Unsqueeze": _unsqueeze,
    "Reshape": lambda data, shape: data.reshape(_sizes(shape)),
}  # fmt: skip
_WITH_ATTRIBUTES: Mapping[str, Callable[..., Tensor]] = {
    "Conv": _convolution, "AveragePool": _average_pool, "Gemm": _gemm, "Shape": _shape,
    "LayerNormalization": _layer_norm, "Concat": _concatenate, "Gelu": _gelu, "Gather": _gather,
    "Transpose": _permute,
    "Einsum": lambda a, *data: torch.einsum(a["equation"].decode(), *data),
    "Softmax": lambda a, data: data.softmax(a["axis"]),
    "Cast": lambda a, data: data.to(_TYPES[a["to"]]),
    "GatherElements": lambda a, data, at: data.gather(a["axis"], at),
    "ReduceMean": _reduced(torch.mean), "ReduceSum": _reduced(torch.sum),
    "ReduceL2": _reduced(torch.linalg.vector_norm),
}  # fmt: skip
