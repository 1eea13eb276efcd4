"""What every peer does with a request: the same engine on the same bundle, the same answer.

Only what carries requests to it differs. The engine computes in one thread of each process.
"""

import base64
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ecg_core.bundle import Bundle
from ecg_core.readers import UploadedFile
from service.api.answers.presenters import diagnosis
from service.engine.diagnosis import DiagnosisEngine, Question
from service.observability.metrics import Metrics
from service.runtime.assembly import load_runtime
from service.settings import Settings


@dataclass(frozen=True)
class Answering:
    """The engine, and the bundle that it names in its answers."""

    engine: DiagnosisEngine
    bundle: Bundle

    def answer(self, files: Sequence[UploadedFile], queries: Sequence[str]) -> bytes:
        """The answer of `POST /diagnose`, as JSON."""
        found = self.engine.diagnose(tuple(files), Question(tuple(queries)))
        return diagnosis(found, self.bundle, "peer").model_dump_json().encode()


def load_answering() -> Answering:
    """Load the bundle and warm the engine, as the service does before it is ready."""
    folder = Path(tempfile.mkdtemp(prefix="cardioquery-peer-"))
    settings = Settings(store_path=folder / "conditions.sqlite3", intra_op_threads=1)
    runtime = load_runtime(settings, Metrics())
    return Answering(runtime.engine, runtime.bundle)


def sent_files(names: Sequence[str], contents: Sequence[str]) -> list[UploadedFile]:
    """Files whose contents came in base64, as JSON needs them."""
    pairs = zip(names, contents, strict=True)
    return [UploadedFile(name, base64.b64decode(content)) for name, content in pairs]
