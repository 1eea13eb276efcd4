"""GE CardioSoft XML: what exports differ in, and what is refused."""

import numpy as np
import pytest

from ecg_core.errors import FaultCode
from ecg_core.leads import LEADS
from ecg_core.quality import check_recording
from ecg_core.recording import NoteCode
from tests.support.reading import note_codes, read, upload
from tests.support.refusals import Refusal
from tests.support.xml_files import make_cardiosoft, stored_units, tag

ROWS = stored_units()
EXPECTED_MV = np.stack([ROWS[lead] * 0.005 for lead in LEADS]).astype(np.float32)
BIRTH = tag("BirthDateTime", tag("Day", 2) + tag("Month", 3) + tag("Year", 1990))


def resolution(size: object, unit: str) -> str:
    return tag("Resolution", size, units=unit)


def test_strip_is_read_in_millivolts() -> None:
    recording = read(make_cardiosoft())
    assert recording.leads == LEADS
    assert recording.format == "cardiosoft"
    assert recording.sampling_rate_hz == 500.0
    assert recording.notes == ()
    np.testing.assert_array_equal(recording.samples_mv, EXPECTED_MV)
    assert check_recording(recording).acceptable


@pytest.mark.parametrize(
    ("size", "unit"),
    [
        ("5", "uVperLsb"),
        ("5,0", "uVperLsb"),
        ("0.005", "mVperLsb"),
        ("5000", "nVperLSB"),
        ("5", "\u00b5VperLsb"),
    ],
)
def test_resolution_is_read_in_every_unit(size: str, unit: str) -> None:
    content = make_cardiosoft(resolution=resolution(size, unit))
    np.testing.assert_array_equal(read(content).samples_mv, EXPECTED_MV)


@pytest.mark.parametrize("separator", [",", ", ", " ", ",\r\n\t\t", "\t"])
def test_samples_may_be_set_apart_in_many_ways(separator: str) -> None:
    content = make_cardiosoft(separator=separator)
    np.testing.assert_array_equal(read(content).samples_mv, EXPECTED_MV)


@pytest.mark.parametrize("encoding", ["ISO8859-1", "ISO-8859-1", "latin-1", "utf-8", "utf-16"])
def test_encoding_is_taken_from_the_bytes_where_the_name_is_unusual(encoding: str) -> None:
    assert read(make_cardiosoft(encoding=encoding)).leads == LEADS


def test_rate_may_stand_without_its_unit_and_with_a_comma() -> None:
    assert read(make_cardiosoft(rate=tag("SampleRate", "500,0"))).sampling_rate_hz == 500.0


def test_count_need_not_be_given() -> None:
    content = make_cardiosoft(count="")
    np.testing.assert_array_equal(read(content).samples_mv, EXPECTED_MV)


def test_everything_but_the_strip_is_left_out_and_named() -> None:
    median = tag("WaveformData", "1,2,3", lead="I")
    extra = tag("RestingECGMeasurements", tag("MedianSamples", median))
    extra += tag("VectorLoops", tag("Frontal", "1,2")) + tag("FullDisclosure")
    recording = read(make_cardiosoft(extra=extra))
    np.testing.assert_array_equal(recording.samples_mv, EXPECTED_MV)
    assert note_codes(recording) == [NoteCode.WAVEFORM_LEFT_OUT] * 3
    assert [note.detail.split(":")[0] for note in recording.notes] == [
        "median beats",
        "vector loops",
        "a full disclosure",
    ]


def test_surplus_leads_are_left_out_and_named() -> None:
    recording = read(make_cardiosoft(ROWS | {"V8": ROWS["V6"], "Meier": ROWS["V6"]}))
    assert recording.leads == LEADS
    assert "V8, 1 other signal" in recording.notes[0].detail


@pytest.mark.parametrize("word", ["yes", "Yes", "true"])
def test_pacemaker_is_warned_of(word: str) -> None:
    recording = read(make_cardiosoft(patient=tag("PaceMaker", word)))
    assert note_codes(recording) == [NoteCode.PACED_PATIENT]


def test_statement_of_a_pacemaker_is_warned_of() -> None:
    text = tag("Interpretation", tag("Diagnosis", tag("DiagnosisText", "Paced rhythm")))
    assert note_codes(read(make_cardiosoft(extra=text))) == [NoteCode.PACED_PATIENT]


@pytest.mark.parametrize(
    ("patient", "warned"),
    [
        (tag("Age", 12, units="years"), True),
        (tag("Age", 12), True),
        (tag("Age", 30, units="months"), True),
        (tag("Age", 30, units="years"), False),
        (tag("Age", 3, units="x"), False),
        (BIRTH, True),
        (BIRTH.replace("1990", "1950"), False),
        (BIRTH.replace("1990", "2090"), False),
        (BIRTH.replace("<Day>2", "<Day>99"), False),
        (BIRTH.replace("1990", "99999999999"), False),
    ],
)
def test_child_is_warned_of(patient: str, warned: bool) -> None:
    codes = note_codes(read(make_cardiosoft(patient=patient)))
    assert codes == ([NoteCode.OUTSIDE_TRAINING_POPULATION] if warned else [])


