"""A trained network of either kind as graphs."""

import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ecg_core.bundle import ECG_ENCODER_FILE, FUSION_FILE, TEXT_ATTENTION_FILE, TokensSpec
from model_training.export.graphs import export_graph, largest_difference
from model_training.models.naming import NamedAttention
from model_training.models.network import CardioQueryNetwork
from model_training.models.token_network import TokenNetwork, leads_there
from model_training.run.workbench import Workbench


def export_attention(
    bench: Workbench, network: CardioQueryNetwork, folder: Path
) -> dict[str, float]:
    """Write encoder and fusion of cross-attention; returns their differences from torch."""
    return {
        ECG_ENCODER_FILE: _export_ecg_encoder(bench, network, folder / ECG_ENCODER_FILE),
        FUSION_FILE: _export_fusion(bench, network, folder / FUSION_FILE),
    }


def export_tokens(bench: Workbench, network: TokenNetwork, folder: Path) -> dict[str, float]:
    """Write encoder, text attention and fusion of tokens; returns differences from torch."""
    return {
        ECG_ENCODER_FILE: _export_token_encoder(bench, network, folder / ECG_ENCODER_FILE),
        TEXT_ATTENTION_FILE: _export_naming(bench, network, folder / TEXT_ATTENTION_FILE),
        FUSION_FILE: _export_token_fusion(bench, network, folder / FUSION_FILE),
    }


def input_names(network: CardioQueryNetwork | TokenNetwork) -> tuple[str, str]:
    """Of the fusion's graph: what the encoder made, and what is asked."""
    if isinstance(network, TokenNetwork):
        return "tokens", "attention"
    return "features", "query_embeddings"


def encoder_inputs(
    network: CardioQueryNetwork | TokenNetwork, windows: NDArray[np.float32]
) -> dict[str, NDArray[np.float32]]:
    """Of the encoder's graph, for windows (window, lead, sample); measures what it needs."""
    held = torch.from_numpy(windows)
    if isinstance(network, TokenNetwork):
        signs = network.signs(held)
        inputs = {
            "windows": held, "lead_mask": leads_there(held),
            "signs": signs.nan_to_num(0.0), "measured": signs.isfinite().float(),
        }  # fmt: skip
    else:
        inputs = {"windows": held}
    return {name: values.numpy() for name, values in inputs.items()}


def tokens_spec(bench: Workbench) -> TokensSpec:
    """What the tokens stand for."""
    concepts = bench.concepts
    spoken = concepts.wordings(bench.left_out)
    return TokensSpec(
        conditions=tuple(condition.id for condition in concepts.conditions),
        signs=tuple(sign.name for sign in concepts.signs),
        composed=tuple(condition.id for condition in concepts.composed),
        wordings=hashlib.sha256(repr(spoken).encode()).hexdigest(),
    )


def _export_ecg_encoder(bench: Workbench, network: CardioQueryNetwork, path: Path) -> float:
    windows = bench.first_windows(5)
    some, one = ({"windows": windows[:count]} for count in (2, 1))
    export_graph(network.encoder, some, "features", {"windows": {0: "window"}}, path)
    return largest_difference(network.encoder, path, [{"windows": windows}, one])


def _export_fusion(bench: Workbench, network: CardioQueryNetwork, path: Path) -> float:
    with torch.inference_mode():
        windows = bench.first_windows(3)
        features = network.read(windows)
    features, queries = features.clone(), bench.canonical
    cases = [
        {"features": features[:rows], "query_embeddings": queries[:count]}
        for rows, count in ((2, 3), (1, 1), (3, len(queries)))
    ]
    dynamic = {"features": {0: "window"}, "query_embeddings": {0: "query"}}
    export_graph(network.fusion, cases[0], "logits", dynamic, path)
    return largest_difference(network.fusion, path, cases)


def _export_token_encoder(bench: Workbench, network: TokenNetwork, path: Path) -> float:
    windows = bench.first_windows(5)
    windows[1, 6:] = 0  # chest leads that are not there
    inputs = encoder_inputs(network, windows.numpy())
    whole = {name: torch.from_numpy(values) for name, values in inputs.items()}
    some, one = ({name: rows[:count] for name, rows in whole.items()} for count in (2, 1))
    dynamic = {name: {0: "window"} for name in whole}
    export_graph(network.tokens, some, "tokens", dynamic, path)
    return largest_difference(network.tokens, path, [whole, one])


class _KnownWordings(nn.Module):
    """The attention with its wordings as they are compared, so that they are kept once."""

    keys: Tensor
    belongs: Tensor

    def __init__(self, naming: NamedAttention) -> None:
        super().__init__()
        self.naming = naming
        with torch.inference_mode():
            keys = naming.unit(naming.keys)
        self.register_buffer("keys", keys.clone())
        self.register_buffer("belongs", naming.belongs.to(torch.int8))

    def forward(self, query_embeddings: Tensor) -> Tensor:
        cosines = self.naming.unit(query_embeddings) @ self.keys.T
        scores = cosines * self.naming.log_sharpness.exp()
        attention: Tensor = scores.softmax(-1) @ self.belongs.to(scores.dtype)
        return attention


def _export_naming(bench: Workbench, network: TokenNetwork, path: Path) -> float:
    queries = bench.canonical
    cases = [{"query_embeddings": queries[:count]} for count in (3, 1, len(queries))]
    module = _KnownWordings(network.naming).eval()
    dynamic = {"query_embeddings": {0: "query"}}
    export_graph(module, cases[0], "attention", dynamic, path)
    # Compared with the attention that was trained and evaluated, not with what was exported.
    return largest_difference(network.naming, path, cases)


def _export_token_fusion(bench: Workbench, network: TokenNetwork, path: Path) -> float:
    with torch.inference_mode():
        windows = bench.first_windows(3)
        tokens = network.read(windows)
    tokens, rows = tokens.clone(), bench.asked.clone()
    cases = [
        {"tokens": tokens[:count], "attention": rows[:queries]}
        for count, queries in ((2, 3), (1, 1), (3, len(rows)))
    ]
    dynamic = {"tokens": {0: "window"}, "attention": {0: "query"}}
    export_graph(network.fusion, cases[0], "logits", dynamic, path)
    return largest_difference(network.fusion, path, cases)
