"""EDF files that are refused, each for its reason, soon and in little memory."""

from contextlib import suppress
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_core.errors import FaultCode, InputError, UnreadableRecording, UnusableRecording
from ecg_core.leads import LEADS
from ecg_core.quality import check_recording
from ecg_core.readers import ReadLimits, StatedFacts, UploadedFile, read_recording
from ecg_core.readers.edf.reader import EdfReader
from tests.support.edf import changed, make_edf
from tests.support.mutations import mutations
from tests.support.recordings import make_recording
from tests.support.refusals import Refusal

SOUND = make_edf()
TWO = make_recording(leads=("I", "II"))
COLUMN = {"label": 0, "unit": 2, "low": 3, "high": 4, "least": 5, "largest": 6, "samples": 8}


def two(**options: Any) -> UploadedFile:
    return make_edf(TWO, **options)


def test_records_that_are_interrupted_are_refused_by_name(refused: Refusal) -> None:
    error = refused([make_edf(kind="EDF+D", annotations=True)], FaultCode.UNSUPPORTED_CONTENT)
    assert "EDF+D" in error.faults[0].detail


@pytest.mark.parametrize(
    ("least", "largest"), [("0", "0"), ("5", "5"), ("100", "-100"), ("32767", "-32768")]
)
def test_an_empty_digital_range_is_refused(least: str, largest: str, refused: Refusal) -> None:
    columns = {COLUMN["least"]: least, COLUMN["largest"]: largest}
    refused([two(columns=columns)], *[FaultCode.IMPLAUSIBLE_GAIN] * 2)


@pytest.mark.parametrize(
    ("low", "high"), [("0", "0"), ("-1e300", "1e300"), ("-1e-30", "1e-30"), ("-9999999", "9999999")]
)
def test_a_physical_range_that_no_converter_has_is_refused(
    low: str, high: str, refused: Refusal
) -> None:
    columns = {COLUMN["low"]: low, COLUMN["high"]: high}
    refused([two(columns=columns)], *[FaultCode.IMPLAUSIBLE_GAIN] * 2)


@pytest.mark.parametrize("unit", ["", "counts", "mmHg", "%", "uVV", "dB"])
def test_raw_counts_are_refused_lead_by_lead(unit: str, refused: Refusal) -> None:
    error = refused([two(columns={COLUMN["unit"]: unit})], *[FaultCode.UNKNOWN_UNITS] * 2)
    assert [fault.lead for fault in error.faults] == ["I", "II"]


@pytest.mark.parametrize(("low", "high"), [("-8192000", "8191750"), ("-819.2", "819.175")])
def test_a_scale_that_is_wrong_by_a_hundred_is_refused(low: str, high: str) -> None:
    columns = {COLUMN["low"]: low, COLUMN["high"]: high}
    with pytest.raises(UnusableRecording) as caught:
        check_recording(read_recording([make_edf(columns=columns)]))
    codes = {fault.code for fault in caught.value.faults}
    assert codes <= {FaultCode.IMPLAUSIBLE_AMPLITUDE, FaultCode.IMPLAUSIBLE_GAIN}


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("low", "x"),
        ("low", ""),
        ("high", "nan"),
        ("high", "inf"),
        ("high", "1,5"),
        ("least", "1.5"),
        ("least", ""),
        ("largest", "0x10"),
        ("samples", "0"),
        ("samples", "-5"),
        ("samples", "x"),
        ("samples", "5e2"),
    ],
)
def test_fields_that_are_no_numbers_are_refused(column: str, text: str, refused: Refusal) -> None:
    refused([two(columns={COLUMN[column]: text})], *[FaultCode.MALFORMED_FILE] * 2)


@pytest.mark.parametrize(
    ("place", "text", "code"),
    [
        (236, "9       ", FaultCode.MALFORMED_FILE),
        (236, "11      ", FaultCode.MALFORMED_FILE),
        (236, "0       ", FaultCode.MALFORMED_FILE),
        (236, "-2      ", FaultCode.MALFORMED_FILE),
        (236, "99999999", FaultCode.MALFORMED_FILE),
        (236, "x       ", FaultCode.MALFORMED_FILE),
        (244, "-1      ", FaultCode.MALFORMED_FILE),
        (244, "x       ", FaultCode.MALFORMED_FILE),
        (244, "0       ", FaultCode.MISSING_SAMPLING_RATE),
        (244, "1e-300  ", FaultCode.IMPLAUSIBLE_SAMPLING_RATE),
        (244, "100     ", FaultCode.IMPLAUSIBLE_SAMPLING_RATE),
    ],
)
def test_fixed_fields_that_cannot_be_are_refused(
    place: int, text: str, code: FaultCode, refused: Refusal
) -> None:
    refused([make_edf(fixed={place: text})], code)


