"""The bundle's graphs in onnxruntime; nothing else imports it.

Every call is bounded in memory: windows and queries go through in chunks. Whatever the runtime
raises, and whatever comes out that is not finite, becomes `InferenceFailed`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ecg_core.bundle import (
    ECG_ENCODER_FILE,
    FUSION_FILE,
    TEXT_ENCODER_FILE,
    TOKENIZER_FILE,
    Bundle,
)
from ecg_core.errors import InferenceFailed, InvalidBundle
from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.signs import SIGNS, measure_signs
from service.deadline import Checkpoint, no_checkpoint
from service.inference.protocols import ProviderUnavailable

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}

_WINDOWS_AT_ONCE = 16
_QUERY_WINDOWS_AT_ONCE = 2048


@dataclass(frozen=True, slots=True)
class RuntimeOptions:
    """How sessions are made.

    Attributes:
        providers: `cpu` or `cuda`, in order of preference; each has to be active.
        intra_op_threads: Threads for one inference.
    """

    providers: tuple[str, ...] = ("cpu",)
    intra_op_threads: int = 1


class OnnxGraph:
    """One graph with one output."""

    def __init__(self, path: Path, options: RuntimeOptions) -> None:
        self._name = path.name
        wanted = [PROVIDERS[provider] for provider in options.providers]
        _refuse_absent(wanted, onnxruntime.get_available_providers())
        session_options = onnxruntime.SessionOptions()
        session_options.intra_op_num_threads = options.intra_op_threads
        session_options.inter_op_num_threads = 1
        session_options.log_severity_level = 3
        # Spinning threads would burn a core between two requests.
        session_options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Weights that are stored as int8 are unpacked once, at loading, not at each run.
        session_options.add_session_config_entry("session.disable_quant_qdq", "1")
        try:
            self._session = onnxruntime.InferenceSession(
                path, sess_options=session_options, providers=wanted
            )
        except Exception as error:
            # onnxruntime's exceptions share no base class but Exception.
            raise InvalidBundle(f"{path.name} is no graph that this runtime can load") from error
        _refuse_absent(wanted, self._session.get_providers())

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """The graph's output.

        Raises:
            InferenceFailed: The runtime failed, or a value is not finite.
        """
        try:
            (output,) = self._session.run(None, dict(inputs))
        except Exception as error:
            raise InferenceFailed(f"{self._name}: {type(error).__name__}") from error
        if not np.isfinite(output).all():
            raise InferenceFailed(f"{self._name}: an output is not finite")
        return np.asarray(output, dtype=np.float32)


class OnnxEcgEncoder:
    """Windows in, ECG features out, of the waveform and its measured signs; see `EcgEncoder`."""

    def __init__(
        self, graph: OnnxGraph, preprocessing: PreprocessingSpec, signs: tuple[str, ...] = ()
    ) -> None:
        """Wraps a graph.

        Args:
            graph: The bundle's.
            preprocessing: How windows were prepared.
            signs: Names of the signs that the graph takes.

        Raises:
            InvalidBundle: They are others than this version measures.
        """
        if signs and signs != tuple(sign.name for sign in SIGNS):
            raise InvalidBundle("the ECG encoder was trained on other signs than are measured here")
        self._graph = graph
        self._preprocessing = preprocessing
        self._takes_signs = bool(signs)

    def encode(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """ECG features of each window, shape (window, token, dimension)."""
        return np.concatenate(
            [self._encoded(chunk) for chunk in _chunks(windows, _WINDOWS_AT_ONCE)]
        )

    def _encoded(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        if not self._takes_signs:
            return self._graph.run({"windows": windows})
        signs = measure_signs(windows, self._preprocessing)
        return self._graph.run({"windows": windows, "signs": signs})


class OnnxFusion:
    """ECG features and query embeddings in, logits out; see `Fusion`."""

    def __init__(self, graph: OnnxGraph) -> None:
        self._graph = graph

    def logits(
        self,
        features: NDArray[np.float32],
        query_embeddings: NDArray[np.float32],
        checkpoint: Checkpoint = no_checkpoint,
    ) -> NDArray[np.float32]:
        """One logit a query, the mean over the windows: shape (query,)."""
        size = max(1, _QUERY_WINDOWS_AT_ONCE // min(len(features), _WINDOWS_AT_ONCE))
        means = []
        for queries in _chunks(query_embeddings, size):
            rows = []
            for windows in _chunks(features, _WINDOWS_AT_ONCE):
                checkpoint()
                rows.append(self._graph.run({"features": windows, "query_embeddings": queries}))
            means.append(np.concatenate(rows).mean(axis=0, dtype=np.float64))
        return np.concatenate(means).astype(np.float32)


class OnnxTextEncoder:
    """Texts in, unit vectors out; see `TextEncoder`."""

    def __init__(self, graph: OnnxGraph, tokenizer: Tokenizer) -> None:
        self._graph = graph
        self._tokenizer = tokenizer

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, shape (text, dimension).

        One text at a time, without padding: its result depends on no other text, not even by
        rounding, and on a CPU core a batch is no faster.
        """
        return np.concatenate([self._graph.run(self._inputs(text)) for text in texts])

    def known_fraction(self, text: str) -> float:
        """Share of the text's tokens that the vocabulary knows, between 0 and 1."""
        tokens = self._tokenizer.encode(text, add_special_tokens=False).tokens
        if not tokens:
            return 0.0
        return sum(token not in ("[UNK]", "<unk>") for token in tokens) / len(tokens)

    def fits(self, text: str) -> bool:
        """Whether the encoder reads the whole text."""
        return not self._tokenizer.encode(text).overflowing

    def _inputs(self, text: str) -> dict[str, NDArray[np.int64]]:
        encoding = self._tokenizer.encode(text)
        ids = np.array([encoding.ids], dtype=np.int64)
        return {"input_ids": ids, "attention_mask": np.ones_like(ids)}


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """The three parts of a bundle, ready to run."""

    ecg_encoder: OnnxEcgEncoder
    text_encoder: OnnxTextEncoder
    fusion: OnnxFusion


def load_model(bundle: Bundle, options: RuntimeOptions) -> OnnxModel:
    """Open the bundle's graphs and tokenizer.

    Raises:
        InvalidBundle: One cannot be opened.
        ProviderUnavailable: A provider that was asked for is not active.
    """
    ecg_graph = OnnxGraph(bundle.path(ECG_ENCODER_FILE), options)
    manifest = bundle.manifest
    text_graph = OnnxGraph(bundle.path(TEXT_ENCODER_FILE), options)
    return OnnxModel(
        ecg_encoder=OnnxEcgEncoder(ecg_graph, manifest.preprocessing, manifest.ecg_encoder.signs),
        text_encoder=OnnxTextEncoder(text_graph, _load_tokenizer(bundle)),
        fusion=OnnxFusion(OnnxGraph(bundle.path(FUSION_FILE), options)),
    )


def _load_tokenizer(bundle: Bundle) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_file(str(bundle.path(TOKENIZER_FILE)))
    except Exception as error:
        # The tokenizers library raises plain Exception.
        raise InvalidBundle(f"{TOKENIZER_FILE} is no tokenizer") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(bundle.manifest.text_encoder.max_tokens)
    return tokenizer


def _refuse_absent(wanted: Sequence[str], active: Sequence[str]) -> None:
    # The runtime itself falls back to the CPU with a mere warning.
    absent = [provider for provider in wanted if provider not in active]
    if absent:
        raise ProviderUnavailable(f"not active in this onnxruntime: {', '.join(absent)}")


def _chunks(rows: NDArray[np.float32], size: int) -> Iterator[NDArray[np.float32]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
