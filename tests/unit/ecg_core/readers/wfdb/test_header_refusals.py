"""Headers that are refused: broken, unsupported and malicious ones, each by its reason."""

import subprocess
import sys

import pytest

from ecg_core.errors import FaultCode, UnusableRecording
from ecg_core.leads import LEADS
from ecg_core.readers import ReadLimits, StatedFacts, UploadedFile
from tests.support.paths import REPOSITORY
from tests.support.recordings import PEAK_KB, edit_header, make_recording, make_wfdb
from tests.support.refusals import Refusal


def with_header(text: str | bytes) -> list[UploadedFile]:
    """A sound signal file under another header."""
    content = text.encode() if isinstance(text, str) else text
    return [UploadedFile("record.hea", content), make_wfdb()[1]]


class TestRecordLine:
    def test_many_segments_of_one_file_are_refused(self, refused: Refusal) -> None:
        lines = ["r/4000 12 500 5000", *["segment 5000"] * 4000]
        refused(with_header("\n".join(lines)), FaultCode.UNSUPPORTED_HEADER)

    def test_hundred_thousand_segments_are_refused_by_their_length(self, refused: Refusal) -> None:
        lines = ["r/100000 12 500 5000", *["segment 5000"] * 100_000]
        refused(with_header("\n".join(lines)), FaultCode.MALFORMED_HEADER)

    @pytest.mark.parametrize("segment", ["record 5000", "~ 100000000"])
    def test_segment_of_itself_and_null_segment_are_refused(
        self, segment: str, refused: Refusal
    ) -> None:
        refused(with_header(f"record/1 12 500 5000\n{segment}"), FaultCode.UNSUPPORTED_HEADER)

    @pytest.mark.parametrize("count", ["100000000", "10000000", "17", "0"])
    def test_number_of_signals_out_of_bounds_is_refused(self, count: str, refused: Refusal) -> None:
        files = edit_header(make_wfdb(), ("record 12 ", f"record {count} "))
        refused(files, FaultCode.UNSUPPORTED_HEADER)

    @pytest.mark.parametrize("count", ["11", "13", "16"])
    def test_number_of_signals_that_does_not_match_is_refused(
        self, count: str, refused: Refusal
    ) -> None:
        files = edit_header(make_wfdb(), ("record 12 ", f"record {count} "))
        refused(files, FaultCode.MALFORMED_HEADER)

    @pytest.mark.parametrize("line", ["record 12", "record 12\t"])
    def test_missing_sampling_rate_is_refused_never_guessed(
        self, line: str, refused: Refusal
    ) -> None:
        files = edit_header(make_wfdb(), ("record 12 500 5000", line))
        error = refused(files, FaultCode.MISSING_SAMPLING_RATE)
        assert isinstance(error, UnusableRecording)

    @pytest.mark.parametrize(
        "rate", ["0", "1e-7", "-500", "NaN", "nan", "inf", "-Infinity", "1e999", "49.9", "2000.1"]
    )
    def test_implausible_sampling_rate_is_refused(self, rate: str, refused: Refusal) -> None:
        files = edit_header(make_wfdb(), ("record 12 500 ", f"record 12 {rate} "))
        error = refused(files, FaultCode.IMPLAUSIBLE_SAMPLING_RATE)
        assert isinstance(error, UnusableRecording)

    @pytest.mark.parametrize(
        "line",
        [
            "record",
            "record twelve 500 5000",
            "record -12 500 5000",
            "record 12 fast 5000",
            "record 12 1_000 5000",
            "record 12 500 5000.0",
            "record 12 500 -5000",
            "record 12 500 12:33:59",
            "record 12 ٥٠٠ 5000",
            "record 12 " + "5" * 10_000 + " 5000",
            "s3://bucket/record 12 500 5000",
            "../record 12 500 5000",
        ],
    )
    def test_malformed_record_line_is_refused(self, line: str, refused: Refusal) -> None:
        files = edit_header(make_wfdb(), ("record 12 500 5000", line))
        refused(files, FaultCode.MALFORMED_HEADER)

    def test_declared_length_of_four_billion_is_refused(self, refused: Refusal) -> None:
        files = edit_header(make_wfdb(), (" 5000\n", " 4000000000\n"))
        refused(files, FaultCode.SIGNAL_FILE_MISMATCH, FaultCode.TOO_LONG)

    def test_recording_longer_than_the_limit_is_refused(self, refused: Refusal) -> None:
        error = refused(make_wfdb(), FaultCode.TOO_LONG, limits=ReadLimits(max_duration_s=9.9))
        assert isinstance(error, UnusableRecording)

    def test_stated_rate_that_contradicts_the_header_is_refused(self, refused: Refusal) -> None:
        stated = StatedFacts(sampling_rate_hz=250.0)
        error = refused(make_wfdb(), FaultCode.CONTRADICTS_FILE, stated=stated)
        assert error.faults[0].field == "sampling_rate_hz"


