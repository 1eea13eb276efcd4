"""HL7 aECG: what differs between writers, and must come to the same millivolts."""

import numpy as np
import pytest

from ecg_core.leads import LEADS
from ecg_core.quality import check_recording
from ecg_core.recording import NoteCode
from tests.support.philips_files import with_pulse
from tests.support.reading import note_codes, read
from tests.support.xml_files import (
    Units,
    aecg_lead,
    aecg_series,
    aecg_set,
    make_aecg,
    stored_units,
    tag,
)

ROWS = stored_units()
EXPECTED_MV = np.stack([ROWS[lead] * 0.005 for lead in LEADS]).astype(np.float32)


def leads(rows: Units = ROWS, **said: object) -> list[str]:
    return [aecg_lead(name, row, **said) for name, row in rows.items()]  # type: ignore[arg-type]


def rhythm(rows: Units = ROWS, **said: object) -> str:
    return aecg_series(aecg_set(leads(rows, **said)))


def test_twelve_leads_are_read_in_millivolts() -> None:
    recording = read(make_aecg())
    assert recording.leads == LEADS
    assert recording.format == "aecg"
    assert recording.sampling_rate_hz == 500.0
    assert recording.notes == ()
    np.testing.assert_array_equal(recording.samples_mv, EXPECTED_MV)
    assert check_recording(recording).acceptable


@pytest.mark.parametrize(
    ("scale", "unit"),
    [(5000, "nV"), (5, "uV"), ("5.0", "\u00b5V"), (5, "\u03bcV"), ("0.005", "mV"), ("5e-6", "V")],
)
def test_every_unit_gives_the_same_millivolts(scale: object, unit: str) -> None:
    recording = read(make_aecg(rhythm(scale=scale, unit=unit)))
    np.testing.assert_array_equal(recording.samples_mv, EXPECTED_MV)


@pytest.mark.parametrize(("origin", "unit"), [(100, "uV"), ("0.1", "mV"), (100000, "nV")])
def test_origin_is_added_in_its_own_unit(origin: object, unit: str) -> None:
    recording = read(make_aecg(rhythm(origin=origin, origin_unit=unit)))
    np.testing.assert_allclose(recording.samples_mv, EXPECTED_MV + 0.1, atol=1e-6)


def test_origin_of_zero_needs_no_unit() -> None:
    recording = read(make_aecg(rhythm(origin=0, origin_unit="")))
    np.testing.assert_array_equal(recording.samples_mv, EXPECTED_MV)


@pytest.mark.parametrize(
    ("increment", "unit"), [("0.002", "s"), (2, "ms"), ("2.0", "ms"), (2000, "us"), ("2e-3", "s")]
)
def test_increment_gives_the_rate_in_any_unit(increment: object, unit: str) -> None:
    series = aecg_series(aecg_set(leads(), increment=increment, unit=unit))
    assert read(make_aecg(series)).sampling_rate_hz == 500.0


def test_rate_is_not_rounded() -> None:
    series = aecg_series(aecg_set(leads(), increment="0.001667"))
    assert read(make_aecg(series)).sampling_rate_hz == pytest.approx(599.88, abs=1e-3)


def test_decimal_digits_are_read() -> None:
    halves = {name: row / 2 for name, row in ROWS.items()}
    recording = read(make_aecg(rhythm(halves, scale=10)))  # type: ignore[arg-type]
    np.testing.assert_array_equal(recording.samples_mv, EXPECTED_MV)


def test_relative_time_beside_derived_beats_is_the_rhythm() -> None:
    beat = aecg_set(leads({name: row[:600] for name, row in ROWS.items()}))
    sets = aecg_set(leads(), time_code="TIME_RELATIVE", head="0")
    recording = read(make_aecg(aecg_series(sets, derived=beat)))
    assert recording.duration_s == 10.0
    assert note_codes(recording) == [NoteCode.WAVEFORM_LEFT_OUT]


def test_representative_beats_before_the_rhythm_are_left_out() -> None:
    beat = aecg_set(leads({name: row[:600] for name, row in ROWS.items()}))
    recording = read(make_aecg(aecg_series(beat, code="REPRESENTATIVE_BEAT"), rhythm()))
    np.testing.assert_array_equal(recording.samples_mv, EXPECTED_MV)
    assert note_codes(recording) == [NoteCode.WAVEFORM_LEFT_OUT]


@pytest.mark.parametrize("namespace", ["urn:hl7-org:v3", "urn:hl7-org:v2", "", "anything"])
def test_namespace_does_not_matter(namespace: str) -> None:
    assert read(make_aecg(namespace=namespace)).leads == LEADS


