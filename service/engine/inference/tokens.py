"""A fusion of concept tokens: attention to them, made of what is asked."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ecg_core.asking.composing import Leaf
from ecg_core.bundle import TokensSpec
from ecg_core.checkpoint import Checkpoint, no_checkpoint
from service.engine.inference.graph import (
    WINDOWS_AT_ONCE,
    OnnxGraph,
    mean_logits,
    run_in_chunks,
)

_QUERIES_AT_ONCE = 256


class OnnxTokenEncoder:
    """Windows and what was measured of them in, concept tokens out; see `EcgEncoder`."""

    def __init__(self, graph: OnnxGraph) -> None:
        self._graph = graph

    def encode(
        self,
        windows: NDArray[np.float32],
        signs: NDArray[np.float32],
        checkpoint: Checkpoint = no_checkpoint,
    ) -> NDArray[np.float32]:
        """Tokens of each window, shape (window, token)."""
        inputs: dict[str, NDArray[np.float32]] = {
            "windows": windows,
            # As the signs see it: prepared windows hold zeros where a lead is missing.
            "lead_mask": np.asarray(windows.any(axis=2), dtype=np.float32),
            "signs": np.nan_to_num(signs, nan=0.0),
            "measured": np.isfinite(signs).astype(np.float32),
        }
        return run_in_chunks(self._graph, inputs, WINDOWS_AT_ONCE, checkpoint)


class OnnxTokenFusion:
    """Concept tokens and attention to them in, logits out; see `Fusion`."""

    def __init__(self, graph: OnnxGraph, text_attention: OnnxGraph, spec: TokensSpec) -> None:
        """Wraps the graphs.

        Args:
            graph: The fusion's.
            text_attention: From embeddings of texts to attention.
            spec: What the tokens stand for.
        """
        self._graph, self._text_attention = graph, text_attention
        tokens = (
            *(Leaf(condition=name) for name in spec.conditions),
            *(Leaf(sign=name) for name in spec.signs),
            *(Leaf(condition=name) for name in spec.composed),
        )
        self._places = {token: place for place, token in enumerate(tokens)}

    def asked(
        self, leaves: Sequence[Leaf], query_embeddings: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Attention (query, token): of a token to itself, of all else by what it is called."""
        rows = np.zeros((len(leaves), len(self._places)), np.float32)
        places = [self._places.get(leaf) for leaf in leaves]
        for row, place in zip(rows, places, strict=True):
            if place is not None:
                row[place] = 1
        read = [number for number, place in enumerate(places) if place is None]
        if read:
            inputs = {"query_embeddings": query_embeddings[read]}
            rows[read] = run_in_chunks(
                self._text_attention, inputs, _QUERIES_AT_ONCE, no_checkpoint
            )
        return rows

    def logits(
        self,
        features: NDArray[np.float32],
        asked: NDArray[np.float32],
        checkpoint: Checkpoint = no_checkpoint,
    ) -> NDArray[np.float32]:
        """One logit a query, the mean over the windows: shape (query,)."""
        return mean_logits(self._graph, ("tokens", "attention"), features, asked, checkpoint)
