"""GE MUSE XML: what exports differ in, and must come to the same millivolts."""

import numpy as np
import pytest

from ecg_core.leads import LEADS
from ecg_core.preprocessing import PreprocessingSpec, prepare
from ecg_core.quality import check_recording
from ecg_core.recording import NoteCode
from tests.support.reading import note_codes, read
from tests.support.xml_files import (
    EIGHT_LEADS,
    make_muse,
    muse_lead,
    muse_leads,
    muse_waveform,
    stored_units,
    tag,
)

ROWS = stored_units(mv_per_unit=0.00488)
EXPECTED_MV = np.stack([ROWS[lead] * 0.00488 for lead in EIGHT_LEADS]).astype(np.float32)


def rhythm_of(**changed: object) -> bytes:
    return make_muse(muse_waveform(muse_leads(**changed)))  # type: ignore[arg-type]


def test_rhythm_behind_the_median_beats_is_read() -> None:
    recording = read(make_muse())
    assert recording.leads == EIGHT_LEADS
    assert recording.format == "muse"
    assert recording.sampling_rate_hz == 500.0
    np.testing.assert_array_equal(recording.samples_mv, EXPECTED_MV)
    assert note_codes(recording) == [NoteCode.WAVEFORM_LEFT_OUT]


def test_rhythm_before_the_median_beats_is_read() -> None:
    waveforms = [muse_waveform(muse_leads()), muse_waveform(muse_leads(samples=600), "MEDIAN")]
    np.testing.assert_array_equal(read(make_muse(*waveforms)).samples_mv, EXPECTED_MV)


@pytest.mark.parametrize("kind", ["Rhythm", "RHYTHM", None])
def test_only_waveform_is_the_rhythm_with_or_without_a_type(kind: str | None) -> None:
    recording = read(make_muse(muse_waveform(muse_leads(), kind)))
    np.testing.assert_array_equal(recording.samples_mv, EXPECTED_MV)
    assert recording.notes == ()


def test_four_leads_that_are_not_stored_follow_from_two() -> None:
    report = check_recording(read(make_muse()))
    assert report.acceptable
    windows = prepare(report.recording, PreprocessingSpec()).windows
    whole = prepare(read_twelve(), PreprocessingSpec()).windows
    np.testing.assert_allclose(windows, whole, atol=0.02)


def read_twelve() -> object:
    return read(make_muse(muse_waveform(muse_leads(LEADS))))


@pytest.mark.parametrize(
    ("scale", "unit"),
    [
        ("4.88", "MICROVOLTS"),
        ("4,88", "MICROVOLTS"),
        ("0.00488", "MILLIVOLTS"),
        ("4880", "NANOVOLTS"),
        (" 4.880 ", "microvolts"),
    ],
)
def test_scale_is_read_in_every_unit_and_with_a_comma(scale: str, unit: str) -> None:
    content = rhythm_of(LeadAmplitudeUnitsPerBit=scale, LeadAmplitudeUnits=unit)
    np.testing.assert_array_equal(read(content).samples_mv, EXPECTED_MV)


def test_scale_is_each_leads_own() -> None:
    leads = [
        muse_lead("I", ROWS["I"]),
        muse_lead("II", ROWS["II"], LeadAmplitudeUnitsPerBit="2.44"),
    ]
    recording = read(make_muse(muse_waveform(leads)))
    np.testing.assert_array_equal(recording.lead("I"), EXPECTED_MV[0])
    np.testing.assert_allclose(recording.lead("II"), EXPECTED_MV[1] / 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("base", "exponent"), [("500", "0"), ("5", "2"), ("50000", "-2"), ("500", None), ("500,0", "0")]
)
def test_rate_is_base_times_ten_to_the_exponent(base: str, exponent: str | None) -> None:
    content = make_muse(muse_waveform(muse_leads(), base=base, exponent=exponent))
    assert read(content).sampling_rate_hz == 500.0


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "UTF-8", "UTF-16", "windows-1252"])
def test_every_encoding_is_read(encoding: str) -> None:
    assert read(make_muse(encoding=encoding)).leads == EIGHT_LEADS