def test_prefixed_elements_are_read() -> None:
    text = make_aecg().decode().replace("<", "<hl7:").replace("<hl7:/", "</hl7:")
    text = text.replace("<hl7:?xml", "<?xml").replace("xmlns=", "xmlns:hl7=")
    np.testing.assert_array_equal(read(text.encode()).samples_mv, EXPECTED_MV)


@pytest.mark.parametrize("identifier", ["755.3045256.2025923.103550", "", "no uuid"])
def test_identifier_need_be_no_uuid(identifier: str) -> None:
    assert read(make_aecg(identifier=identifier)).leads == LEADS


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_comments_may_stand_before_the_root(encoding: str) -> None:
    prologue = '<?xml version="1.0"?>\n' + "<!-- Sample Annotated ECG -->\n" * 200
    text = make_aecg(prologue=prologue).decode()
    assert read(text.encode(encoding)).leads == LEADS


def test_absolute_and_relative_time_may_stand_beside_each_other() -> None:
    relative = aecg_set([], time_code="TIME_RELATIVE", head="0")
    time = relative.partition("<sequenceSet>")[2].partition("</sequenceSet>")[0]
    recording = read(make_aecg(aecg_series(aecg_set([time, *leads()]))))
    np.testing.assert_array_equal(recording.samples_mv, EXPECTED_MV)


def test_leads_split_over_sets_of_one_time_are_joined() -> None:
    sets = [aecg_set(leads({name: ROWS[name]})) for name in LEADS]
    joined = [read(make_aecg(aecg_series(*sets))), read(make_aecg(*map(aecg_series, sets)))]
    for recording in joined:
        assert recording.leads == LEADS
        np.testing.assert_array_equal(recording.samples_mv, EXPECTED_MV)


def test_lead_codes_of_other_makers_and_cases_are_read() -> None:
    codes = [f"MINDRAY_ECG_LEAD_{name}" for name in LEADS[:6]] + list(LEADS[6:])
    rows = dict(zip(codes, ROWS.values(), strict=True))
    assert read(make_aecg(rhythm(rows))).leads == LEADS


def test_surplus_leads_are_left_out_and_named() -> None:
    surplus = {"V3R": ROWS["V1"], "AVRNEG": ROWS["aVR"], "MEIER_ECG_LEAD_MEIER": ROWS["V1"]}
    recording = read(make_aecg(rhythm(ROWS | surplus)))
    assert recording.leads == LEADS
    (note,) = recording.notes
    assert note.code is NoteCode.LEAD_LEFT_OUT
    assert "V3R, -aVR, 1 other signal" in note.detail
    assert "MEIER" not in note.detail


def test_sequences_of_something_else_are_no_leads() -> None:
    others = aecg_lead("MDC_RESP_RATE", [1, 2, 3])
    series = aecg_series(aecg_set([*leads(), others]))
    assert read(make_aecg(series)).leads == LEADS


def test_calibration_pulse_of_a_converted_file_is_removed() -> None:
    recording = read(make_aecg(rhythm(with_pulse(ROWS))))
    np.testing.assert_array_equal(recording.samples_mv, EXPECTED_MV)
    assert note_codes(recording) == [NoteCode.CALIBRATION_PULSE_REMOVED]


@pytest.mark.parametrize(
    ("birth", "warned"),
    [("19900101", False), ("19850101120000", False), ("20000101", True), ("", False), ("?", False)],
)
def test_child_is_warned_of_without_the_age(birth: str, warned: bool) -> None:
    recording = read(make_aecg(birth=birth, acquired="20100601"))
    expected = [NoteCode.OUTSIDE_TRAINING_POPULATION] if warned else []
    assert note_codes(recording) == expected
    assert not any("10" in note.detail for note in recording.notes)


def test_statement_of_a_pacemaker_is_warned_of() -> None:
    said = tag("code", code="MDC_ECG_INTERPRETATION_STATEMENT") + tag("value", "Paced rhythm")
    recording = read(make_aecg(extra=tag("annotation", said)))
    assert note_codes(recording) == [NoteCode.PACED_PATIENT]


def test_reported_age_counts_before_the_birth() -> None:
    age = tag("code", code="21612-7") + tag("value", value=30, unit="mo")
    recording = read(make_aecg(birth="19500101", extra=tag("annotation", age)))
    assert note_codes(recording) == [NoteCode.OUTSIDE_TRAINING_POPULATION]
