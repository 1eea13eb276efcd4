"""SCP-ECG: what records differ in, and must come to the same millivolts."""

from struct import pack, pack_into

import numpy as np
import pytest

from ecg_core.leads import LEADS
from ecg_core.quality import check_recording
from ecg_core.recording import NoteCode, Recording
from tests.support.format_mutations import resealed_scp
from tests.support.reading import note_codes, read
from tests.support.recordings import make_recording
from tests.support.scp_files import (
    DEFAULT_CODES,
    Code,
    make_scp,
    patient_section,
    tables_section,
)
from tests.support.xml_files import EIGHT_LEADS, Units, stored_units

ROWS = {lead: stored_units()[lead] for lead in EIGHT_LEADS}
EXPECTED_MV = np.stack([ROWS[lead] * 0.005 for lead in EIGHT_LEADS]).astype(np.float32)
SMALL = {lead: row[:40] for lead, row in ROWS.items()}
OWN_CODES = (
    Code("0", 0),
    Code("10", 1),
    Code("110", -1),
    Code("1110", 0, 5),
    Code("1111", 0, 16),
)


def assert_holds(recording: Recording, rows: Units, mv_per_unit: float = 0.005) -> None:
    expected_mv = np.stack([rows[lead] * mv_per_unit for lead in recording.leads])
    np.testing.assert_array_equal(recording.samples_mv, expected_mv.astype(np.float32))


@pytest.mark.parametrize("times", [0, 1, 2])
@pytest.mark.parametrize("codes", [DEFAULT_CODES, OWN_CODES, None], ids=["default", "own", "plain"])
def test_every_compression_is_read(times: int, codes: tuple[Code, ...] | None) -> None:
    recording = read(make_scp(times=times, codes=codes))
    assert recording.leads == EIGHT_LEADS
    assert recording.format == "scp"
    assert recording.sampling_rate_hz == 500.0
    assert recording.notes == ()
    assert_holds(recording, ROWS)
    assert check_recording(recording).acceptable


def test_all_twelve_leads_may_be_stored() -> None:
    rows = stored_units()
    recording = read(make_scp(rows))
    assert recording.leads == LEADS
    assert_holds(recording, rows)


@pytest.mark.parametrize("nv_per_unit", [1000, 2500, 3750, 4880, 5000])
def test_multiplier_is_in_nanovolts(nv_per_unit: int) -> None:
    assert_holds(read(make_scp(nv_per_unit=nv_per_unit)), ROWS, nv_per_unit / 1e6)


@pytest.mark.parametrize(
    ("interval_us", "rate_hz"), [(2000, 500.0), (1667, 599.880024), (4000, 250.0), (1000, 1000.0)]
)
def test_rate_follows_from_the_interval_and_is_not_rounded(
    interval_us: int, rate_hz: float
) -> None:
    recording = read(make_scp(interval_us=interval_us))
    assert recording.sampling_rate_hz == pytest.approx(rate_hz, abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [5, 200, 30_000])
def test_codes_of_every_length_come_back(seed: int, size: int) -> None:
    random = np.random.default_rng(seed)
    rows = {lead: random.integers(-size, size, 3000) for lead in EIGHT_LEADS}
    assert_holds(read(make_scp(rows, times=0)), rows)


def test_differences_beyond_16_bits_wrap() -> None:
    jumps = np.where(np.arange(3000) % 2 == 0, 30_000, -30_000)
    rows = dict.fromkeys(EIGHT_LEADS, jumps)
    assert_holds(read(make_scp(rows, times=1, codes=None)), rows)
    assert_holds(read(make_scp(rows, times=2, codes=None)), rows)