@pytest.mark.parametrize("encoding", ["gb2312", "GBK", "GB18030", "Shift_JIS", "EUC-KR", "Big5"])
def test_encodings_of_several_bytes_a_character_are_read(encoding: str) -> None:
    patient = (
        {"PatientLastName": "\u5fc3"} if encoding != "EUC-KR" else {"PatientLastName": "\uc2ec"}
    )
    text = make_muse(patient={"PatientLastName": "NAME"}).decode("latin-1")
    text = text.replace("ISO-8859-1", encoding).replace("NAME", patient["PatientLastName"])
    np.testing.assert_array_equal(read(text.encode(encoding)).samples_mv, EXPECTED_MV)


@pytest.mark.parametrize("doctype", ['<!DOCTYPE RestingECG SYSTEM "restecg.dtd">', ""])
def test_plain_doctype_passes(doctype: str) -> None:
    assert read(make_muse(doctype=doctype)).leads == EIGHT_LEADS


@pytest.mark.parametrize("checksum", [0, None])
def test_checksum_that_was_not_computed_is_not_compared(checksum: int | None) -> None:
    np.testing.assert_array_equal(read(rhythm_of(LeadDataCRC32=checksum)).samples_mv, EXPECTED_MV)


def test_checksum_may_be_written_as_a_signed_number() -> None:
    (lead,) = muse_leads(("V1",))
    unsigned = int(lead.partition("<LeadDataCRC32>")[2].partition("<")[0])
    content = make_muse(muse_waveform(muse_leads(("V1",), LeadDataCRC32=unsigned - 2**32)))
    assert read(content).leads == ("V1",)


def test_surplus_leads_are_left_out_whatever_they_hold() -> None:
    broken = muse_lead("V4R", ROWS["V1"], WaveFormData="?", LeadAmplitudeUnits="x")
    recording = read(make_muse(muse_waveform([*muse_leads(), broken])))
    assert recording.leads == EIGHT_LEADS
    assert "V4R" in recording.notes[0].detail


@pytest.mark.parametrize(
    ("age", "units", "warned"),
    [
        ("17", "YEARS", True),
        ("18", "YEARS", False),
        ("30", "MONTHS", True),
        ("9", "WEEKS", True),
        ("3", "DAYS", True),
        ("12", "HOURS", True),
        ("58", "", False),
        ("", "YEARS", False),
        ("x", "YEARS", False),
    ],
)
def test_child_is_warned_of(age: str, units: str, warned: bool) -> None:
    recording = read(make_muse(patient={"PatientAge": age, "AgeUnits": units}))
    assert (NoteCode.OUTSIDE_TRAINING_POPULATION in note_codes(recording)) is warned


def test_age_follows_from_the_birth_where_it_is_not_given() -> None:
    born = {"DateofBirth": "05-08-2000"}
    child = make_muse(patient=born, test={"AcquisitionDate": "11-22-2002"})
    assert NoteCode.OUTSIDE_TRAINING_POPULATION in note_codes(read(child))
    adult = make_muse(patient=born, test={"AcquisitionDate": "11-22-2022"})
    assert NoteCode.OUTSIDE_TRAINING_POPULATION not in note_codes(read(adult))


def test_spikes_of_a_pacemaker_are_warned_of() -> None:
    spikes = "<PaceSpikes><PaceType>VENTRICULAR</PaceType></PaceSpikes>"
    recording = read(make_muse(muse_waveform(muse_leads(), extra=spikes)))
    assert note_codes(recording) == [NoteCode.PACED_PATIENT]
    empty = "<PaceSpikes><PaceType/></PaceSpikes>"
    assert read(make_muse(muse_waveform(muse_leads(), extra=empty))).notes == ()


@pytest.mark.parametrize(
    ("statement", "warned"),
    [
        ("Electronic ventricular pacemaker", True),
        ("AV dual-paced rhythm", True),
        ("No pacemaker seen", False),
        ("Normal sinus rhythm", False),
    ],
)
def test_statement_of_a_pacemaker_is_warned_of(statement: str, warned: bool) -> None:
    text = tag("Diagnosis", tag("DiagnosisStatement", tag("StmtText", statement)))
    content = make_muse().replace(b"</RestingECG>", f"{text}</RestingECG>".encode())
    assert (NoteCode.PACED_PATIENT in note_codes(read(content))) is warned


def test_nothing_of_the_patient_survives() -> None:
    patient = {"PatientID": "PHI-4711", "PatientLastName": "Meier", "PatientAge": "58"}
    recording = read(make_muse(patient=patient))
    assert not any(word in repr(recording) for word in ("4711", "Meier", "58"))
