"""Clients of the real app in this process, and an encoder that waits for its gate."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from starlette.testclient import TestClient

from ecg_core.checkpoint import Checkpoint, no_checkpoint
from service.runtime.assembly import Runtime, RuntimeLoader, load_runtime
from tests.support.service import FakeEcgEncoder, Gate

# Without keys, requests to other names than this machine's are refused.
HERE = "http://localhost"

ClientMaker = Callable[..., TestClient]


class GatedEncoder(FakeEcgEncoder):
    """Encodes once its gate is open; the real encoder does the work."""

    def __init__(self, real: Any, gate: Gate) -> None:
        super().__init__()
        self.real = real
        self.gate = gate

    def encode(self, windows: Any, signs: Any, checkpoint: Checkpoint = no_checkpoint) -> Any:
        self.gate.pass_through()
        if self.error is not None:
            raise self.error
        return self.real.encode(windows, signs, checkpoint)


def load_with_gate(gate: Gate, error: Exception | None = None) -> RuntimeLoader:
    """Loads the real runtime, warms it, and only then puts a gate before its encoder."""

    def load(*args: Any) -> Runtime:
        runtime = load_runtime(*args)
        encoder = GatedEncoder(runtime.engine.ecg_encoder, gate)
        encoder.error = error
        return replace(runtime, engine=replace(runtime.engine, ecg_encoder=encoder))

    return load
