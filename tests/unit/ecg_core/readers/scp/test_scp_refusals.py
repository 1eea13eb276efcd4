"""SCP-ECG records that cannot be read as they stand: refused for what is wrong with them."""

from binascii import crc_hqx
from struct import pack, pack_into
from time import process_time

import numpy as np
import pytest

from ecg_core.errors import FaultCode, UnsupportedFormat
from tests.support.reading import read, upload
from tests.support.refusals import Refusal
from tests.support.scp_files import (
    DEFAULT_TABLES,
    Code,
    leads_section,
    make_scp,
    record,
    rhythm_section,
    section,
    tables_section,
)
from tests.support.xml_files import stored_units

ROWS = {lead: stored_units()[lead][:500] for lead in ("I", "II", "V1")}
SOUND = make_scp(ROWS)


def checked(content: bytearray) -> bytes:
    """With the checksum of the whole record made right again."""
    pack_into("<H", content, 0, crc_hqx(bytes(content[2:]), 0xFFFF))
    return bytes(content)


def altered(place: int, value: bytes) -> bytes:
    content = bytearray(SOUND)
    content[place : place + len(value)] = value
    return checked(content)


def test_any_byte_that_changes_breaks_a_checksum(refused: Refusal) -> None:
    places = [*range(6), *range(16, 22), 40, 160, 200, 400, len(SOUND) - 1]
    for place in places:
        content = bytearray(SOUND)
        content[place] ^= 0x10
        refused(upload(bytes(content)), FaultCode.MALFORMED_FILE)


def test_section_that_does_not_match_its_own_checksum_is_refused(refused: Refusal) -> None:
    content = bytearray(SOUND)
    content[-1] ^= 0x10
    refused(upload(checked(content)), FaultCode.MALFORMED_FILE)


def test_record_that_is_cut_off_is_refused_wherever(refused: Refusal) -> None:
    for length in range(40, len(SOUND), 97):
        refused(upload(SOUND[:length]), FaultCode.MALFORMED_FILE)


@pytest.mark.parametrize("trailer", [b"\x01", SOUND])
def test_something_behind_the_record_is_refused(refused: Refusal, trailer: bytes) -> None:
    refused(upload(SOUND + trailer), FaultCode.MALFORMED_FILE)


def test_pointers_that_count_from_zero_are_told_apart_and_refused(refused: Refusal) -> None:
    refused(upload(altered(28, pack("<I", 6))), FaultCode.MALFORMED_FILE)


def with_pointer(number: int, length: int, place: int) -> bytes:
    """The sound record, its pointer at that section replaced, all checksums right."""
    content = bytearray(SOUND)
    pack_into("<HII", content, 22 + 10 * number, number, length, place)
    size = 16 + 10 * 12
    pack_into("<H", content, 6, crc_hqx(bytes(content[8 : 6 + size]), 0xFFFF))
    return checked(content)


@pytest.mark.parametrize(
    ("length", "place"),
    [
        (100, 1),
        (100, 0),
        (100, 0xFFFFFFFF),
        (0xFFFFFFF0, 143),
        (100, 143),
        (16, len(SOUND)),
        (16, len(SOUND) - 3),
    ],
)
def test_pointer_to_nowhere_is_refused(refused: Refusal, length: int, place: int) -> None:
    refused(upload(with_pointer(6, length, place)), FaultCode.MALFORMED_FILE)


def test_millions_of_pointers_are_refused(refused: Refusal) -> None:
    listed = pack("<HII", 0, 0, 7) + pack("<HII", 200, 5, 3) * 3_000_000
    body = pack("<I", 22 + len(listed)) + section(0, listed)
    content = pack("<H", crc_hqx(body, 0xFFFF)) + body
    refused(upload(content), FaultCode.MALFORMED_FILE)


def test_millions_of_tags_and_of_stray_bytes_cost_little(refused: Refusal) -> None:
    tags = pack("<BH", 10, 0) * 5_000_000
    refused(upload(make_scp(ROWS, changed={1: tags, 3: None})), FaultCode.MALFORMED_FILE)
    started = process_time()
    assert read(make_scp(ROWS, changed={1: tags})).leads == ("I", "II", "V1")
    assert process_time() - started < 2.0
    # 255 leads that do not fit, before bytes that could be theirs
    body = rhythm_section([b""] * 255) + b"\xff" * 25_000_000
    content = make_scp(ROWS, changed={3: leads_section([1] * 255, 1, 500), 6: body})
    refused(upload(content), FaultCode.MALFORMED_FILE)


