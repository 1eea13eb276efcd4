"""DICOM waveforms that are read: to half a step of the converter, whatever way they are stored."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from ecg_core.leads import LEADS
from ecg_core.readers import ReadLimits, UploadedFile, read_recording
from ecg_core.recording import NoteCode, Recording
from tests.support.dicom import SYNTAXES, code, make_dicom, make_group
from tests.support.paths import REPOSITORY
from tests.support.recordings import PEAK_KB, make_recording

RHYTHM = make_recording()
LIMB, CHEST = make_recording(leads=LEADS[:6]), make_recording(leads=LEADS[6:])


def read(*groups: Dataset, **options: Any) -> Recording:
    return read_recording([make_dicom(*groups, **options)])


def codes(recording: Recording) -> list[NoteCode]:
    return [note.code for note in recording.notes]


def assert_within(recording: Recording, step_mv: float, of: Recording = RHYTHM) -> None:
    assert recording.leads == of.leads
    assert recording.sampling_rate_hz == of.sampling_rate_hz
    # A little more than half a step: float32 rounds as well.
    np.testing.assert_allclose(recording.samples_mv, of.samples_mv, atol=0.501 * step_mv, rtol=0)


@pytest.mark.parametrize(
    ("syntax", "preamble"),
    # Without file meta information nothing says that a file is deflated.
    [(s, p) for s in SYNTAXES for p in (True, False) if p or s != "deflated"],
)
def test_every_transfer_syntax_gives_the_same_millivolts(syntax: str, preamble: bool) -> None:
    recording = read(syntax=syntax, preamble=preamble)
    assert recording.format == "dicom"
    np.testing.assert_array_equal(recording.samples_mv, read().samples_mv)
    assert_within(recording, 0.0025)


def test_a_file_that_says_implicit_and_is_explicit_is_read() -> None:
    assert_within(read(declared_syntax=SYNTAXES["implicit"]), 0.0025)


@pytest.mark.parametrize(
    ("unit", "sensitivity"),
    [("uV", 2.5), ("uv", 2.5), ("µV", 2.5), ("mV", 0.0025), ("V", "2.5e-6"), ("nV", 2500)],
)
def test_units_of_the_sensitivity_are_heeded(unit: str, sensitivity: float | str) -> None:
    assert_within(
        read(make_group(unit=unit, sensitivity=sensitivity), SpecificCharacterSet="ISO_IR 192")
        if unit == "µV"
        else read(make_group(unit=unit, sensitivity=sensitivity)),
        0.0025,
    )


def test_the_correction_factor_multiplies_the_sensitivity() -> None:
    assert_within(read(make_group(sensitivity=1, correction=4.88)), 0.00488)


def test_a_correction_factor_left_out_is_one() -> None:
    assert_within(read(make_group(correction=None)), 0.0025)


def test_the_baseline_is_in_units_of_the_sensitivity_and_not_scaled() -> None:
    assert_within(read(make_group(sensitivity=1, correction=5, baseline=300)), 0.005)


def test_a_baseline_left_out_is_zero() -> None:
    assert_within(read(make_group(baseline=None)), 0.0025)


@pytest.mark.parametrize(
    ("bits", "signed", "sensitivity"),
    [(8, True, 20), (8, False, 20), (16, False, 2.5), (32, True, 0.1), (32, False, 0.1)],
)
@pytest.mark.parametrize("big_endian", [False, True])
def test_every_width_of_sample_is_read(
    bits: int, signed: bool, sensitivity: float, big_endian: bool
) -> None:
    group = make_group(
        bits=bits,
        signed=signed,
        sensitivity=sensitivity,
        baseline=0 if signed else -2000,
        big_endian=big_endian,
    )
    syntax = "big endian" if big_endian else "explicit"
    assert_within(read(group, syntax=syntax), sensitivity / 1000)


@pytest.mark.parametrize("extended", [True, False])
def test_twelve_bits_in_sixteen_keep_their_sign(extended: bool) -> None:
    stored = np.round(RHYTHM.samples_mv.T / 0.0025).astype(np.int64)
    if not extended:
        stored &= 0x0FFF
    group = make_group(stored=stored, channel={"WaveformBitsStored": 12})
    assert_within(read(group), 0.0025)


def test_a_padding_value_at_the_type_s_end_is_missing() -> None:
    stored = np.round(RHYTHM.samples_mv.T / 0.0025).astype(np.int64)
    stored[100:103, 1] = -32768
    samples_mv = read(make_group(stored=stored, padding=-32768)).samples_mv
    assert np.flatnonzero(np.isnan(samples_mv[1])).tolist() == [100, 101, 102]
    assert np.isfinite(np.delete(samples_mv, 1, axis=0)).all()


def test_a_padding_value_that_is_an_ordinary_sample_empties_no_true_samples() -> None:
    stored = np.round(RHYTHM.samples_mv.T / 0.0025).astype(np.int64)
    assert (stored == 0).sum() > 1000
    stored[::7] += 1  # as noise does: no lead is silent for half a second
    samples_mv = read(make_group(stored=stored, padding=0)).samples_mv
    np.testing.assert_allclose(samples_mv, stored.T * 0.0025, rtol=1e-6, atol=1e-9)


def test_a_long_run_of_such_a_padding_value_is_missing() -> None:
    stored = np.round(RHYTHM.samples_mv.T / 0.0025).astype(np.int64)
    stored[stored == 0] = 1
    stored[4000:, 3] = 0
    missing = np.isnan(read(make_group(stored=stored, padding=0)).samples_mv)
    assert missing[3, 4000:].all()
    assert missing.sum() == 1000


class TestLeads:
    @pytest.mark.parametrize("scheme", ["MDC", "SCPECG", "99LOCAL"])
    def test_they_are_told_by_code_or_by_meaning(self, scheme: str) -> None:
        assert read(make_group(scheme=scheme)).leads == LEADS

    @pytest.mark.parametrize(
        ("value", "scheme", "meaning"),
        [
            ("131073", "MDC", "x"),
            ("2:1", "MDC", ""),
            ("2:1\0", "MDC\0", "x"),
            ("5.6.3-9-1 ", "SCPECG", "Lead V1"),
            ("MDC_ECG_LEAD_I", "MDC", "Lead I"),
            ("I", "99", "Lead I (Einthoven)"),
            ("9", "99", "I"),
        ],
    )
    def test_lead_one_in_other_spellings(self, value: str, scheme: str, meaning: str) -> None:
        source = Items([code(value, scheme, meaning)])
        group = make_group(make_recording(leads=("I",)), channel={"ChannelSourceSequence": source})
        assert read(group).leads == ("I",)

    def test_a_label_tells_where_there_is_no_code(self) -> None:
        changes = {"ChannelSourceSequence": None, "ChannelLabel": "aVF"}
        group = make_group(make_recording(leads=("aVF",)), channel=changes)
        assert read(group).leads == ("aVF",)

    def test_the_inverted_avr_does_not_pass_as_avr(self) -> None:
        names = ("I", "II", "-aVR")
        recording = read(make_group(make_recording(leads=("I", "II", "aVR")), names=names))
        assert recording.leads == ("I", "II")
        assert "-aVR" in recording.notes[0].detail

    def test_leads_beside_the_twelve_are_left_out_by_name(self) -> None:
        names = ("I", "II", "V3R", "V7")
        recording = read(make_group(make_recording(leads=("I", "II", "V3", "V5")), names=names))
        assert recording.leads == ("I", "II")
        assert codes(recording) == [NoteCode.LEAD_LEFT_OUT]
        assert "V3R, V7" in recording.notes[0].detail

    def test_words_of_the_file_are_not_repeated(self) -> None:
        names = ("I", "II", "Mustermann")
        group = make_group(make_recording(leads=("I", "II", "V1")), names=names, scheme="99LOCAL")
        (note,) = read(group).notes
        assert note.code is NoteCode.LEAD_LEFT_OUT
        assert "Mustermann" not in note.detail
        assert "1 other signal" in note.detail


class TestGroups:
    MEDIAN = make_recording(duration_s=1.2)

    @pytest.mark.parametrize("label", ["MEDIAN BEAT", "Median", "Average", None])
    @pytest.mark.parametrize("median_first", [True, False])
    def test_median_beats_are_left_out(self, label: str | None, median_first: bool) -> None:
        median = make_group(self.MEDIAN, label=label, originality="DERIVED")
        rhythm = make_group(label="RHYTHM" if label else None)
        recording = read(*((median, rhythm) if median_first else (rhythm, median)))
        assert_within(recording, 0.0025)
        assert codes(recording) == [NoteCode.WAVEFORM_LEFT_OUT]
        assert "median beats" in recording.notes[0].detail

    def test_a_waveform_without_samples_is_passed_over(self) -> None:
        empty = make_group(self.MEDIAN, WaveformData=None, NumberOfWaveformSamples=0)
        recording = read(empty, make_group())
        assert_within(recording, 0.0025)
        assert recording.notes == ()

    def test_an_unlabelled_beat_is_told_by_its_length(self) -> None:
        assert_within(read(make_group(self.MEDIAN), make_group()), 0.0025)

    def test_of_two_rhythms_the_original_is_read(self) -> None:
        filtered = make_group(make_recording(heart_rate_bpm=50), originality="DERIVED")
        recording = read(filtered, make_group())
        assert_within(recording, 0.0025)
        assert codes(recording) == [NoteCode.WAVEFORM_LEFT_OUT]

    @pytest.mark.parametrize("offset", [{}, {"MultiplexGroupTimeOffset": "120"}])
    def test_leads_in_groups_of_the_same_time_are_joined(self, offset: dict[str, str]) -> None:
        recording = read(make_group(LIMB, **offset), make_group(CHEST, **offset))
        assert_within(recording, 0.0025)
        assert recording.notes == ()

    def test_a_rhythm_strip_beside_twelve_leads_is_left_out(self) -> None:
        strip = make_group(make_recording(leads=("II",), duration_s=30))
        recording = read(strip, make_group())
        assert_within(recording, 0.0025)
        assert codes(recording) == [NoteCode.WAVEFORM_LEFT_OUT]


class TestPatient:
    @pytest.mark.parametrize(
        "elements",
        [
            {"PatientAge": "011Y"},
            {"PatientAge": "017Y"},
            {"PatientAge": "023M"},
            {"PatientAge": "006W"},
            {"PatientAge": "003D"},
            {"PatientBirthDate": "20100401", "AcquisitionDateTime": "20260101120000"},
            {"PatientBirthDate": "20100401", "StudyDate": "20260101"},
        ],
    )
    def test_a_child_is_warned_of(self, elements: dict[str, str]) -> None:
        assert codes(read(**elements)) == [NoteCode.OUTSIDE_TRAINING_POPULATION]

    @pytest.mark.parametrize(
        "elements",
        [
            {},
            {"PatientAge": "018Y"},
            {"PatientAge": ""},
            {"PatientAge": "Y011"},
            {"PatientBirthDate": "19400401", "AcquisitionDateTime": "20260101120000"},
            {"PatientBirthDate": "20300401", "StudyDate": "20260101"},
            {"PatientBirthDate": "20101399", "StudyDate": "20260101"},
            {"PatientBirthDate": "20100401"},
        ],
    )
    def test_anybody_else_is_not(self, elements: dict[str, str]) -> None:
        assert codes(read(**elements)) == []

    @pytest.mark.parametrize(
        ("alert", "warned"),
        [("Pacemaker", True), ("DDD pacemaker", True), ("No pacemaker", False), ("Latex", False)],
    )
    def test_a_pacemaker_is_warned_of(self, alert: str, warned: bool) -> None:
        assert codes(read(MedicalAlerts=alert)) == [NoteCode.PACED_PATIENT] * warned

    @pytest.mark.parametrize(("answer", "warned"), [("Yes", True), ("No", False)])
    def test_a_pacemaker_in_the_context_is_warned_of(self, answer: str, warned: bool) -> None:
        item = Dataset()
        item.ValueType = "CODE"
        item.ConceptNameCodeSequence = Items([code("1", "99", "Pacemaker present")])
        item.ConceptCodeSequence = Items([code("2", "99", answer)])
        recording = read(AcquisitionContextSequence=Items([item]))
        assert codes(recording) == [NoteCode.PACED_PATIENT] * warned

    def test_paced_beats_in_the_device_s_statement_are_warned_of(self) -> None:
        item = Dataset()
        item.UnformattedTextValue = "Ventricular-paced rhythm"
        recording = read(WaveformAnnotationSequence=Items([item]))
        assert codes(recording) == [NoteCode.PACED_PATIENT]

    def test_nothing_else_of_the_patient_is_handed_on(self) -> None:
        recording = read(PatientAge="011Y", MedicalAlerts="Pacemaker Mustermann 1999")
        said = repr((recording.notes, recording.leads, recording.format))
        assert not any(word in said for word in ("Mustermann", "MUSTER", "1999", "11"))


_QUIET = """
import sys
from ecg_core.readers import UploadedFile, read_recording
read_recording([UploadedFile("x", sys.stdin.buffer.read())])
"""


def test_what_pydicom_warns_of_goes_nowhere() -> None:
    file = make_dicom(PatientName="x")
    odd = file.content.replace(b"CS\x0a\0ISO_IR 100", b"CS\x0a\0Mustermann")
    assert odd != file.content
    done = subprocess.run(
        [sys.executable, "-c", _QUIET], input=odd, cwd=REPOSITORY, capture_output=True, check=True
    )
    assert done.stdout + done.stderr == b""


_LARGEST = (
    PEAK_KB
    + """
import sys
from ecg_core.readers import UploadedFile, read_recording
print(read_recording([UploadedFile("x", sys.stdin.buffer.read())]).samples_mv.shape)
print(peak_kb() // 1024)
"""
)


def test_the_largest_file_is_read_within_512_mb() -> None:
    second = make_recording(duration_s=1.0, sampling_rate_hz=2000)
    seconds = (ReadLimits().max_file_bytes - 20_000) // (12 * 2000)
    stored = np.tile(np.round(second.samples_mv.T * 50).astype(np.int8), (seconds, 1))
    file = make_dicom(make_group(second, bits=8, sensitivity=20, stored=stored))
    done = subprocess.run(
        [sys.executable, "-c", _LARGEST],
        input=file.content,
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    shape, peak_mb = done.stdout.decode().splitlines()
    assert shape == f"(12, {seconds * 2000})"
    assert int(peak_mb) < 512


def test_a_name_of_the_file_does_not_matter() -> None:
    content = make_dicom().content
    for name in ("ecg.csv", "x.dat", "", "IM-0001", "a.hea"):
        assert read_recording([UploadedFile(name, content)]).format == "dicom"
