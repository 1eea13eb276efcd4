"""Fixtures for all tests."""

import os
import tracemalloc
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import process_time

import pytest

with warnings.catch_warnings():
    # Before any test, and so before the filter below: it warns when it is imported.
    warnings.simplefilter("ignore", DeprecationWarning)
    import wfdb  # noqa: F401

from ecg_core.bundle import Bundle
from ecg_core.errors import FaultCode, InputError
from ecg_core.readers import ReadLimits, StatedFacts, UploadedFile, read_recording
from service.engine import loading
from service.engine.inference import onnx
from service.engine.inference.onnx import OnnxModel, RuntimeOptions
from tests.support.paths import REPOSITORY
from tests.support.refusals import Refusal

pytest_plugins = ["tests.support.redis", "tests.support.stores"]

MAX_REFUSAL_S = 4.0
MAX_REFUSAL_BYTES = 512 * 1024 * 1024


def pytest_configure(config: pytest.Config) -> None:
    """Let pass what wfdb 4.3 calls and pandas 3.1 deprecates; all other warnings are errors."""
    ours = "ignore:The inplace keyword in DataFrame:DeprecationWarning"
    config.addinivalue_line("filterwarnings", ours)


# Folders whose tests train, prepare whole releases, or fit: more than some seconds each.
SLOW = ("model_training/run", "model_training/recipes", "model_training/peers",
        "model_training/evaluation", "model_training/export", "model_training/fitting",
        "model_training/text", "model_training/models", "model_training/data",
        "unit/benchmarks")  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test-quick` leaves out: by folder, and by the fixtures that start a Redis."""
    for item in items:
        path = item.path.as_posix()
        if any(f"tests/unit/{folder}" in path or f"tests/{folder}/" in path for folder in SLOW):
            item.add_marker(pytest.mark.slow)
        if "redis_binary" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.redis)


@pytest.fixture(scope="session", autouse=True)
def graphs_opened_once() -> Iterator[None]:
    """Opens each bundle's graphs once for the whole run: they keep no state between calls."""
    opened: dict[tuple[str, RuntimeOptions], OnnxModel] = {}

    def load_model(bundle: Bundle, options: RuntimeOptions) -> OnnxModel:
        key = (bundle.digest, options)
        if key not in opened:
            opened[key] = onnx.load_model(bundle, options)
        return opened[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "load_model", load_model)
        yield


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """What runs asynchronous tests, which carry the mark `anyio`: asyncio, as the service does."""
    return "asyncio"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings; a test that needs it is skipped where there is none."""
    folder = Path(os.environ.get("CARDIOQUERY_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip("no recordings beside the project")
    return folder


@pytest.fixture
def refused() -> Refusal:
    """Reads files that must be refused for exactly the given reasons, soon and in little memory."""

    def read(
        files: Sequence[UploadedFile],
        *codes: FaultCode,
        stated: StatedFacts | None = None,
        limits: ReadLimits | None = None,
    ) -> InputError:
        tracemalloc.start()
        started = process_time()
        try:
            with pytest.raises(InputError) as caught:
                read_recording(files, stated or StatedFacts(), limits or ReadLimits())
            processor_s, peak_bytes = process_time() - started, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert [fault.code for fault in caught.value.faults] == list(codes)
        assert processor_s < MAX_REFUSAL_S
        assert peak_bytes < MAX_REFUSAL_BYTES
        return caught.value

    return read
