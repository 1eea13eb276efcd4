"""A folder for a machine with a GPU that has only torch: graphs, references, a training network.

python -m model_training.recipes.gpu_carry --folder build/gpu

There, `python -m gpu_check --out gpu.json` in that folder measures (docs/train/gpu.md). The folder
holds no recording: its windows are drawn.
"""

import argparse
import inspect
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from tokenizers import Tokenizer
from torch import fx

from ecg_core.bundle import CONDITION_EMBEDDINGS_FILE, TOKENIZER_FILE, Manifest, load_bundle
from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.signs import signs_measured
from model_training import gpu_check
from model_training.export.graphs import run_graph
from model_training.fitting import loop
from model_training.fitting.augmentation import Augmentation
from model_training.models.fusion import FusionConfig, masked_binary_cross_entropy
from model_training.models.network import CardioQueryNetwork
from model_training.models.windows import Windows
from model_training.recipes.export import BUNDLE
from model_training.run.config import RunConfig, load_config
from model_training.run.recordings import CONFIGS

WINDOWS, QUERIES = 4, 20
_TEXTS = ("left bundle branch block", "ST elevation of at least 1 mm in two neighbouring leads")
_MEDCPT_DIMENSION = 768
_STEP = '''"""Parts of a training step, copied word for word from the training package."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from concurrent.futures import Future, ThreadPoolExecutor
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR
'''


def carry(folder: Path, bundle: Path, config: RunConfig, *, onnx_too: bool = True) -> None:
    """Write the folder anew.

    Args:
        folder: Where to.
        bundle: Whose graphs.
        config: Whose training step.
        onnx_too: Whether the graphs' own files go along, for onnxruntime on a GPU.

    Raises:
        FileExistsError: The folder is there and was not made by this.
        TypeError: The configuration's network has tokens.
        InvalidBundle: There is no whole bundle.
    """
    if folder.exists():
        if not (folder / "carried.json").is_file():
            raise FileExistsError(f"{folder} is there, and not made by this")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    loaded = load_bundle(bundle)
    package = Path(gpu_check.__file__).parent
    shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    carried = {
        "bundle": loaded.digest,
        "onnxruntime": onnxruntime.__version__,
        "torch": torch.__version__,
        "graphs": carry_graphs(folder, bundle, loaded.manifest, onnx_too=onnx_too),
        "training": carry_training(folder, config),
    }
    (folder / "carried.json").write_text(json.dumps(carried, indent=2) + "\n")


def carry_graphs(
    folder: Path, bundle: Path, manifest: Manifest, *, onnx_too: bool = True
) -> list[str]:
    """Write each graph, its inputs and what the CPU makes of them; returns their names."""
    known = graph_inputs(bundle, manifest)
    order = ["ecg_encoder", "text_encoder", "text_attention", "fusion"]
    names = [name for name in order if f"{name}.onnx" in manifest.files]
    for name in names:
        path = bundle / f"{name}.onnx"
        model = onnx.load(path)
        given = {value.name: known[value.name] for value in model.graph.input}
        output = run_graph(path, given)
        known[model.graph.output[0].name] = output
        if onnx_too:
            shutil.copy(path, folder / path.name)
        reference: dict[str, Any] = {f"in_{n}": v for n, v in given.items()} | {"out": output}
        parts: dict[str, Any] = dict(plain_graph(model))
        np.savez(folder / f"{name}.graph.npz", **parts)
        np.savez(folder / f"{name}.reference.npz", **reference)
    return names


def graph_inputs(bundle: Path, manifest: Manifest) -> dict[str, NDArray[Any]]:
    """What a bundle's graphs may take, by name, but for what another graph makes."""
    windows = drawn_windows(WINDOWS, manifest.preprocessing)
    signs = signs_measured(windows, manifest.preprocessing)
    tokenizer = Tokenizer.from_file(str(bundle / TOKENIZER_FILE))
    tokenizer.enable_padding()
    spoken = tokenizer.encode_batch(list(_TEXTS))
    return {
        "windows": windows,
        "signs": np.nan_to_num(signs, nan=0.0),
        "measured": np.isfinite(signs).astype(np.float32),
        "lead_mask": (windows != 0).any(-1).astype(np.float32),
        "query_embeddings": np.load(bundle / CONDITION_EMBEDDINGS_FILE)[:QUERIES],
        "input_ids": np.array([text.ids for text in spoken], np.int64),
        "attention_mask": np.array([text.attention_mask for text in spoken], np.int64),
    }