def test_section_that_is_listed_twice_is_refused(refused: Refusal) -> None:
    content = bytearray(SOUND)
    content[22 + 40 : 22 + 50] = content[22 + 30 : 22 + 40]
    pack_into("<H", content, 6, crc_hqx(bytes(content[8 : 6 + 136]), 0xFFFF))
    refused(upload(checked(content)), FaultCode.MALFORMED_FILE)


@pytest.mark.parametrize("missing", [3, 6])
def test_record_without_leads_or_rhythm_is_refused(refused: Refusal, missing: int) -> None:
    refused(upload(make_scp(ROWS, changed={missing: None})), FaultCode.MALFORMED_FILE)


def test_reference_beat_subtraction_is_refused_by_name(refused: Refusal) -> None:
    error = refused(upload(make_scp(ROWS, flags=0x05)), FaultCode.UNSUPPORTED_CONTENT)
    assert "reference beat" in error.faults[0].detail


def test_bimodal_compression_is_refused_by_name(refused: Refusal) -> None:
    error = refused(upload(make_scp(ROWS, bimodal=1)), FaultCode.UNSUPPORTED_CONTENT)
    assert "bimodal" in error.faults[0].detail


def test_third_differences_are_refused(refused: Refusal) -> None:
    body = rhythm_section([bytes(1000)] * 3, times=3)
    refused(upload(make_scp(ROWS, changed={6: body})), FaultCode.UNSUPPORTED_CONTENT)


@pytest.mark.parametrize(
    ("nv_per_unit", "interval_us", "codes"),
    [
        (0, 2000, [FaultCode.IMPLAUSIBLE_GAIN] * 3),
        (5000, 0, [FaultCode.MISSING_SAMPLING_RATE]),
        (5000, 65535, [FaultCode.IMPLAUSIBLE_SAMPLING_RATE]),
        (5000, 100, [FaultCode.IMPLAUSIBLE_SAMPLING_RATE]),
    ],
)
def test_multiplier_or_interval_of_nothing_is_refused(
    refused: Refusal, nv_per_unit: int, interval_us: int, codes: list[FaultCode]
) -> None:
    content = make_scp(ROWS, nv_per_unit=nv_per_unit, interval_us=interval_us)
    refused(upload(content), *codes)


@pytest.mark.parametrize("last", [400, 499, 501, 600, 60_000])
def test_other_number_of_plain_samples_than_declared_is_refused(
    refused: Refusal, last: int
) -> None:
    refused(upload(make_scp(ROWS, codes=None, last=last)), FaultCode.MALFORMED_FILE)


@pytest.mark.parametrize("last", [400, 600, 60_000])  # a bit more may be hidden in a word's rest
def test_other_number_of_codes_than_declared_is_refused(refused: Refusal, last: int) -> None:
    refused(upload(make_scp(ROWS, last=last)), FaultCode.MALFORMED_FILE)


@pytest.mark.parametrize("last", [0xFFFFFFFF, 4_000_000])
def test_bomb_of_samples_is_refused_before_it_unpacks(refused: Refusal, last: int) -> None:
    refused(upload(make_scp(ROWS, last=last)), FaultCode.TOO_LONG)