def test_codes_may_lead_to_another_table() -> None:
    """The first table holds 0 and the way to the second, which holds the rest and the way back."""
    first = [Code("0", 0), Code("1", 2, is_switch=True)]
    second = [
        *(Code("00", 1), Code("01", -1), Code("100", 0, 16)),
        *(Code("101", 0, 4), Code("11", 1, is_switch=True)),
    ]
    row = np.array([0, 0, 1, -1, 300, 0, 0, 7, -7, 1, 0], np.int64)
    words = {0: "0", 1: "00", -1: "01"}
    bits = ""
    in_second = False
    for value in row.tolist():
        if (value != 0) is not in_second:
            bits += "11" if in_second else "1"
            in_second = not in_second
        if abs(value) > 7:
            bits += f"100{value % 65536:016b}"
        else:
            bits += words.get(value) or f"101{value % 16:04b}"
    bits += "0" * (-len(bits) % 16)
    packed = int(bits, 2).to_bytes(len(bits) // 8, "big")
    rhythm = pack("<HHBB", 5000, 2000, 0, 0) + pack("<H", len(packed)) + packed
    content = make_scp({"I": row}, times=0, changed={2: tables_section(first, second), 6: rhythm})
    assert_holds(read(content), {"I": row})


def test_leads_longer_than_their_size_can_say_are_read() -> None:
    """65,535 bytes are 65 s of plain samples at 500 Hz: the size wraps."""
    long = stored_units(make_recording(duration_s=140.0, leads=("I", "II", "V1")))
    assert_holds(read(make_scp(long, codes=None, times=0)), long)
    random = np.random.default_rng(1)
    noisy = {lead: random.integers(-3000, 3000, 70_000) for lead in ("I", "II", "V1")}
    assert_holds(read(make_scp(noisy, times=0)), noisy)


@pytest.mark.parametrize("codes", [DEFAULT_CODES, None])
def test_samples_may_be_counted_from_zero(codes: tuple[Code, ...] | None) -> None:
    random = np.random.default_rng(0)
    rows = {lead: random.integers(-99, 99, 5000) for lead in EIGHT_LEADS}
    assert_holds(read(make_scp(rows, first=0, codes=codes)), rows)
    # Some give the number of samples as that of the last one.
    plain = read(make_scp(first=0, last=5000, codes=None))
    assert_holds(plain, ROWS)


@pytest.mark.parametrize("times", [0, 1, 2])
def test_one_sample_too_many_is_not_made_of_what_fills_up_a_word(times: int) -> None:
    rows = {lead: row[:4001] for lead, row in ROWS.items()}
    recording = read(make_scp(rows, first=0, last=4001, times=times))
    assert recording.samples_mv.shape[1] == 4001
    assert_holds(recording, rows)


def test_sections_of_manufacturers_are_not_looked_at() -> None:
    content = bytearray(make_scp())
    pack_into("<HII", content, 22 + 10 * 9, 200, 5, 3)  # in the place of section 9's pointer
    assert_holds(read(resealed_scp(bytes(content))), ROWS)


def test_first_sample_may_be_any_where_all_leads_share_it() -> None:
    assert_holds(read(make_scp(first=101)), ROWS)


@pytest.mark.parametrize("flags", [0x44, 0x04, 0x40, 0x00])
def test_leads_are_simultaneous_unless_it_is_said_otherwise(flags: int) -> None:
    assert_holds(read(make_scp(flags=flags)), ROWS)


def test_reference_beat_is_left_out_and_named() -> None:
    recording = read(make_scp(changed={5: bytes(40)}))
    assert note_codes(recording) == [NoteCode.WAVEFORM_LEFT_OUT]
    assert "reference beat" in recording.notes[0].detail


def test_missing_leads_are_told_by_name() -> None:
    """As in a real set with V3R and V7, and without V3 and V5."""
    rows = {lead: ROWS[lead] for lead in ("I", "II", "V1", "V2", "V4", "V6")}
    recording = read(make_scp(rows | {"V3R": ROWS["V1"], "V7": ROWS["V6"]}))
    assert "V3R, V7" in recording.notes[0].detail
    report = check_recording(recording, allow_missing_leads=True)
    missing = [warning.lead for warning in report.warnings if warning.code == "missing_lead"]
    assert missing == ["V3", "V5"]


def test_zeros_behind_the_record_do_not_matter() -> None:
    assert_holds(read(make_scp() + bytes(512)), ROWS)


def years(age: int, unit: int = 1) -> bytes:
    return pack("<HB", age, unit)


@pytest.mark.parametrize(
    ("tags", "codes"),
    [
        ({4: years(17)}, [NoteCode.OUTSIDE_TRAINING_POPULATION]),
        ({4: years(18)}, []),
        ({4: years(30, 2)}, [NoteCode.OUTSIDE_TRAINING_POPULATION]),
        ({4: years(0)}, []),
        ({4: years(5, 0)}, []),
        ({4: b"\x05"}, []),
        (
            {5: pack("<HBB", 1990, 5, 8), 25: pack("<HBB", 2002, 11, 22)},
            [NoteCode.OUTSIDE_TRAINING_POPULATION],
        ),
        (
            {5: pack(">HBB", 1990, 5, 8), 25: pack(">HBB", 2002, 11, 22)},
            [NoteCode.OUTSIDE_TRAINING_POPULATION],
        ),
        ({5: pack("<HBB", 1953, 5, 8), 25: pack("<HBB", 2002, 11, 22)}, []),
        ({5: pack("<HBB", 1990, 0, 0), 25: pack("<HBB", 2002, 11, 22)}, []),
        ({5: b"", 25: pack("<HBB", 2002, 11, 22)}, []),
        ({32: bytes((0, 1, 42))}, [NoteCode.PACED_PATIENT]),
        ({32: bytes((1, 42))}, []),
        ({32: bytes((0, 41))}, []),
    ],
)
def test_children_and_pacemakers_are_warned_of(
    tags: dict[int, bytes], codes: list[NoteCode]
) -> None:
    recording = read(make_scp(SMALL, changed={1: patient_section(tags)}))
    assert note_codes(recording) == codes


def test_spikes_of_a_pacemaker_are_warned_of() -> None:
    recording = read(make_scp(SMALL, changed={7: bytes((1, 3, 0, 0))}))
    assert note_codes(recording) == [NoteCode.PACED_PATIENT]
    assert read(make_scp(SMALL, changed={7: bytes((1, 0, 0, 0))})).notes == ()


@pytest.mark.parametrize("section", [b"", b"\x04", b"\x04\xff\xff", bytes(200), b"\xff" * 30])
def test_broken_patient_data_do_not_matter(section: bytes) -> None:
    assert read(make_scp(SMALL, changed={1: section, 7: b""})).notes == ()


def test_nothing_of_the_patient_survives() -> None:
    tags = {0: b"Meier\0", 2: b"PHI-4711\0", 4: years(58)}
    recording = read(make_scp(SMALL, changed={1: patient_section(tags)}))
    assert not any(word in repr(recording) for word in ("4711", "Meier", "58"))
