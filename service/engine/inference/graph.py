"""One graph in onnxruntime; nothing else imports it.

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

from ecg_core.checkpoint import Checkpoint, no_checkpoint
from ecg_core.errors import InferenceFailed, InvalidBundle
from service.engine.inference.external_data import has_external_data
from service.errors import ProviderUnavailable

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
# On a CPU sixteen are no faster a window, and keep a place four times as long.
WINDOWS_AT_ONCE = 4
_QUERY_WINDOWS_AT_ONCE = 2048


@dataclass(frozen=True, slots=True)
class RuntimeOptions:
    """Options of the sessions.

    Attributes:
        providers: `cpu` or `cuda`, in order of preference; each has to be active.
        intra_op_threads: Threads for one inference.
    """

    providers: tuple[str, ...] = ("cpu",)
    intra_op_threads: int = 1


class OnnxGraph:
    """One graph with one output."""

    def __init__(self, path: Path, options: RuntimeOptions, content: bytes | None = None) -> None:
        """Opens a graph.

        Args:
            path: Its file.
            options: Of the session.
            content: The file's bytes, where they were checked already.

        Raises:
            InvalidBundle: The runtime cannot load it, or it keeps weights in other files.
            ProviderUnavailable: A provider that was asked for is not active.
        """
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
            content = path.read_bytes() if content is None else content
            if has_external_data(content):
                raise InvalidBundle(f"{path.name} keeps weights in files that no digest covers")
            # Not its path: the file may have been exchanged since its digest was checked.
            self._session = onnxruntime.InferenceSession(
                content, sess_options=session_options, providers=wanted
            )
            # It keeps the file's bytes, to open the graph once more with other providers.
            self._session._model_bytes = None
        except InvalidBundle:
            raise
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


def run_in_chunks(
    graph: OnnxGraph,
    inputs: Mapping[str, NDArray[np.float32]],
    size: int,
    checkpoint: Checkpoint = no_checkpoint,
) -> NDArray[np.float32]:
    """The graph's output on inputs whose first axis goes through in chunks of at most `size`."""
    outputs = []
    for start in range(0, len(next(iter(inputs.values()))), size):
        checkpoint()
        chunk = {name: rows[start : start + size] for name, rows in inputs.items()}
        outputs.append(graph.run(chunk))
    return np.concatenate(outputs)


def mean_logits(
    graph: OnnxGraph,
    names: tuple[str, str],
    features: NDArray[np.float32],
    asked: NDArray[np.float32],
    checkpoint: Checkpoint,
) -> NDArray[np.float32]:
    """One logit a query, the mean over the windows: shape (query,).

    Args:
        graph: From features and what is asked to logits (window, query).
        names: Of its two inputs.
        features: Of each window.
        asked: Of each query.
        checkpoint: Called between the steps; may raise.
    """
    size = max(1, _QUERY_WINDOWS_AT_ONCE // min(len(features), WINDOWS_AT_ONCE))
    means = []
    for queries in _chunks(asked, size):
        rows = []
        for windows in _chunks(features, WINDOWS_AT_ONCE):
            checkpoint()
            rows.append(graph.run(dict(zip(names, (windows, queries), strict=True))))
        means.append(np.concatenate(rows).mean(axis=0, dtype=np.float64))
    return np.concatenate(means).astype(np.float32)


def _refuse_absent(wanted: Sequence[str], active: Sequence[str]) -> None:
    # The runtime itself falls back to the CPU with a mere warning.
    absent = [provider for provider in wanted if provider not in active]
    if absent:
        raise ProviderUnavailable(f"not active in this onnxruntime: {', '.join(absent)}")


def _chunks(rows: NDArray[np.float32], size: int) -> Iterator[NDArray[np.float32]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