def test_longest_record_that_is_read_is_refused_soon_where_it_is_broken(refused: Refusal) -> None:
    zeros = bytes(4_000_000 // 8 - 1)  # a sample a bit, and the last ones missing
    body = pack("<HHBBH", 5000, 2000, 2, 0, len(zeros) % 65536) + zeros
    content = make_scp({"I": ROWS["I"]}, last=4_000_000, changed={6: body})
    refused(upload(content), FaultCode.MALFORMED_FILE)


def test_leads_of_different_stretches_are_refused(refused: Refusal) -> None:
    body = bytes((2, 0x04)) + pack("<IIB", 1, 500, 1) + pack("<IIB", 501, 1000, 2)
    refused(upload(make_scp(ROWS, changed={3: body})), FaultCode.LEADS_NOT_SIMULTANEOUS)


def test_leads_of_which_not_all_are_simultaneous_are_refused(refused: Refusal) -> None:
    content = make_scp(ROWS, flags=2 << 3)
    refused(upload(content), FaultCode.LEADS_NOT_SIMULTANEOUS)


@pytest.mark.parametrize("body", [b"", b"\x08", b"\x08\x04", bytes((0, 4)), bytes((200, 4)) * 20])
def test_broken_list_of_leads_is_refused(refused: Refusal, body: bytes) -> None:
    refused(upload(make_scp(ROWS, changed={3: body})), FaultCode.MALFORMED_FILE)


def test_leads_that_end_before_they_begin_are_refused(refused: Refusal) -> None:
    refused(upload(make_scp(ROWS, first=600, last=500)), FaultCode.MALFORMED_FILE)


def test_unknown_leads_alone_are_refused(refused: Refusal) -> None:
    body = leads_section([70, 184, 255], 1, 500)
    refused(upload(make_scp(ROWS, changed={3: body})), FaultCode.UNKNOWN_LEAD)


def test_lead_that_is_there_twice_is_refused(refused: Refusal) -> None:
    body = leads_section([1, 2, 2], 1, 500)
    refused(upload(make_scp(ROWS, changed={3: body})), FaultCode.DUPLICATE_LEAD)


@pytest.mark.parametrize("body", [b"", b"\x88\x13", pack("<HHBB", 5000, 2000, 2, 0) + b"\x01"])
def test_rhythm_that_is_cut_off_is_refused(refused: Refusal, body: bytes) -> None:
    refused(upload(make_scp(ROWS, changed={6: body})), FaultCode.MALFORMED_FILE)


@pytest.mark.parametrize(
    "tables",
    [
        b"",
        pack("<H", 0),
        pack("<H", 9),
        pack("<HH", 1, 3),
        pack("<HH", 1, 65535),
        tables_section([Code("0", 0), Code("01", 1)]),
        tables_section([Code("0" * 17, 0)]),
        tables_section([Code("0", 0, 17)]),
        tables_section([Code("0", 3, is_switch=True)]),
        tables_section([Code("0", 0, is_switch=True)]),
        tables_section([Code("0", 1, 4, is_switch=True)]),
        tables_section([Code("0" * 15 + "1", 0)]),
        tables_section([]),
        pack("<HHBBBhI", 1, 1, 0, 0, 1, 0, 0),
    ],
    ids=range(14),
)
def test_broken_huffman_tables_are_refused(refused: Refusal, tables: bytes) -> None:
    refused(upload(make_scp(ROWS, changed={2: tables})), FaultCode.MALFORMED_FILE)


def test_tables_that_lead_to_each_other_for_ever_are_refused(refused: Refusal) -> None:
    circle = tables_section([Code("0", 2, is_switch=True)], [Code("0", 1, is_switch=True)])
    body = rhythm_section([bytes(60_000)] * 16)
    codes = [*range(1, 17)]
    content = record({2: circle, 3: leads_section(codes, 1, 200_000), 6: body})
    refused(upload(content), FaultCode.MALFORMED_FILE)


def test_bytes_that_begin_no_code_are_refused(refused: Refusal) -> None:
    tables = tables_section([Code("00", 0), Code("01", 1)])
    body = rhythm_section([b"\xff" * 200] * 3)
    refused(upload(make_scp(ROWS, changed={2: tables, 6: body})), FaultCode.MALFORMED_FILE)


def test_tables_without_numbers_of_plain_samples_are_refused(refused: Refusal) -> None:
    plain = np.arange(500, dtype="<i2").tobytes()
    body = rhythm_section([plain] * 3, times=0)
    content = make_scp(ROWS, changed={2: DEFAULT_TABLES, 6: body})
    refused(upload(content), FaultCode.MALFORMED_FILE)


@pytest.mark.parametrize("content", [SOUND[:21], SOUND[:31], bytes(300), b"\xff" * 300])
def test_what_only_resembles_a_record_is_of_no_known_format(content: bytes) -> None:
    with pytest.raises(UnsupportedFormat):
        read(content)