@pytest.mark.parametrize("kind", ["9999", "12  ", "0   ", "x   ", "-1  "])
def test_a_number_of_signals_that_does_not_fit_is_no_edf(kind: str, refused: Refusal) -> None:
    refused([two(fixed={252: kind})], FaultCode.UNSUPPORTED_FORMAT)


def test_a_header_of_no_signals_is_refused(refused: Refusal) -> None:
    file = two(fixed={184: "256     ", 252: "0   "})
    refused([file], FaultCode.UNSUPPORTED_CONTENT)


def test_a_header_of_thousands_of_signals_is_refused(refused: Refusal) -> None:
    file = two(fixed={184: f"{256 * 10000:<8}", 252: "9999"})
    refused([file], FaultCode.UNSUPPORTED_CONTENT)


@pytest.mark.parametrize("size", [256, 300, 256 * 13 - 1, 256 * 13, 256 * 13 + 1, -1, -2])
def test_a_file_that_is_cut_short_is_refused(size: int, refused: Refusal) -> None:
    refused([UploadedFile("x", SOUND.content[:size])], FaultCode.MALFORMED_FILE)


@pytest.mark.parametrize("surplus", [b"\0", b"\0\0", b"\0" * 12_000])
def test_a_file_that_is_too_long_is_refused(surplus: bytes, refused: Refusal) -> None:
    refused([UploadedFile("x", SOUND.content + surplus)], FaultCode.MALFORMED_FILE)


def test_four_tebibytes_that_are_declared_are_not_asked_for(refused: Refusal) -> None:
    file = two(columns={COLUMN["samples"]: "99999999"}, fixed={236: "22000   "})
    refused([file], FaultCode.MALFORMED_FILE)


def test_leads_of_different_rates_are_refused(refused: Refusal) -> None:
    # Lead II takes 300 of the 1,000 samples of a record, lead I the other 700.
    start = 256 + 2 * (16 + 80 + 8 * 5 + 80)
    file = changed(two(), start, b"700     300     ")
    refused([file], FaultCode.LEADS_NOT_SIMULTANEOUS)


def test_a_lead_that_is_there_twice_is_refused(refused: Refusal) -> None:
    refused([two(names=("ECG I", "Lead I"))], FaultCode.DUPLICATE_LEAD)


def test_no_standard_lead_is_refused(refused: Refusal) -> None:
    refused(
        [two(names=("EEG Fpz-Cz", "Resp"))],
        FaultCode.MISSING_SAMPLING_RATE,
        FaultCode.UNKNOWN_LEAD,
    )


def test_every_fault_is_told_at_once(refused: Refusal) -> None:
    columns = {COLUMN["unit"]: "x"}
    refused(
        [two(names=("I", "I"), columns=columns, fixed={244: "100     "})],
        FaultCode.IMPLAUSIBLE_SAMPLING_RATE,
        FaultCode.DUPLICATE_LEAD,
        FaultCode.UNKNOWN_UNITS,
        FaultCode.UNKNOWN_UNITS,
    )


def test_a_stated_rate_that_differs_is_refused(refused: Refusal) -> None:
    refused([SOUND], FaultCode.CONTRADICTS_FILE, stated=StatedFacts(sampling_rate_hz=250))
    assert read_recording([SOUND], StatedFacts(sampling_rate_hz=500)).leads == LEADS


def test_two_files_are_two_recordings(refused: Refusal) -> None:
    refused([SOUND, two()], FaultCode.SEVERAL_RECORDINGS)


def test_a_recording_beyond_the_longest_is_refused(refused: Refusal) -> None:
    refused([SOUND], FaultCode.TOO_LONG, limits=ReadLimits(max_duration_s=5))


def test_no_fault_repeats_the_file(refused: Refusal) -> None:
    error = refused(
        [two(columns={COLUMN["unit"]: "Mueller"}, names=("I", "Mueller"))], FaultCode.UNKNOWN_UNITS
    )
    assert "Mueller" not in repr(error.faults)


MUTATIONS = 2000


def read_or_refuse(content: bytes) -> None:
    started = process_time()
    with suppress(InputError):
        recording = EdfReader().read_file(content, ReadLimits())
        assert 0 < len(recording.leads) <= 12
    assert process_time() - started < 2


def test_two_thousand_mutations_are_read_or_refused() -> None:
    short = make_recording(leads=("I", "II", "V1"), duration_s=0.4)
    file = make_edf(short, record_s=0.1, kind="EDF+C", annotations=True)
    for content in mutations(file.content, MUTATIONS, head=256 * 5):
        read_or_refuse(content)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=600))
def test_any_bytes_are_refused(content: bytes) -> None:
    read_or_refuse(content)
    with pytest.raises(UnreadableRecording):
        EdfReader().read_file(b"0       " + content, ReadLimits())
