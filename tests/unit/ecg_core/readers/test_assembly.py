"""The gate between what a file stores and a recording."""

from datetime import date

import numpy as np
import pytest

from ecg_core.errors import Fault, FaultCode, InputError, UnreadableRecording, UnusableRecording
from ecg_core.readers.assembly import StoredLead, left_out_notes, recording_of
from ecg_core.readers.base import ReadLimits
from ecg_core.readers.patient import age_between, mentions_pacemaker, patient_notes
from ecg_core.recording import NoteCode, Recording

LIMITS = ReadLimits()


def lead(name: str, length: int = 1000) -> StoredLead:
    return StoredLead(name, np.arange(length, dtype=np.float64) / 1000)


def refused(
    leads: list[StoredLead], rate_hz: float | None = 500.0, **options: object
) -> InputError:
    with pytest.raises(InputError) as caught:
        recording_of(leads, rate_hz, "edf", LIMITS, **options)  # type: ignore[arg-type]
    return caught.value


def codes(error: InputError) -> list[FaultCode]:
    return [fault.code for fault in error.faults]


def test_leads_become_a_recording_in_the_files_order() -> None:
    recording = recording_of([lead("Lead V1"), lead("avr")], 500.0, "edf", LIMITS)
    assert recording.leads == ("V1", "aVR")
    assert recording.samples_mv.dtype == np.float32
    assert not recording.samples_mv.flags.writeable
    np.testing.assert_array_equal(recording.lead("V1"), np.float32(np.arange(1000) / 1000))


def test_the_caller_keeps_its_samples() -> None:
    samples_mv = np.ones(1000, np.float32)
    recording = recording_of([StoredLead("I", samples_mv)], 500.0, "edf", LIMITS)
    samples_mv[0] = 7
    assert recording.samples_mv[0, 0] == 1


def test_other_leads_are_left_out_whatever_their_length_and_units() -> None:
    stored = [lead("I"), StoredLead("V7", None), lead("Resp", 10)]
    recording = recording_of(stored, 500.0, "edf", LIMITS)
    assert recording.leads == ("I",)
    assert [note.code for note in recording.notes] == [NoteCode.LEAD_LEFT_OUT]


def test_what_is_too_large_for_a_sample_becomes_infinite() -> None:
    stored = [StoredLead("I", np.array([1e300, 0.0]))]
    assert np.isinf(recording_of(stored, 500.0, "edf", LIMITS).samples_mv[0, 0])


def test_leads_of_different_lengths_are_unreadable() -> None:
    error = refused([lead("I"), lead("II", 999)])
    assert isinstance(error, UnreadableRecording)
    assert codes(error) == [FaultCode.LEADS_NOT_SIMULTANEOUS]


def test_no_leads_are_refused() -> None:
    assert codes(refused([])) == [FaultCode.UNKNOWN_LEAD]


def test_every_fault_is_told_at_once() -> None:
    own = Fault(FaultCode.IMPLAUSIBLE_GAIN, "gain", "II")
    error = refused([lead("I"), lead("I"), StoredLead("II", None)], None, faults=[own])
    assert isinstance(error, UnusableRecording)
    assert codes(error) == [
        FaultCode.IMPLAUSIBLE_GAIN,
        FaultCode.MISSING_SAMPLING_RATE,
        FaultCode.DUPLICATE_LEAD,
        FaultCode.UNKNOWN_UNITS,
    ]


def test_a_length_beyond_the_limit_is_refused() -> None:
    assert codes(refused([lead("I", 90_001)], 50.0)) == [FaultCode.TOO_LONG]


def test_names_that_are_not_usual_are_counted_and_not_repeated() -> None:
    (note,) = left_out_notes(["V3R", "Mustermann", "v7", "1960-01-01"])
    assert note.detail.endswith("V3R, V7, 2 other signals")
    assert left_out_notes([]) == []


@pytest.mark.parametrize(
    ("age_years", "warned"), [(None, False), (17.99, True), (18.0, False), (0.0, True), (-1, False)]
)
def test_ages_below_18_are_noted_without_their_value(age_years: float | None, warned: bool) -> None:
    notes = patient_notes(age_years, has_pacemaker=False)
    assert [note.code for note in notes] == [NoteCode.OUTSIDE_TRAINING_POPULATION] * warned
    assert "17" not in repr(notes)


@pytest.mark.parametrize(
    ("birth", "recorded", "years"),
    [
        (date(2000, 1, 1), date(2018, 1, 1), 18.0),
        (date(2000, 1, 1), None, None),
        (None, date(2000, 1, 1), None),
        (date(2000, 1, 1), date(1999, 1, 1), None),
        (date(1800, 1, 1), date(2000, 1, 1), None),
    ],
)
def test_ages_follow_from_two_dates_that_make_one(
    birth: date | None, recorded: date | None, years: float | None
) -> None:
    assert age_between(birth, recorded) == (years and pytest.approx(years, abs=0.01))


@pytest.mark.parametrize(
    ("text", "mentioned"),
    [
        ("Pacemaker", True),
        ("AV-paced rhythm", True),
        ("Herzschrittmacher seit Jahren", True),
        ("no pacemaker", False),
        ("Pacemaker: none", False),
        ("kein Schrittmacher", False),
        ("pacing spikes not detected", False),
        ("space, pacemakers' guild", False),
        ("", False),
    ],
)
def test_a_pacemaker_counts_unless_it_is_denied(text: str, mentioned: bool) -> None:
    assert mentions_pacemaker([text, "sinus rhythm"]) == mentioned


def test_notes_are_kept_when_leads_are_left_out() -> None:
    recording = recording_of([lead("I"), lead("X")], 500.0, "edf", LIMITS)
    assert isinstance(recording, Recording)
    assert len(recording.notes) == 1