class TestSignalLines:
    def test_skew_is_refused(self, refused: Refusal) -> None:
        files = edit_header(make_wfdb(), ("record.dat 16 ", "record.dat 16:300000000 "))
        refused(files, FaultCode.UNSUPPORTED_HEADER)

    def test_several_samples_a_frame_are_refused(self, refused: Refusal) -> None:
        files = edit_header(make_wfdb(), ("record.dat 16 ", "record.dat 16x4 "))
        refused(files, FaultCode.UNSUPPORTED_HEADER)

    @pytest.mark.parametrize("storage_format", ["516", "508", "524", "8", "61", "310", "0", "9999"])
    def test_flac_and_other_formats_are_refused(
        self, storage_format: str, refused: Refusal
    ) -> None:
        files = edit_header(make_wfdb(), ("record.dat 16 ", f"record.dat {storage_format} "))
        refused(files, FaultCode.UNSUPPORTED_HEADER)

    def test_two_formats_in_one_file_are_refused(self, refused: Refusal) -> None:
        header, signal_file = make_wfdb()
        text = header.content.decode().replace("record.dat 16 ", "record.dat 80 ", 1)
        files = [UploadedFile("a.hea", text.encode()), signal_file]
        refused(files, FaultCode.UNSUPPORTED_HEADER, FaultCode.SIGNAL_FILE_MISMATCH)

    @pytest.mark.parametrize("text", ["16-24", "sixteen", "16+", "+24", "16x1x1", "99999"])
    def test_malformed_format_is_refused(self, text: str, refused: Refusal) -> None:
        files = edit_header(make_wfdb(), ("record.dat 16 ", f"record.dat {text} "))
        refused(files, *[FaultCode.MALFORMED_HEADER] * 12)

    @pytest.mark.parametrize("offset", ["1", "24", "100000", "4000000000"])
    def test_offset_into_a_dat_is_refused(self, offset: str, refused: Refusal) -> None:
        files = edit_header(make_wfdb(), ("record.dat 16 ", f"record.dat 16+{offset} "))
        refused(files, FaultCode.UNSUPPORTED_HEADER)

    @pytest.mark.parametrize(
        "gain", ["0", "0.0", "-200", "1e-300", "1e999", "nan", "inf", "9.9", "1e8"]
    )
    def test_implausible_gain_is_refused_for_each_lead(self, gain: str, refused: Refusal) -> None:
        files = edit_header(make_wfdb(), ("1000.0(0)/mV", f"{gain}(0)/mV"))
        error = refused(files, *[FaultCode.IMPLAUSIBLE_GAIN] * 12)
        assert isinstance(error, UnusableRecording)
        assert [fault.lead for fault in error.faults] == list(LEADS)

    @pytest.mark.parametrize("gain", ["1000(0", "1000/", "x", "1000(0.5)/mV", "1,000/mV", "1_0/mV"])
    def test_malformed_gain_is_refused(self, gain: str, refused: Refusal) -> None:
        files = edit_header(make_wfdb(), ("1000.0(0)/mV", gain))
        refused(files, *[FaultCode.MALFORMED_HEADER] * 12)

    @pytest.mark.parametrize("units", ["V", "nV", "mmHg", "mV^2", "NU", "%", "adu"])
    def test_units_other_than_mv_and_uv_are_refused(self, units: str, refused: Refusal) -> None:
        files = edit_header(make_wfdb(), ("/mV", f"/{units}"))
        error = refused(files, *[FaultCode.UNKNOWN_UNITS] * 12)
        assert isinstance(error, UnusableRecording)

    def test_malformed_numbers_are_refused(self, refused: Refusal) -> None:
        files = edit_header(make_wfdb(), ("/mV 16 ", "/mV 16.0 "))
        refused(files, *[FaultCode.MALFORMED_HEADER] * 12)

    def test_lines_that_end_early_name_no_lead(self, refused: Refusal) -> None:
        lines = ["record 12 500 5000", *["record.dat 16"] * 12]
        error = refused(with_header("\n".join(lines)), FaultCode.UNKNOWN_LEAD)
        assert isinstance(error, UnusableRecording)

    def test_duplicate_lead_is_refused_by_name(self, refused: Refusal) -> None:
        names = ["I", "Lead II", "D2", "AVR", "aVR", *LEADS[5:]]
        error = refused(make_wfdb(names=names), *[FaultCode.DUPLICATE_LEAD] * 2)
        assert [fault.lead for fault in error.faults] == ["II", "aVR"]

    def test_recording_without_any_known_lead_is_refused(self, refused: Refusal) -> None:
        files = make_wfdb(make_recording(leads=("I", "II")), names=["ABP", "PLETH"])
        refused(files, FaultCode.UNKNOWN_LEAD)

    def test_lead_name_of_a_megabyte_is_refused_and_not_handed_back(self, refused: Refusal) -> None:
        files = edit_header(make_wfdb(), ("0 V1\n", "0 " + "V" * 1_000_000 + "\n"))
        error = refused(files, FaultCode.MALFORMED_HEADER)
        assert len(error.faults[0].detail) < 100