def drawn_windows(count: int, spec: PreprocessingSpec) -> NDArray[np.float32]:
    """Windows of drawn beats at different rates, and a little noise: (window, lead, sample)."""
    generator = np.random.default_rng(0)
    time_s = np.arange(spec.window_samples) / spec.sampling_rate_hz
    beats_hz = 1.0 + 0.2 * np.arange(count)[:, None, None]
    since_s = (time_s % (1 / beats_hz)) - 0.35
    height = generator.normal(1.0, 0.4, (count, len(spec.leads), 1))
    waves = ((0.15, -0.18, 0.03), (1.0, 0.0, 0.015), (-0.2, 0.03, 0.012), (0.3, 0.25, 0.05))
    drawn = sum(mv * np.exp(-(((since_s - at) / width) ** 2) / 2) for mv, at, width in waves)
    noise = generator.normal(0, 0.01, (count, len(spec.leads), len(time_s)))
    windows: NDArray[np.float32] = (drawn * height + noise).astype(np.float32)
    return windows / np.float32(spec.millivolts_per_unit)


def plain_graph(model: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    """A graph as arrays that need no onnx to be read: see `gpu_check.graph`."""
    graph = model.graph
    nodes = [
        {
            "op": node.op_type,
            "inputs": list(node.input),
            "output": node.output[0],
            "attributes": {a.name: _plain(helper.get_attribute_value(a)) for a in node.attribute},
        }
        for node in graph.node
    ]
    plan = {
        "inputs": [value.name for value in graph.input],
        "output": graph.output[0].name,
        "weights": [tensor.name for tensor in graph.initializer],
        "nodes": nodes,
    }
    weights = {f"w{n}": numpy_helper.to_array(t) for n, t in enumerate(graph.initializer)}
    return {"plan": np.array(json.dumps(plan)), **weights}


def _plain(value: Any) -> Any:
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value).tolist()
    return value.decode() if isinstance(value, bytes) else value


def carry_training(folder: Path, config: RunConfig) -> Mapping[str, Any]:
    """Write the configuration's network without weights, and its step; returns its settings."""
    fusion, spec = config.fusion, config.preprocessing
    if not isinstance(fusion, FusionConfig):
        raise TypeError("only a fusion of cross-attention is carried")
    network = CardioQueryNetwork(config.ecg_encoder, fusion, spec, text_dimension=_MEDCPT_DIMENSION)
    # Its layers are torch's own, so it is read by torch alone; weights are drawn where it trains.
    torch.save(fx.symbolic_trace(network).to("meta"), folder / "network.pt")
    copied = (Windows, Augmentation, masked_binary_cross_entropy, loop._optimiser, loop._average)
    sources = [inspect.getsource(part) for part in copied]
    (folder / "step.py").write_text("\n\n".join([_STEP, *sources]))
    return {
        "configuration": config.name,
        "leads": len(spec.leads),
        "window_samples": spec.window_samples,
        "sampling_rate_hz": spec.sampling_rate_hz,
        "millivolts_per_unit": spec.millivolts_per_unit,
        "text_dimension": _MEDCPT_DIMENSION,
        "augmentation": config.augmentation.model_dump(),
        "optimiser": config.fusion_training.model_dump(),
    }


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, default=Path("build/gpu"))
    parser.add_argument("--bundle", type=Path, default=BUNDLE)
    parser.add_argument("--config", type=Path, default=CONFIGS / "mimic_iv_ecg.yaml")
    parser.add_argument("--without-onnx", action="store_true", help="half the size: torch alone")
    arguments = parser.parse_args()
    config, onnx_too = load_config(arguments.config), not arguments.without_onnx
    carry(arguments.folder, arguments.bundle, config, onnx_too=onnx_too)
    size = sum(file.stat().st_size for file in arguments.folder.rglob("*") if file.is_file())
    print(f"{arguments.folder}: {size / 1e6:.0f} MB; there: python -m gpu_check --out gpu.json")


if __name__ == "__main__":
    main()
