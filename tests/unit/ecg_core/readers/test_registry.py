"""Which reader takes an upload, and what none takes."""

import pytest

from ecg_core.errors import FaultCode, UnreadableRecording, UnsupportedFormat
from ecg_core.readers import ReadLimits, UploadedFile
from ecg_core.readers.registry import READERS, SUPPORTED_SUFFIXES
from tests.builders import make_wfdb, make_wfdb_zip
from tests.conftest import Refusal

CSV = UploadedFile("a.csv", b"I,II\n0,0\n")


def test_no_two_readers_take_the_same_suffix() -> None:
    suffixes = [suffix for reader in READERS for suffix in reader.suffixes]
    assert len(suffixes) == len(set(suffixes))


def test_suffixes_are_those_of_the_contract() -> None:
    assert {".hea", ".dat", ".mat", ".csv", ".zip"} <= SUPPORTED_SUFFIXES


@pytest.mark.parametrize(
    "name", ["a.gz", "a.csv.gz", "a.hea.gz", "a.dcm", "a.hea~", "a", ".hea", "", "hea", "a.hea\0"]
)
def test_unknown_suffix_is_refused_by_what_is_supported(name: str, refused: Refusal) -> None:
    error = refused([UploadedFile(name, b"x")], FaultCode.UNSUPPORTED_FORMAT)
    assert isinstance(error, UnsupportedFormat)
    assert all(suffix in error.faults[0].detail for suffix in SUPPORTED_SUFFIXES)


def test_unknown_file_beside_a_pair_is_refused(refused: Refusal) -> None:
    files = [*make_wfdb(), UploadedFile("Mustermann.pdf", b"x")]
    error = refused(files, FaultCode.UNSUPPORTED_FORMAT)
    assert "Mustermann" not in repr(error.faults)


def test_no_files_are_refused(refused: Refusal) -> None:
    assert isinstance(refused([], FaultCode.INCOMPLETE_UPLOAD), UnreadableRecording)


@pytest.mark.parametrize(
    "files",
    [
        [*make_wfdb(), CSV],
        [make_wfdb()[0], CSV],
        [make_wfdb_zip(), make_wfdb_zip()],
        [make_wfdb_zip(), CSV],
        [*make_wfdb(), make_wfdb_zip()],
    ],
)
def test_mixture_of_recordings_is_refused(files: list[UploadedFile], refused: Refusal) -> None:
    refused(files, FaultCode.SEVERAL_RECORDINGS)


@pytest.mark.parametrize("files", [make_wfdb(), [make_wfdb_zip()]])
def test_file_over_the_limit_is_refused(files: list[UploadedFile], refused: Refusal) -> None:
    refused(files, FaultCode.TOO_LONG, limits=ReadLimits(max_file_bytes=1000))
