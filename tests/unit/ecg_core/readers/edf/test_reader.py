"""EDF files that are read, to half a digital step, and against an independent reader."""

from typing import Any

import edfio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_core.leads import LEADS
from ecg_core.readers import UploadedFile, read_recording
from ecg_core.recording import NoteCode, Recording
from tests.support.edf import changed, make_edf
from tests.support.recordings import make_recording

RHYTHM = make_recording()


def read(recording: Recording | None = None, **options: Any) -> Recording:
    return read_recording([make_edf(recording, **options)])


def codes(recording: Recording) -> list[NoteCode]:
    return [note.code for note in recording.notes]


def assert_within(recording: Recording, step_mv: float, of: Recording = RHYTHM) -> None:
    assert recording.leads == of.leads
    assert recording.sampling_rate_hz == of.sampling_rate_hz
    np.testing.assert_allclose(recording.samples_mv, of.samples_mv, atol=0.501 * step_mv, rtol=0)


def test_what_was_built_comes_back() -> None:
    recording = read()
    assert recording.format == "edf"
    assert_within(recording, 0.0025)


@pytest.mark.parametrize(("unit", "step"), [("uV", 2.5), ("mV", 0.0025), ("nV", 2500), ("V", 2e-6)])
def test_physical_dimensions_are_heeded(unit: str, step: float) -> None:
    recording = read(unit=unit, step=step, digital=(-2000, 2000))
    assert_within(recording, 0.0025)


# By the format "uV"; some write the sign, in Latin-1, or capitals.
@pytest.mark.parametrize("unit", ["\u00b5V", "UV", " uV", "uv"])
def test_spellings_of_microvolts_are_known(unit: str) -> None:
    assert_within(read(columns={2: unit}), 0.0025)


def test_an_offset_of_the_physical_range_is_kept_to_the_last_bit() -> None:
    recording = read(digital=(-2048, 2047), step=2.5, offset=1300.0)
    assert_within(recording, 0.0025)


def test_a_physical_range_upside_down_inverts_the_signal() -> None:
    stored = np.round(-RHYTHM.samples_mv / 0.0025).astype(np.int64)
    swapped = {3: "81920", 4: "-81917.5"}
    assert_within(read(stored=stored, columns=swapped), 0.0025)


@pytest.mark.parametrize("record_s", [0.1, 0.25, 0.5, 2.0, 5.0, 10.0])
def test_records_of_any_duration_are_joined(record_s: float) -> None:
    assert_within(read(record_s=record_s), 0.0025)


def test_a_record_of_a_fraction_of_a_second_keeps_the_rate() -> None:
    recording = make_recording(sampling_rate_hz=257.0, duration_s=10.0)
    assert read(recording, record_s=1.0).sampling_rate_hz == 257.0


def test_edf_plus_is_read_without_its_annotations() -> None:
    recording = read(kind="EDF+C", annotations=True)
    assert_within(recording, 0.0025)
    assert recording.notes == ()


def test_a_number_of_records_that_was_never_filled_in_is_told_from_the_file() -> None:
    assert_within(read(fixed={236: "-1      "}), 0.0025)


@pytest.mark.parametrize("pattern", ["ECG {}", "EKG {}", "Lead {}", "{}", "ECG-{}", "ecg {}"])
def test_labels_of_leads_are_known(pattern: str) -> None:
    assert read(names=[pattern.format(lead) for lead in LEADS]).leads == LEADS


def test_other_signals_are_left_out_by_name() -> None:
    names = ["ECG I", "ECG II", "ECG V3R", "Resp oro-nasal"]
    recording = read(make_recording(leads=("I", "II", "V3", "V4")), names=names)
    assert recording.leads == ("I", "II")
    assert codes(recording) == [NoteCode.LEAD_LEFT_OUT]
    assert "V3R, 1 other signal" in recording.notes[0].detail


def test_ranges_of_signals_left_out_do_not_matter() -> None:
    file = make_edf(make_recording(leads=("I", "II")), names=["I", "Trigger"])
    place = 256 + 2 * (16 + 80 + 8)  # the physical minima
    odd = changed(file, place + 8, b"        ")
    assert read_recording([odd]).leads == ("I",)


def test_whole_numbers_may_have_a_point() -> None:
    assert_within(read(columns={5: "-32768.0", 6: "32767."}), 0.0025)


