"""Signal files that are refused, and uploads of which no recording can be made."""

import numpy as np
import pytest

from ecg_core.errors import FaultCode, UnreadableRecording
from ecg_core.leads import LEADS
from ecg_core.readers import UploadedFile
from tests.support.recordings import edit_header, make_recording, make_wfdb, write_wfdb
from tests.support.refusals import Refusal


class TestSignalFileName:
    @pytest.mark.parametrize(
        "name",
        [
            "../../etc/record.dat",
            "/etc/passwd.dat",
            "http://example.org/record.dat",
            "s3://bucket/record.dat",
            "..\\record.dat",
            "C:\\record.dat",
            "C:record.dat",
            "sub/record.dat",
            "..dat",
            "~/record.dat",
            "~",
            "-",
        ],
    )
    def test_path_or_address_is_refused(self, name: str, refused: Refusal) -> None:
        files = edit_header(make_wfdb(), ("record.dat", name))
        error = refused(files, *[FaultCode.MALFORMED_HEADER] * 12)
        assert isinstance(error, UnreadableRecording)

    @pytest.mark.parametrize("name", ["record.hea", "record", "record.xyz", "record.dat.gz"])
    def test_file_that_is_no_signal_file_is_refused(self, name: str, refused: Refusal) -> None:
        refused(edit_header(make_wfdb(), ("record.dat", name)), FaultCode.UNSUPPORTED_HEADER)

    def test_mat_declared_but_dat_sent_is_refused(self, refused: Refusal) -> None:
        refused([make_wfdb(matlab=True)[0], make_wfdb()[1]], FaultCode.SIGNAL_FILE_MISMATCH)

    def test_leads_in_two_signal_files_of_which_one_is_sent_are_refused(
        self, refused: Refusal
    ) -> None:
        header, signal_file = make_wfdb()
        text = header.content.decode().replace("record.dat", "other.dat", 6)
        refused([UploadedFile("a.hea", text.encode()), signal_file], FaultCode.INCOMPLETE_UPLOAD)

    def test_signals_of_one_file_that_do_not_follow_each_other_are_refused(
        self, refused: Refusal
    ) -> None:
        text = (
            "r 3 500 20\n"
            "r.dat 16 1000/mV 16 0 0 0 0 I\n"
            "r.xyz 16 1000/mV 16 0 0 0 0 vx\n"
            "r.dat 16 1000/mV 16 0 0 0 0 II\n"
        )
        files = [UploadedFile("r.hea", text.encode()), UploadedFile("r.dat", bytes(80))]
        refused(files, FaultCode.UNSUPPORTED_HEADER)


