"""An ONNX graph, carried as arrays and computed by torch: for machines without onnxruntime.

The operators are those that the bundle's graphs have, as https://onnx.ai/onnx/operators (opset 18)
says, with the attributes that they have there. Shapes and indices stay on the CPU, as there.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

_TYPES = {1: torch.float32, 6: torch.int32, 7: torch.int64, 9: torch.bool, 11: torch.float64}
_CPU = torch.device("cpu")
# Of these only the first input is data; the others are read, or brought to where it is.
_SHAPED = {
    "ConstantOfShape", "Expand", "Gather", "GatherElements", "GatherND", "Range", "ReduceL2",
    "ReduceMean", "ReduceSum", "Reshape", "Slice", "Squeeze", "Unsqueeze",
}  # fmt: skip

Attributes = Mapping[str, Any]


class UnknownOperator(RuntimeError):
    """A graph has an operator that is not here."""


class CarriedGraph(nn.Module):
    """A graph's nodes in their order, and its weights as buffers."""

    def __init__(self, path: Path) -> None:
        """Read what `gpu_carry` wrote.

        Raises:
            UnknownOperator: It has an operator that is not here.
        """
        super().__init__()
        with np.load(path, allow_pickle=False) as kept:
            self.plan: dict[str, Any] = json.loads(str(kept["plan"]))
            arrays = [torch.from_numpy(kept[f"w{n}"]) for n in range(len(self.plan["weights"]))]
        unknown = {node["op"] for node in self.plan["nodes"]} - set(_OPERATORS)
        if unknown:
            raise UnknownOperator(f"no operator {', '.join(sorted(unknown))} in {path.stem}")
        self.inputs: list[str] = self.plan["inputs"]
        self.output: str = self.plan["output"]
        self.shapes: dict[str, Tensor] = {}
        for number, (name, array) in enumerate(zip(self.plan["weights"], arrays, strict=True)):
            if array.dtype == torch.int64:
                self.shapes[name] = array
            else:
                self.register_buffer(f"w{number}", array)

    @torch.inference_mode()
    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Compute the graph's one output of its inputs by name."""
        buffers = dict(self.named_buffers())
        values = {**self.shapes, **inputs}
        values |= {
            name: buffers[f"w{number}"]
            for number, name in enumerate(self.plan["weights"])
            if f"w{number}" in buffers
        }
        for node in self.plan["nodes"]:
            given = [values[name] if name else None for name in node["inputs"]]
            compute = _OPERATORS[node["op"]]
            values[node["output"]] = compute(_together(node, given), node["attributes"])
        return values[self.output]


def _together(node: Mapping[str, Any], given: list[Tensor | None]) -> list[Any]:
    """On one device: where any of it is on a GPU, all goes there but shapes, axes and indices."""
    if node["op"] in _SHAPED:
        return given
    away = [tensor.device for tensor in given if tensor is not None and tensor.device != _CPU]
    if not away:
        return given
    return [None if tensor is None else tensor.to(away[0]) for tensor in given]


def _list(tensor: Tensor) -> list[int]:
    numbers: list[int] = tensor.tolist()
    return numbers


def _shape(x: list[Any], a: Attributes) -> Tensor:
    return torch.tensor(list(x[0].shape)[a.get("start", 0) : a.get("end")], dtype=torch.int64)


def _conv(x: list[Any], a: Attributes) -> Tensor:
    pads = a["pads"]
    half = len(pads) // 2
    if pads[:half] != pads[half:]:
        raise UnknownOperator("Conv with uneven pads")
    rest = {"stride": a["strides"], "padding": pads[:half], "dilation": a["dilations"]}
    convolve = {3: functional.conv1d, 4: functional.conv2d}[x[0].ndim]
    return convolve(x[0], x[1], x[2] if len(x) > 2 else None, **rest, groups=a["group"])


def _average_pool(x: list[Any], a: Attributes) -> Tensor:
    half = len(a["pads"]) // 2
    return functional.avg_pool1d(
        x[0], a["kernel_shape"], a["strides"], a["pads"][:half], bool(a["ceil_mode"]),
        bool(a["count_include_pad"]),
    )  # fmt: skip


def _slice(x: list[Any], _: Attributes) -> Tensor:
    starts, ends = _list(x[1]), _list(x[2])
    axes = _list(x[3]) if len(x) > 3 and x[3] is not None else range(len(starts))
    steps = _list(x[4]) if len(x) > 4 else [1] * len(starts)
    sliced: Tensor = x[0]
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        places = torch.arange(sliced.shape[axis])[start:end:step].to(sliced.device)
        sliced = sliced.index_select(axis, places)
    return sliced


def _gather(x: list[Any], a: Attributes) -> Tensor:
    data, index = x[0], x[1].to(x[0].device)
    axis = a.get("axis", 0) % data.ndim
    index = torch.where(index < 0, index + data.shape[axis], index)
    picked: Tensor = data.index_select(axis, index.flatten())
    return picked.reshape(*data.shape[:axis], *index.shape, *data.shape[axis + 1 :])


def _gather_nd(x: list[Any], a: Attributes) -> Tensor:
    if a.get("batch_dims", 0):
        raise UnknownOperator("GatherND of batches")
    picked: Tensor = x[0][tuple(x[1].to(x[0].device).unbind(-1))]
    return picked


