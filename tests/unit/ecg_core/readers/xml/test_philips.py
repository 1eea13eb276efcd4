"""Philips Sierra XML: versions, compression, residuals, the calibration pulse."""

import numpy as np
import pytest

from ecg_core.leads import LEADS
from ecg_core.quality import check_recording
from ecg_core.recording import NoteCode, Recording
from tests.support.philips_files import make_philips, with_pulse
from tests.support.reading import note_codes, read
from tests.support.recordings import make_recording
from tests.support.xml_files import Units, stored_units, tag

ROWS = stored_units()
EXPECTED_MV = np.stack([ROWS[lead] * 0.005 for lead in LEADS]).astype(np.float32)
BIRTH = tag("age", tag("dateofbirth", "2004-05-17"), defaultage=50)


def noisy(seed: int, size: int = 300, samples: int = 5000) -> Units:
    """Leads that follow from nothing, so that every residual is one."""
    random = np.random.default_rng(seed)
    return {lead: random.integers(-size, size, samples) for lead in LEADS}


def assert_holds(recording: Recording, rows: Units, samples: int = 5000) -> None:
    expected_mv = np.stack([rows[lead][:samples] * 0.005 for lead in recording.leads])
    np.testing.assert_array_equal(recording.samples_mv, expected_mv.astype(np.float32))


@pytest.mark.parametrize("version", ["1.03", "1.04", "1.04.01", "1.04.02"])
@pytest.mark.parametrize(
    ("compression", "encoding"), [("XLI", "Base64"), ("", "Base64"), ("", "Plain")]
)
def test_every_version_and_storage_is_read(version: str, compression: str, encoding: str) -> None:
    recording = read(make_philips(version=version, compression=compression, encoding=encoding))
    assert recording.leads == LEADS
    assert recording.format == "philips"
    assert recording.sampling_rate_hz == 500.0
    np.testing.assert_array_equal(recording.samples_mv, EXPECTED_MV)
    assert note_codes(recording) == [NoteCode.CALIBRATION_PULSE_REMOVED]
    assert check_recording(recording).acceptable


@pytest.mark.parametrize("word", ["Uncompressed", "none", "NONE"])
def test_uncompressed_may_be_said_in_words(word: str) -> None:
    content = make_philips(compression="", compressmethod=word)
    np.testing.assert_array_equal(read(content).samples_mv, EXPECTED_MV)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_every_encoding_is_read(encoding: str) -> None:
    content = make_philips(document_encoding=encoding)
    np.testing.assert_array_equal(read(content).samples_mv, EXPECTED_MV)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b"\r\n  "])
def test_utf_16_may_be_declared_of_utf_8(mark: bytes) -> None:
    text = make_philips(document_encoding="utf-8").replace(b'"utf-8"', b'"UTF-16"')
    np.testing.assert_array_equal(read(mark + text).samples_mv, EXPECTED_MV)


@pytest.mark.parametrize("seed", range(5))
def test_leads_of_any_residuals_come_back(seed: int) -> None:
    rows = noisy(seed)
    assert_holds(read(make_philips(with_pulse(rows))), rows)


def test_odd_sums_are_halved_towards_zero() -> None:
    """As in real files: whose augmented leads are within half a step only so."""
    odd = noisy(7) | {"I": np.full(5000, -3), "II": np.full(5000, 6)}
    odd["III"] = odd["II"] - odd["I"]  # 9: I - III is -12, II + III is 15, I + II is 3
    odd |= {"aVR": np.full(5000, -1), "aVL": np.full(5000, -6), "aVF": np.full(5000, 7)}
    assert_holds(read(make_philips(with_pulse(odd))), odd)
    negative = {lead: -row for lead, row in odd.items()}
    assert_holds(read(make_philips(with_pulse(negative))), negative)


def test_differences_beyond_16_bits_wrap_as_the_devices_do() -> None:
    jumps = np.where(np.arange(5000) % 3 == 0, 30_000, -30_000)
    rows = noisy(3) | {"V1": jumps, "V6": -jumps}
    assert_holds(read(make_philips(with_pulse(rows))), rows)


def test_calibration_pulse_is_removed_with_its_second() -> None:
    recording = read(make_philips())
    assert recording.duration_s == 10.0
    (note,) = recording.notes
    assert note.code is NoteCode.CALIBRATION_PULSE_REMOVED


def test_recording_without_a_pulse_keeps_all_its_samples() -> None:
    eleven = stored_units(make_recording(duration_s=11.0))
    for rows, duration_s in ((ROWS, 10.0), (eleven, 11.0)):
        recording = read(make_philips(rows))
        assert recording.duration_s == duration_s
        assert recording.notes == ()
        assert_holds(recording, rows, 5500)


def cut(rows: Units) -> Units:
    return {lead: row[:5440] for lead, row in rows.items()}