def test_nothing_of_the_patient_survives() -> None:
    patient = tag("PID", "PHI-4711") + tag("Name", tag("FamilyName", "Meier")) + tag("Age", 58)
    recording = read(make_cardiosoft(patient=patient))
    assert not any(word in repr(recording) for word in ("4711", "Meier", "58"))


@pytest.mark.parametrize(
    ("unit", "size", "code"),
    [
        ("", "5", FaultCode.UNKNOWN_UNITS),
        ("uV", "5", FaultCode.UNKNOWN_UNITS),
        ("LsbperuV", "5", FaultCode.UNKNOWN_UNITS),
        ("countsperLsb", "5", FaultCode.UNKNOWN_UNITS),
        ("uVperLsb", "", FaultCode.IMPLAUSIBLE_GAIN),
        ("uVperLsb", "0", FaultCode.IMPLAUSIBLE_GAIN),
        ("uVperLsb", "-5", FaultCode.IMPLAUSIBLE_GAIN),
        ("uVperLsb", "NaN", FaultCode.IMPLAUSIBLE_GAIN),
        ("mVperLsb", "5", FaultCode.IMPLAUSIBLE_GAIN),
    ],
)
def test_resolution_that_says_no_millivolts_is_refused(
    refused: Refusal, unit: str, size: str, code: FaultCode
) -> None:
    content = make_cardiosoft({"I": ROWS["I"]}, resolution=resolution(size, unit))
    refused(upload(content), code)


def test_missing_resolution_is_refused(refused: Refusal) -> None:
    content = make_cardiosoft({"I": ROWS["I"]}, resolution="")
    refused(upload(content), FaultCode.IMPLAUSIBLE_GAIN)


@pytest.mark.parametrize(
    ("rate", "code"),
    [
        ("", FaultCode.MISSING_SAMPLING_RATE),
        (tag("SampleRate", 2, units="ms"), FaultCode.MISSING_SAMPLING_RATE),
        (tag("SampleRate", "x"), FaultCode.MISSING_SAMPLING_RATE),
        (tag("SampleRate", 0), FaultCode.IMPLAUSIBLE_SAMPLING_RATE),
        (tag("SampleRate", 5000), FaultCode.IMPLAUSIBLE_SAMPLING_RATE),
    ],
)
def test_rate_that_is_none_is_refused(refused: Refusal, rate: str, code: FaultCode) -> None:
    refused(upload(make_cardiosoft(rate=rate)), code)


@pytest.mark.parametrize("count", [4999, 5001, 0, "x", "5000.5"])
def test_other_count_than_declared_is_refused(refused: Refusal, count: object) -> None:
    content = make_cardiosoft({"I": ROWS["I"]}, count=count)
    refused(upload(content), FaultCode.MALFORMED_FILE)


def test_missing_sample_is_refused(refused: Refusal) -> None:
    content = make_cardiosoft({"I": ROWS["I"]}, change=lambda text: text.replace(",1,", ",,", 1))
    refused(upload(content), FaultCode.MALFORMED_FILE)


@pytest.mark.parametrize(
    ("sample", "code"),
    [("x", FaultCode.MALFORMED_FILE), ("1.5", FaultCode.UNSUPPORTED_CONTENT)],
)
def test_sample_that_is_no_whole_number_is_refused(
    refused: Refusal, sample: str, code: FaultCode
) -> None:
    content = make_cardiosoft(
        {"I": ROWS["I"]}, change=lambda text: text.replace(",1,", f",{sample},", 1)
    )
    refused(upload(content), code)


def test_leads_of_different_lengths_are_refused(refused: Refusal) -> None:
    content = make_cardiosoft({"I": ROWS["I"], "II": ROWS["II"][:-1]}, count="")
    refused(upload(content), FaultCode.LEADS_NOT_SIMULTANEOUS)


def test_lead_that_is_there_twice_is_refused(refused: Refusal) -> None:
    content = make_cardiosoft({"I": ROWS["I"], "DI": ROWS["II"]})
    refused(upload(content), FaultCode.DUPLICATE_LEAD)


@pytest.mark.parametrize(
    ("strips", "code"), [(0, FaultCode.MALFORMED_FILE), (2, FaultCode.SEVERAL_RECORDINGS)]
)
def test_no_strip_or_several_are_refused(refused: Refusal, strips: int, code: FaultCode) -> None:
    refused(upload(make_cardiosoft(strips=strips)), code)


def test_strip_without_leads_is_refused(refused: Refusal) -> None:
    refused(upload(make_cardiosoft({})), FaultCode.UNKNOWN_LEAD)