def _expand(x: list[Any], _: Attributes) -> Tensor:
    expanded: Tensor = x[0] * torch.ones(_list(x[1]), dtype=x[0].dtype, device=x[0].device)
    return expanded


def _reshape(x: list[Any], _: Attributes) -> Tensor:
    reshaped: Tensor = x[0].reshape(_list(x[1]))
    return reshaped


def _unsqueeze(x: list[Any], _: Attributes) -> Tensor:
    rank = x[0].ndim + len(x[1])
    result: Tensor = x[0]
    for axis in sorted(place % rank for place in _list(x[1])):
        result = result.unsqueeze(axis)
    return result


def _squeeze(x: list[Any], _: Attributes) -> Tensor:
    squeezed: Tensor = x[0].squeeze() if len(x) < 2 else x[0].squeeze(tuple(_list(x[1])))
    return squeezed


def _reduce(kind: Callable[..., Tensor]) -> Callable[[list[Any], Attributes], Tensor]:
    def reduce(x: list[Any], a: Attributes) -> Tensor:
        axes = _list(x[1]) if len(x) > 1 else list(range(x[0].ndim))
        return kind(x[0], dim=axes, keepdim=bool(a.get("keepdims", 1)))

    return reduce


def _dequantize(x: list[Any], a: Attributes) -> Tensor:
    axis, ones = a["axis"], [1] * x[0].ndim
    ones[axis] = -1
    scaled: Tensor = x[0].float() * x[1].reshape(ones)
    return scaled


def _layer_norm(x: list[Any], a: Attributes) -> Tensor:
    shape = x[0].shape[a["axis"] :]
    return functional.layer_norm(x[0], shape, x[1], x[2] if len(x) > 2 else None, a["epsilon"])


def _gemm(x: list[Any], a: Attributes) -> Tensor:
    left = x[0].T if a.get("transA") else x[0]
    right = x[1].T if a.get("transB") else x[1]
    product: Tensor = a.get("alpha", 1.0) * (left @ right)
    return product + a.get("beta", 1.0) * x[2] if len(x) > 2 else product


def _divide(x: list[Any], _: Attributes) -> Tensor:
    whole = not x[0].is_floating_point()
    return torch.div(x[0], x[1], rounding_mode="trunc" if whole else None)


def _clip(x: list[Any], _: Attributes) -> Tensor:
    return torch.clamp(x[0], *(*x[1:], None)[:2])


def _constant_of_shape(x: list[Any], a: Attributes) -> Tensor:
    value = a.get("value", [0.0])
    return torch.full(_list(x[0]), value[0])


_OPERATORS: dict[str, Callable[[list[Any], Attributes], Tensor]] = {
    "Add": lambda x, _: x[0] + x[1],
    "And": lambda x, _: x[0] & x[1],
    "AveragePool": _average_pool,
    "Cast": lambda x, a: x[0].to(_TYPES[a["to"]]),
    "Clip": _clip,
    "Concat": lambda x, a: torch.cat(x, a["axis"]),
    "ConstantOfShape": _constant_of_shape,
    "Conv": _conv,
    "DequantizeLinear": _dequantize,
    "Div": _divide,
    "Einsum": lambda x, a: torch.einsum(a["equation"], *x),
    "Equal": lambda x, _: x[0] == x[1],
    "Erf": lambda x, _: torch.erf(x[0]),
    "Exp": lambda x, _: torch.exp(x[0]),
    "Expand": _expand,
    "Gather": _gather,
    "GatherElements": lambda x, a: x[0].gather(a["axis"], x[1].to(x[0].device)),
    "GatherND": _gather_nd,
    "Gemm": _gemm,
    "GreaterOrEqual": lambda x, _: x[0] >= x[1],
    "Identity": lambda x, _: x[0],
    "LayerNormalization": _layer_norm,
    "Less": lambda x, _: x[0] < x[1],
    "Log": lambda x, _: torch.log(x[0]),
    "MatMul": lambda x, _: x[0] @ x[1],
    "Max": lambda x, _: torch.maximum(x[0], x[1]) if len(x) > 1 else x[0],
    "Min": lambda x, _: torch.minimum(x[0], x[1]) if len(x) > 1 else x[0],
    "Mul": lambda x, _: x[0] * x[1],
    "Neg": lambda x, _: -x[0],
    "Not": lambda x, _: ~x[0],
    "Pow": lambda x, _: x[0] ** x[1],
    "Range": lambda x, _: torch.arange(*(tensor.item() for tensor in x)),
    "ReduceL2": _reduce(torch.linalg.vector_norm),
    "ReduceMean": _reduce(torch.mean),
    "ReduceSum": _reduce(torch.sum),
    "Relu": lambda x, _: torch.relu(x[0]),
    "Reshape": _reshape,
    "Shape": _shape,
    "Sigmoid": lambda x, _: torch.sigmoid(x[0]),
    "Slice": _slice,
    "Softmax": lambda x, a: x[0].softmax(a["axis"]),
    "Softplus": lambda x, _: functional.softplus(x[0]),
    "Sqrt": lambda x, _: torch.sqrt(x[0]),
    "Squeeze": _squeeze,
    "Sub": lambda x, _: x[0] - x[1],
    "Tanh": lambda x, _: torch.tanh(x[0]),
    "Transpose": lambda x, a: x[0].permute(a["perm"]),
    "Unsqueeze": _unsqueeze,
    "Where": lambda x, _: torch.where(x[0], x[1], x[2]),
}
