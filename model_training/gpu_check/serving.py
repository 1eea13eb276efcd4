"""The bundle's graphs: are they the CPU's, and what does a batch cost?"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .graph import CarriedGraph
from .machine import median_s

Arrays = Mapping[str, NDArray[Any]]
Run = Callable[[Arrays], NDArray[Any]]


def reference(folder: Path, name: str) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    """A graph's inputs, and what onnxruntime made of them on a CPU where the folder was made."""
    with np.load(folder / f"{name}.reference.npz", allow_pickle=False) as kept:
        inputs = {key.removeprefix("in_"): kept[key] for key in kept.files if key != "out"}
        return inputs, kept["out"]


def exact_multiplications(*, exact: bool) -> None:
    """Multiply float32 as float32, or by TensorFloat-32 (10 bits of fraction) where there is it."""
    torch.backends.cuda.matmul.allow_tf32 = not exact
    torch.backends.cudnn.allow_tf32 = not exact


def by_torch(folder: Path, name: str, device: torch.device) -> Run:
    """A carried graph on a device."""
    graph = CarriedGraph(folder / f"{name}.graph.npz").to(device).eval()

    def run(inputs: Arrays) -> NDArray[Any]:
        output = graph({n: torch.from_numpy(a).to(device) for n, a in inputs.items()})
        made: NDArray[Any] = output.cpu().numpy()
        return made

    return run


def by_onnxruntime(folder: Path, name: str, *, exact: bool) -> Run:
    """The graph itself on a GPU.

    Raises:
        ImportError: onnxruntime is not here.
        RuntimeError: It has no CUDA, or the graph was not carried.
    """
    import onnxruntime

    if not (folder / f"{name}.onnx").is_file():
        raise RuntimeError("the graph was not carried")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise RuntimeError("this onnxruntime has no CUDA")
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    provider = ("CUDAExecutionProvider", {"use_tf32": "0" if exact else "1"})
    session = onnxruntime.InferenceSession(
        folder / f"{name}.onnx", options, providers=[provider, "CPUExecutionProvider"]
    )
    if session.get_providers()[0] != "CUDAExecutionProvider":
        raise RuntimeError("CUDA did not start under onnxruntime")

    def run(inputs: Arrays) -> NDArray[Any]:
        made: NDArray[Any] = session.run(None, dict(inputs))[0]
        return made

    return run


def engines(folder: Path, device: torch.device) -> dict[str, Callable[[str], Run]]:
    """What can compute the graphs, by name: each takes a graph's name."""
    chosen = {"torch": lambda name: by_torch(folder, name, device)}
    if device.type == "cuda":
        chosen["onnxruntime"] = lambda name: by_onnxruntime(folder, name, exact=True)
    return chosen


def parity(folder: Path, device: torch.device) -> dict[str, Any]:
    """Each graph's largest difference from the reference, by engine; logits and unit vectors."""
    names = json.loads((folder / "carried.json").read_text())["graphs"]
    found: dict[str, Any] = {}
    for exact in (True, False) if device.type == "cuda" else (True,):
        exact_multiplications(exact=exact)
        makers = engines(folder, device)
        if device.type == "cuda":
            makers["onnxruntime"] = partial(by_onnxruntime, folder, exact=exact)
        for engine, make in makers.items():
            key = f"{engine}_{'float32' if exact else 'tf32'}"
            found[key] = {name: _difference(folder, name, make) for name in names}
    return found


def _difference(folder: Path, name: str, make: Callable[[str], Run]) -> float | dict[str, str]:
    inputs, expected = reference(folder, name)
    try:
        return float(np.abs(make(name)(inputs) - expected).max())
    except (ImportError, RuntimeError) as why:
        return {"skipped": str(why)}


def throughput(folder: Path, device: torch.device, *, small: bool) -> dict[str, Any]:
    """Encoder and fusion for batches of recordings, copies to and from the device included.

    With it, whether a recording's answer depends on who is in its batch: it must not, to the bit,
    or batches of several requests are out of the question.
    """
    exact_multiplications(exact=True)
    sizes = (1, 2, 4) if small else (1, 2, 4, 8, 16, 32, 64, 128, 256)
    measured: dict[str, Any] = {}
    for engine, make in engines(folder, device).items():
        try:
            chain = _Chain(folder, make)
        except (ImportError, RuntimeError) as why:
            measured[engine] = {"skipped": str(why)}
            continue
        alone = chain(1)[0]
        measured[engine] = []
        for size in sizes:
            batch_s = median_s(partial(chain, size), device, most_s=0.1 if small else 3.0)
            measured[engine].append(
                {
                    "recordings": size,
                    "batch_ms": round(1000 * batch_s, 3),
                    "recordings_a_second": round(size / batch_s, 1),
                    "largest_difference_from_alone": float(np.abs(chain(size)[0] - alone).max()),
                }
            )
    return measured


class _Chain:
    """Windows and signs to logits, as a diagnosis asks, for any number of recordings."""

    def __init__(self, folder: Path, make: Callable[[str], Run]) -> None:
        self.encoder_inputs, _ = reference(folder, "ecg_encoder")
        self.fusion_inputs, _ = reference(folder, "fusion")
        self.encode, self.fuse = make("ecg_encoder"), make("fusion")
        # The fusion's first input is what the encoder makes; the other is what is asked.
        self.made, self.asked = list(self.fusion_inputs)

    def __call__(self, recordings: int) -> NDArray[Any]:
        given = {
            name: array[np.arange(recordings) % len(array)]
            for name, array in self.encoder_inputs.items()
        }
        asked = self.fusion_inputs[self.asked]
        return self.fuse({self.made: self.encode(given), self.asked: asked})