class TestNoHeader:
    @pytest.mark.parametrize("text", ["", "\n\n", "# a comment\n", "\ufeff"])
    def test_empty_header_is_refused(self, text: str, refused: Refusal) -> None:
        refused(with_header(text), FaultCode.MALFORMED_HEADER)

    def test_binary_header_is_refused(self, refused: Refusal) -> None:
        refused(with_header(make_wfdb(matlab=True)[1].content[:4000]), FaultCode.MALFORMED_HEADER)

    def test_header_in_utf_16_is_refused(self, refused: Refusal) -> None:
        text = make_wfdb()[0].content.decode()
        refused(with_header(text.encode("utf-16")), FaultCode.MALFORMED_HEADER)

    def test_header_that_is_only_a_record_line_is_refused(self, refused: Refusal) -> None:
        refused(with_header("record 12 500 5000"), FaultCode.MALFORMED_HEADER)


_MANY_SIGNALS = (
    PEAK_KB
    + """
import time
from ecg_core.errors import InputError
from ecg_core.readers import UploadedFile, read_recording
base_kb = peak_kb()
for header in (b"r 100000000 500 5000", b"r 12 500 4000000000", b"r/9999999 12 500 5000"):
    started = time.process_time()
    try:
        read_recording([UploadedFile("r.hea", header), UploadedFile("r.dat", bytes(120000))])
    except InputError:
        assert time.process_time() - started < 2
print((peak_kb() - base_kb) // 1024)
"""
)


def test_declared_sizes_cost_a_process_no_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _MANY_SIGNALS],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert int(done.stdout) < 16
