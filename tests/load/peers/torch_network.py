"""The bundle's ECG encoder and fusion as torch modules, with the weights of its ONNX graphs.

A bundle holds no torch weights. The exporter keeps the names of parameters, folds each batch norm
into the convolution before it, and transposes (and renames) the matrices of linear layers, which
are told by the bias that is added to their product.
"""

from collections.abc import Iterator

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from ecg_core.bundle import ECG_ENCODER_FILE, FUSION_FILE, Bundle
from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.signs import measure_signs
from model_training.models.ecg_encoder import EcgEncoder, EcgEncoderConfig
from model_training.models.fusion import CardiacFusion, FusionConfig
from model_training.models.measured import MeasuredConditions, TreesConfig
from model_training.models.network import FeatureEncoder
from service.deadline import Checkpoint, no_checkpoint

Weights = dict[str, NDArray[np.generic]]


class TorchEcgEncoder:
    """Windows in, ECG features out; see `service.inference.protocols.EcgEncoder`."""

    def __init__(self, module: FeatureEncoder, preprocessing: PreprocessingSpec) -> None:
        self._module = module
        self._preprocessing = preprocessing

    @torch.inference_mode()
    def encode(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        signs = torch.from_numpy(measure_signs(windows, self._preprocessing))
        features: NDArray[np.float32] = self._module(torch.tensor(windows), signs).numpy()
        return features


class TorchFusion:
    """ECG features and query embeddings in, logits out; see `Fusion` of the same module."""

    def __init__(self, module: CardiacFusion) -> None:
        self._module = module

    @torch.inference_mode()
    def logits(
        self,
        features: NDArray[np.float32],
        query_embeddings: NDArray[np.float32],
        checkpoint: Checkpoint = no_checkpoint,
    ) -> NDArray[np.float32]:
        checkpoint()
        found = self._module(torch.from_numpy(features), torch.from_numpy(query_embeddings))
        return found.numpy().mean(axis=0, dtype=np.float64).astype(np.float32)


def network_of(bundle: Bundle) -> tuple[FeatureEncoder, CardiacFusion]:
    """The two parts, in evaluation mode."""
    leads = len(bundle.manifest.preprocessing.leads)
    encoder = encoder_of(onnx.load(bundle.path(ECG_ENCODER_FILE)), leads)
    return encoder, fusion_of(onnx.load(bundle.path(FUSION_FILE)))


def encoder_of(graph: onnx.ModelProto, leads: int) -> FeatureEncoder:
    """The encoder; its size follows from the shapes of its weights."""
    weights = _weights(graph)
    conditions = len(weights["measured.prior"])
    trees = TreesConfig(trees=len(weights["measured.leaf"]) // conditions)
    measured = MeasuredConditions(trees, conditions)
    _load(measured, _below("measured.", weights))
    return FeatureEncoder(waveform_of(_below("waveform.", weights), leads), measured).eval()


def waveform_of(weights: Weights, leads: int) -> EcgEncoder:
    """The part that reads the waveform."""
    projections = [weights[name] for name in weights if name.endswith("project.weight")]
    width, _, _ = weights["branches.0.stem.0.weight"].shape
    config = EcgEncoderConfig(
        width=width,
        kernel_samples=weights["branches.0.stages.0.body.0.weight"].shape[2],
        branches=len(projections),
        branch_dimension=projections[0].shape[0],
    )
    encoder = EcgEncoder(config, leads).eval()
    _fold_batch_norms(encoder)
    # `weight_bias`: what the exporter calls a bias that came of a batch norm.
    renamed = {name.replace("weight_bias", "bias"): value for name, value in weights.items()}
    _load(encoder, renamed)
    return encoder


def fusion_of(graph: onnx.ModelProto) -> CardiacFusion:
    """The fusion; its size follows from its weights, the number of heads from a reshaping."""
    weights = _weights(graph)
    weights |= dict(_linear_weights(graph.graph, weights))
    weights["memory.log_sharpness"] = np.log(weights["exp"]).astype(np.float32)
    dimension, text_dimension = weights["adapter_shortcut.weight"].shape
    _, tokens, feature_dimension = weights["position"].shape
    conditions = len(weights["memory.outputs.mean.bias"])
    config = FusionConfig(
        dimension=dimension,
        layers=sum(name.endswith("norm_query.weight") for name in weights),
        heads=_heads(weights),
        feed_forward=weights["layers.0.feed_forward.1.bias"].shape[0],
        adapter=weights["adapter.0.bias"].shape[0],
    )
    fusion = CardiacFusion(
        config,
        dimension=feature_dimension,
        tokens=tokens,
        text_dimension=text_dimension,
        conditions=conditions,
        signs=len(weights["memory.keys"]) - conditions,
    ).eval()
    _load(fusion, weights)
    return fusion


def _below(prefix: str, weights: Weights) -> Weights:
    return {
        name.removeprefix(prefix): value
        for name, value in weights.items()
        if name.startswith(prefix)
    }


def _weights(graph: onnx.ModelProto) -> Weights:
    return {each.name: numpy_helper.to_array(each) for each in graph.graph.initializer}


def _linear_weights(
    graph: onnx.GraphProto, weights: Weights
) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """The name and matrix of each linear layer that was exported as a product and a sum."""
    matrices = {
        node.output[0]: weights[node.input[1]]
        for node in graph.node
        if node.op_type == "MatMul" and node.input[1] in weights
    }
    for node in graph.node:
        if node.op_type == "Add":
            product = next((name for name in node.input if name in matrices), None)
            bias = next((name for name in node.input if name.endswith(".bias")), None)
            if product is not None and bias is not None:
                yield bias.removesuffix("bias") + "weight", matrices[product].T


def _heads(weights: Weights) -> int:
    """From the shape that keys are split into: (window, token, head, dimension / heads)."""
    return next(int(w[2]) for w in weights.values() if w.dtype == np.int64 and w.shape == (4,))


def _fold_batch_norms(module: nn.Module) -> None:
    """Take out each batch norm, and give the convolution before it a bias instead."""
    for child in module.modules():
        if not isinstance(child, nn.Sequential):
            continue
        for number, layer in enumerate(child):
            if isinstance(layer, nn.BatchNorm1d):
                convolution = child[number - 1]
                convolution.bias = nn.Parameter(torch.zeros(convolution.out_channels))
                child[number] = nn.Identity()


def _load(module: nn.Module, weights: Weights) -> None:
    tensors: dict[str, Tensor] = {
        name: torch.from_numpy(np.array(weights[name])) for name in module.state_dict()
    }
    module.load_state_dict(tensors)