def in_one_lead_only(rows: Units) -> Units:
    return rows | {"V6": np.concatenate((ROWS["V6"], ROWS["V6"][:500]))}


def lower(_rows: Units) -> Units:
    return with_pulse(ROWS, height=100)


def shifted(rows: Units) -> Units:
    return {lead: np.roll(row, -60) for lead, row in rows.items()}


@pytest.mark.parametrize("change", [cut, in_one_lead_only, lower, shifted])
def test_what_is_no_whole_pulse_is_kept(change: object) -> None:
    rows = change(with_pulse(ROWS))  # type: ignore[operator]
    recording = read(make_philips(rows))
    assert recording.notes == ()
    assert_holds(recording, rows, 5500)


def test_pulse_is_found_at_other_rates_and_resolutions() -> None:
    recording = make_recording(sampling_rate_hz=1000.0)
    rows = with_pulse(stored_units(recording, 0.0025), 1000, 400)
    content = make_philips(rows, samplespersecond=1000, resolution="2.5", durationperchannel=11000)
    read_back = read(content)
    assert (read_back.sampling_rate_hz, read_back.duration_s) == (1000.0, 10.0)
    np.testing.assert_allclose(read_back.samples_mv, recording.samples_mv, atol=0.00126)


def test_fifteen_leads_are_read_and_the_surplus_ones_named() -> None:
    surplus = {lead: np.zeros(5000, np.int64) for lead in ("V3R", "V4R", "V7")}
    recording = read(make_philips(with_pulse(ROWS | surplus)))
    np.testing.assert_array_equal(recording.samples_mv, EXPECTED_MV)
    assert note_codes(recording) == [
        NoteCode.LEAD_LEFT_OUT,
        NoteCode.CALIBRATION_PULSE_REMOVED,
    ]
    assert "V3R, V4R, V7" in recording.notes[0].detail


def test_leads_may_be_spelt_otherwise() -> None:
    labels = "I II III AVR AVL AVF " + " ".join(LEADS[6:])
    recording = read(make_philips(leadlabels=labels))
    assert recording.leads == LEADS
    np.testing.assert_array_equal(recording.samples_mv, EXPECTED_MV)


def test_leads_in_another_order_are_read_where_they_are_not_compressed() -> None:
    turned = with_pulse(dict(reversed(ROWS.items())))
    recording = read(make_philips(turned, compression=""))
    assert recording.leads == LEADS[::-1]
    assert_holds(recording, ROWS)


def test_offset_is_the_value_of_zero_volts() -> None:
    rows = {lead: row + 40 for lead, row in ROWS.items()}
    recording = read(make_philips(rows, compression="", signaloffset=40))
    np.testing.assert_array_equal(recording.samples_mv, EXPECTED_MV)


def test_unsigned_samples_are_read_as_such() -> None:
    rows = {lead: row + 33_000 for lead, row in ROWS.items()}
    content = make_philips(rows, compression="", signalsigned=False, signaloffset=33_000)
    np.testing.assert_array_equal(read(content).samples_mv, EXPECTED_MV)


def test_representative_beats_are_left_out_and_named() -> None:
    recording = read(make_philips(extra="<repbeats><repbeat/></repbeats>"))
    assert NoteCode.WAVEFORM_LEFT_OUT in note_codes(recording)


@pytest.mark.parametrize(
    ("patient", "codes"),
    [
        (tag("pacestatus", "Unknown"), []),
        (tag("pacestatus", "No"), []),
        (tag("pacestatus", "Paced"), [NoteCode.PACED_PATIENT]),
        (tag("pacestatus", "Yes"), [NoteCode.PACED_PATIENT]),
        (tag("age", tag("years", 9)), [NoteCode.OUTSIDE_TRAINING_POPULATION]),
        (tag("age", tag("years", 50)), []),
        (tag("age", "", defaultage=5), []),
        (BIRTH, [NoteCode.OUTSIDE_TRAINING_POPULATION]),
        (BIRTH.replace("2004", "1951"), []),
        (BIRTH.replace("2004", "20O4"), []),
    ],
)
def test_children_and_pacemakers_are_warned_of(patient: str, codes: list[NoteCode]) -> None:
    recording = read(make_philips(patient=patient))
    assert note_codes(recording)[1:] == codes


def test_statement_of_a_pacemaker_is_warned_of() -> None:
    text = tag("leftstatement", "Ventricular-paced complexes")
    recording = read(make_philips(extra=tag("interpretation", text)))
    assert NoteCode.PACED_PATIENT in note_codes(recording)


def test_nothing_of_the_patient_survives() -> None:
    patient = tag("patientid", "PHI-4711") + tag("name", tag("lastname", "Meier"))
    recording = read(make_philips(patient=patient))
    assert not any(word in repr(recording) for word in ("4711", "Meier"))