def test_a_value_that_the_header_leaves_out_of_the_range_is_missing() -> None:
    stored = np.round(RHYTHM.samples_mv / 0.0025).astype(np.int64)
    stored[1, 100:103] = -32768
    missing = np.isnan(read(stored=stored, digital=(-32767, 32767)).samples_mv)
    assert np.argwhere(missing).tolist() == [[1, 100], [1, 101], [1, 102]]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"patient": "X M 01-MAY-2015 X"}, [NoteCode.OUTSIDE_TRAINING_POPULATION]),
        ({"patient": "X M 01-MAY-1951 X"}, []),
        ({"patient": "X M X X"}, []),
        ({"patient": "X F 01-MAY-1951 X pacemaker"}, [NoteCode.PACED_PATIENT]),
        ({"patient": "X F 01-MAY-1951 X has_Herzschrittmacher"}, [NoteCode.PACED_PATIENT]),
        ({"patient": "X F 01-MAY-1951 X no_pacemaker"}, []),
        (
            {"patient": "X M 01-MAY-2005 X", "recording_text": "Startdate X X X X"},
            [],
        ),
        (
            {
                "patient": "X M 01-MAY-2005 X",
                "recording_text": "Startdate X X X X",
                "start": "30.04.20",
            },
            [NoteCode.OUTSIDE_TRAINING_POPULATION],
        ),
        (
            {
                "patient": "X M 01-MAY-1980 X",
                "recording_text": "Startdate X X X X",
                "start": "30.04.85",
            },
            [NoteCode.OUTSIDE_TRAINING_POPULATION],
        ),
    ],
)
def test_children_and_pacemakers_are_warned_of(
    options: dict[str, str], expected: list[NoteCode]
) -> None:
    assert codes(read(kind="EDF+C", annotations=True, **options)) == expected


def test_plain_edf_has_no_parts_to_look_at() -> None:
    assert codes(read(patient="Kind M 01-MAY-2015 Mustermann")) == []


def test_nothing_of_the_patient_is_handed_on() -> None:
    recording = read(kind="EDF+C", patient="4711 M 01-MAY-2015 Mustermann pacemaker")
    assert len(recording.notes) == 2
    said = repr(recording.notes)
    assert not any(word in said for word in ("Mustermann", "4711", "2015", "MAY"))


def test_a_name_of_the_file_does_not_matter() -> None:
    content = make_edf().content
    for name in ("a.csv", "a.edf", "", "x.dat"):
        assert read_recording([UploadedFile(name, content)]).format == "edf"


@settings(deadline=None, max_examples=60)
@given(
    lowest=st.integers(-32768, -100),
    largest=st.integers(100, 32767),
    low=st.floats(-9999, 9000).map(lambda value: round(value, 1)),
    span=st.floats(300, 9000).map(lambda value: round(value, 1)),
    records=st.integers(1, 5),
)
def test_any_range_gives_what_an_independent_reader_gives(
    lowest: int, largest: int, low: float, span: float, records: int
) -> None:
    random = np.random.default_rng(3)
    stored = random.integers(lowest, largest + 1, size=(3, 500 * records))
    file = make_edf(
        make_recording(leads=("I", "II", "V1"), duration_s=records),
        stored=stored,
        columns={3: f"{low:.1f}", 4: f"{low + span:.1f}", 5: str(lowest), 6: str(largest)},
    )
    theirs = edfio.read_edf(file.content)
    ours = read_recording([file])
    step_uv = span / (largest - lowest)
    for lead, signal in zip(ours.leads, theirs.signals, strict=True):
        assert signal.label == lead
        sound = stored[ours.leads.index(lead)] != -32768
        difference_uv = np.abs(ours.lead(lead) * 1000.0 - signal.data)[sound]
        assert difference_uv.max() <= step_uv / 2


def test_what_an_independent_writer_writes_is_read() -> None:
    signals = [
        edfio.EdfSignal(
            RHYTHM.lead(lead).astype(np.float64) * 1000.0,
            sampling_frequency=500,
            label=f"ECG {lead}",
            physical_dimension="uV",
            physical_range=(-5000, 5000),
        )
        for lead in LEADS
    ]
    notes = [edfio.EdfAnnotation(1.0, None, "x")]
    written = edfio.Edf(signals, annotations=notes).to_bytes()
    recording = read_recording([UploadedFile("x", written)])
    assert recording.leads == LEADS
    np.testing.assert_allclose(recording.samples_mv, RHYTHM.samples_mv, atol=0.0001)
