"""The bundle's graphs in onnxruntime.

Every call is bounded in memory: windows and queries go through in chunks. Whatever the runtime
raises, and whatever comes out that is not finite, becomes `InferenceFailed`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ecg_core.asking.composing import Leaf
from ecg_core.bundle import (
    ECG_ENCODER_FILE,
    FUSION_FILE,
    TEXT_ATTENTION_FILE,
    TEXT_ENCODER_FILE,
    TOKENIZER_FILE,
    Bundle,
)
from ecg_core.checkpoint import Checkpoint, no_checkpoint
from ecg_core.errors import InvalidBundle
from ecg_core.signs import SIGNS
from service.engine.inference.graph import (
    PROVIDERS,
    WINDOWS_AT_ONCE,
    OnnxGraph,
    RuntimeOptions,
    mean_logits,
    run_in_chunks,
)
from service.engine.inference.protocols import EcgEncoder, Fusion
from service.engine.inference.tokens import OnnxTokenEncoder, OnnxTokenFusion


class OnnxEcgEncoder:
    """Windows and their measured signs in, ECG features out; see `EcgEncoder`."""

    def __init__(self, graph: OnnxGraph, signs: tuple[str, ...] = ()) -> None:
        """Wraps a graph.

        Args:
            graph: The bundle's.
            signs: Names of the signs that the graph takes; none: it takes the windows alone.

        Raises:
            InvalidBundle: They are others than this version measures.
        """
        refuse_other_signs(signs)
        self._graph = graph
        self._takes_signs = bool(signs)

    def encode(
        self,
        windows: NDArray[np.float32],
        signs: NDArray[np.float32],
        checkpoint: Checkpoint = no_checkpoint,
    ) -> NDArray[np.float32]:
        """ECG features of each window, shape (window, token, dimension)."""
        inputs = {"windows": windows}
        if self._takes_signs:
            inputs["signs"] = np.nan_to_num(signs, nan=0.0)
        return run_in_chunks(self._graph, inputs, WINDOWS_AT_ONCE, checkpoint)


class OnnxFusion:
    """ECG features and query embeddings in, logits out; see `Fusion`."""

    def __init__(self, graph: OnnxGraph) -> None:
        self._graph = graph

    def asked(
        self, _leaves: Sequence[Leaf], query_embeddings: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The embeddings themselves."""
        return query_embeddings

    def logits(
        self,
        features: NDArray[np.float32],
        asked: NDArray[np.float32],
        checkpoint: Checkpoint = no_checkpoint,
    ) -> NDArray[np.float32]:
        """One logit a query, the mean over the windows: shape (query,)."""
        names = ("features", "query_embeddings")
        return mean_logits(self._graph, names, features, asked, checkpoint)


def refuse_other_signs(signs: Sequence[str]) -> None:
    """Refuse a bundle of signs that this version does not measure.

    Raises:
        InvalidBundle: They are others, or stand in another order.
    """
    if signs and tuple(signs) != tuple(sign.name for sign in SIGNS):
        raise InvalidBundle("the ECG encoder was trained on other signs than are measured here")


class OnnxTextEncoder:
    """Texts in, unit vectors out; see `TextEncoder`."""

    def __init__(self, graph: OnnxGraph, tokenizer: Tokenizer) -> None:
        self._graph = graph
        self._tokenizer = tokenizer
        # By number: a unigram tokenizer shows what it does not know as it was written.
        self._unknown = {tokenizer.token_to_id(token) for token in ("[UNK]", "<unk>")}
        self._space = tokenizer.token_to_id("▁")

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, shape (text, dimension).

        One text at a time, without padding: its result depends on no other text, not even by
        rounding, and on a CPU core a batch is no faster.
        """
        return np.concatenate([self._graph.run(self._inputs(text)) for text in texts])

    def known_fraction(self, text: str) -> float:
        """Share of the text's tokens that the vocabulary knows, between 0 and 1."""
        encoded = self._tokenizer.encode(text, add_special_tokens=False).ids
        ids = [number for number in encoded if number != self._space]
        if not ids:
            return 0.0
        return sum(number not in self._unknown for number in ids) / len(ids)

    def fits(self, text: str) -> bool:
        """True if the encoder reads the whole text."""
        return not self._tokenizer.encode(text).overflowing

    def _inputs(self, text: str) -> dict[str, NDArray[np.int64]]:
        encoding = self._tokenizer.encode(text)
        ids = np.array([encoding.ids], dtype=np.int64)
        return {"input_ids": ids, "attention_mask": np.ones_like(ids)}


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """The parts of a bundle, ready to run."""

    ecg_encoder: EcgEncoder
    text_encoder: OnnxTextEncoder
    fusion: Fusion


def load_model(bundle: Bundle, options: RuntimeOptions) -> OnnxModel:
    """Open the bundle's graphs and tokenizer.

    Raises:
        InvalidBundle: One cannot be opened.
        ProviderUnavailable: A provider that was asked for is not active.
    """
    ecg_graph = _opened(bundle, ECG_ENCODER_FILE, options)
    manifest = bundle.manifest
    text_graph = _opened(bundle, TEXT_ENCODER_FILE, options)
    text_encoder = OnnxTextEncoder(text_graph, _load_tokenizer(bundle))
    fusion_graph = _opened(bundle, FUSION_FILE, options)
    if manifest.tokens is None:
        encoder = OnnxEcgEncoder(ecg_graph, manifest.ecg_encoder.signs)
        return OnnxModel(encoder, text_encoder, OnnxFusion(fusion_graph))
    refuse_other_signs(manifest.tokens.signs)
    attention = _opened(bundle, TEXT_ATTENTION_FILE, options)
    fusion = OnnxTokenFusion(fusion_graph, attention, manifest.tokens)
    return OnnxModel(OnnxTokenEncoder(ecg_graph), text_encoder, fusion)


def _opened(bundle: Bundle, name: str, options: RuntimeOptions) -> OnnxGraph:
    return OnnxGraph(bundle.path(name), options, bundle.read(name))


def _load_tokenizer(bundle: Bundle) -> Tokenizer:
    content = bundle.read(TOKENIZER_FILE)
    try:
        tokenizer = Tokenizer.from_buffer(content)
    except Exception as error:
        # The tokenizers library raises plain Exception.
        raise InvalidBundle(f"{TOKENIZER_FILE} is no tokenizer") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(bundle.manifest.text_encoder.max_tokens)
    return tokenizer


__all__ = [
    "PROVIDERS",
    "OnnxEcgEncoder",
    "OnnxFusion",
    "OnnxGraph",
    "OnnxModel",
    "OnnxTextEncoder",
    "OnnxTokenEncoder",
    "OnnxTokenFusion",
    "RuntimeOptions",
    "load_model",
]
