"""Which reader takes an upload, and what none takes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_core.errors import FaultCode, UnreadableRecording, UnsupportedFormat
from ecg_core.readers import ReadLimits, UploadedFile, read_recording
from ecg_core.readers.registry import READERS, SUPPORTED_SUFFIXES
from tests.support.dicom import make_dicom
from tests.support.edf import make_edf
from tests.support.recordings import make_csv, make_wfdb, make_wfdb_zip, make_zip
from tests.support.refusals import Refusal

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


@pytest.mark.parametrize("file", [make_dicom(), make_edf()], ids=["dicom", "edf"])
@pytest.mark.parametrize("name", ["x", "IM0001", "a.csv", "a.hea", "a.dat", ""])
def test_a_format_with_a_mark_is_told_whatever_the_name(file: UploadedFile, name: str) -> None:
    alone = read_recording([UploadedFile(name, file.content)])
    packed = read_recording([make_zip({f"f/{name or 'x'}": file.content})])
    assert alone.format == packed.format
    np.testing.assert_array_equal(alone.samples_mv, packed.samples_mv)


def test_the_directory_of_dicom_media_is_passed_over() -> None:
    members = {"DICOMDIR": make_dicom().content, "DICOM/A0001": make_dicom().content}
    assert read_recording([make_zip(members)]).format == "dicom"


def test_samples_beside_a_header_are_its_own_whatever_they_look_like(refused: Refusal) -> None:
    header, _ = make_wfdb()
    refused(
        [header, UploadedFile("record.dat", make_edf().content)], FaultCode.SIGNAL_FILE_MISMATCH
    )


def test_the_formats_that_bytes_tell_are_named_to_who_sends_others(refused: Refusal) -> None:
    error = refused([UploadedFile("a.pdf", b"%PDF-1.7")], FaultCode.UNSUPPORTED_FORMAT)
    assert all(reader.title in error.faults[0].detail for reader in READERS if not reader.suffixes)


def test_a_table_without_a_known_suffix_is_told_by_its_lines() -> None:
    (table,) = make_csv()
    unnamed = read_recording([UploadedFile("-", table.content)])
    assert unnamed.format == "csv"
    np.testing.assert_array_equal(unnamed.samples_mv, read_recording([table]).samples_mv)


@pytest.mark.parametrize(
    "content", [b"", b"%PDF-1.7\n1 0 obj\n", b"I,II\n", b"0,1", b"dear,1\n", b"\x1f\x8b\n0,1\n"]
)
def test_what_no_reader_recognises_is_refused(content: bytes, refused: Refusal) -> None:
    refused([UploadedFile("-", content)], FaultCode.UNSUPPORTED_FORMAT)


@given(st.binary(max_size=300))
def test_any_bytes_are_recognised_or_not(first_bytes: bytes) -> None:
    for reader in READERS:
        assert reader.recognises(first_bytes) in (True, False)


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
