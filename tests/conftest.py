"""Fixtures for all tests."""

import os
import tracemalloc
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time

import pytest

with warnings.catch_warnings():
    # Before any test, and so before the filter below, this imports the WFDB library.
    warnings.simplefilter("ignore", DeprecationWarning)
    from ecg_core.readers import ReadLimits, StatedFacts, UploadedFile, read_recording

from ecg_core.errors import FaultCode, InputError

pytest_plugins = ["tests.redis_fixtures"]

REPOSITORY = Path(__file__).resolve().parent.parent
MAX_REFUSAL_S = 2.0
MAX_REFUSAL_BYTES = 512 * 1024 * 1024

Refusal = Callable[..., InputError]


def pytest_configure(config: pytest.Config) -> None:
    """Let pass what wfdb 4.3 calls and pandas 3.1 deprecates; all other warnings are errors."""
    ours = "ignore:The inplace keyword in DataFrame:DeprecationWarning"
    config.addinivalue_line("filterwarnings", ours)


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