class TestSignalFile:
    @pytest.mark.parametrize("storage_format", ["16", "212", "80", "24", "32"])
    @pytest.mark.parametrize("change", [-1000, -1, 1, 1000])
    def test_signal_file_of_another_size_is_refused(
        self, storage_format: str, change: int, refused: Refusal
    ) -> None:
        header, signal_file = make_wfdb(storage_format=storage_format)
        content = (signal_file.content + bytes(1000))[: len(signal_file.content) + change]
        files = [header, UploadedFile("record.dat", content)]
        refused(files, FaultCode.SIGNAL_FILE_MISMATCH)

    def test_size_that_is_no_number_of_frames_is_refused_where_none_is_declared(
        self, refused: Refusal
    ) -> None:
        header, signal_file = edit_header(make_wfdb(), (" 500 5000", " 500"))
        files = [header, UploadedFile("record.dat", signal_file.content[:-2])]
        refused(files, FaultCode.SIGNAL_FILE_MISMATCH)

    @pytest.mark.parametrize("declared", [" 500 5000", " 500"])
    def test_empty_signal_file_is_refused(self, declared: str, refused: Refusal) -> None:
        header = edit_header(make_wfdb(), (" 500 5000", declared))[0]
        refused([header, UploadedFile("record.dat", b"")], FaultCode.SIGNAL_FILE_MISMATCH)

    def test_truncated_mat_is_refused(self, refused: Refusal) -> None:
        header, signal_file = make_wfdb(matlab=True)
        files = [header, UploadedFile("record.mat", signal_file.content[:119_296])]
        refused(files, FaultCode.SIGNAL_FILE_MISMATCH)

    @pytest.mark.parametrize("length", [0, 23, 24])
    def test_mat_that_holds_no_matrix_is_refused(self, length: int, refused: Refusal) -> None:
        header, signal_file = make_wfdb(matlab=True)
        error = refused(
            [header, UploadedFile("record.mat", signal_file.content[:length])],
            *[FaultCode.SIGNAL_FILE_MISMATCH] * (1 if length == 24 else 2),
        )
        assert isinstance(error, UnreadableRecording)

    @pytest.mark.parametrize(
        "start", [b"MATLAB 5.0 MAT-file", b"\x1e\0\0\0\x0d\0\0\0", b"\x14\0\0\0"]
    )
    def test_mat_of_another_version_shape_or_type_is_refused(
        self, start: bytes, refused: Refusal
    ) -> None:
        header, signal_file = make_wfdb(matlab=True)
        content = start + signal_file.content[len(start) :]
        refused([header, UploadedFile("record.mat", content)], FaultCode.SIGNAL_FILE_MISMATCH)

    def test_mat_without_its_offset_is_refused(self, refused: Refusal) -> None:
        files = edit_header(make_wfdb(matlab=True), ("16+24", "16"))
        refused(files, FaultCode.UNSUPPORTED_HEADER)

    def test_checksum_that_does_not_match_is_refused(self, refused: Refusal) -> None:
        header, signal_file = make_wfdb()
        altered = bytearray(signal_file.content)
        altered[1000] ^= 1
        error = refused(
            [header, UploadedFile("record.dat", bytes(altered))], FaultCode.SIGNAL_FILE_MISMATCH
        )
        assert "checksum of 1 signals" in error.faults[0].detail

    def test_signal_file_of_another_recording_is_refused(self, refused: Refusal) -> None:
        other = make_wfdb(make_recording(heart_rate_bpm=63.0))[1]
        refused([make_wfdb()[0], other], FaultCode.SIGNAL_FILE_MISMATCH)

    def test_initial_value_that_does_not_match_is_refused_without_checksums(
        self, refused: Refusal
    ) -> None:
        digital = np.full((1000, 2), 100)
        header, signal_file = write_wfdb(digital, ["I", "II"])
        checksum = 1000 * 100 % 65536
        text = header.content.decode().replace(f" 100 {checksum} 0 ", " 99 0 0 ")
        error = refused(
            [UploadedFile("a.hea", text.encode()), signal_file], FaultCode.SIGNAL_FILE_MISMATCH
        )
        assert "initial value of 2 signals" in error.faults[0].detail


class TestUpload:
    def test_header_alone_is_refused(self, refused: Refusal) -> None:
        error = refused(make_wfdb()[:1], FaultCode.INCOMPLETE_UPLOAD)
        assert "signal file" in error.faults[0].detail

    def test_signal_file_alone_is_refused(self, refused: Refusal) -> None:
        error = refused(make_wfdb()[1:], FaultCode.INCOMPLETE_UPLOAD)
        assert "header" in error.faults[0].detail

    def test_two_headers_are_refused(self, refused: Refusal) -> None:
        refused([*make_wfdb(), make_wfdb()[0]], FaultCode.SEVERAL_RECORDINGS)

    def test_two_signal_files_are_refused(self, refused: Refusal) -> None:
        refused([*make_wfdb(), make_wfdb(matlab=True)[1]], FaultCode.SEVERAL_RECORDINGS)


def test_all_faults_are_reported_at_once(refused: Refusal) -> None:
    files = edit_header(
        make_wfdb(names=["I", "D1", *LEADS[2:]]),
        ("record 12 500 5000", "record 12 1 4990"),
        ("/mV", "/V"),
        ("record.dat 16 ", "record.dat 16x2 "),
    )
    refused(
        files,
        FaultCode.IMPLAUSIBLE_SAMPLING_RATE,
        FaultCode.UNSUPPORTED_HEADER,
        FaultCode.DUPLICATE_LEAD,
        *[FaultCode.UNKNOWN_UNITS] * 11,
        FaultCode.SIGNAL_FILE_MISMATCH,
    )


def test_no_error_tells_names_comments_or_the_client_s_text(refused: Refusal) -> None:
    header, signal_file = make_wfdb(names=["Mustermann", *LEADS[1:]])
    text = header.content.decode().replace("/mV", "/Gerda").replace("record.dat", "Erika.dat")
    text += "# Name: Erika Mustermann\n"
    error = refused(
        [UploadedFile("Erika.hea", text.encode()), UploadedFile("Erika.dat", signal_file.content)],
        *[FaultCode.UNKNOWN_UNITS] * 11,
    )
    told = repr(error) + str(error) + repr(error.faults)
    assert not any(secret in told for secret in ("Erika", "Mustermann", "Gerda"))


def test_uploads_show_nothing_of_their_content() -> None:
    assert "SECRET" not in repr(UploadedFile("a.dat", b"SECRET"))
