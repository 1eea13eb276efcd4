"""Sections 3 and 6 of SCP-ECG: which leads, and their rhythm."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import FaultCode, UnreadableRecording
from ecg_core.readers.assembly import malformed_file, unsupported_content
from ecg_core.readers.scp.huffman import decode
from ecg_core.readers.scp.huffman_tables import HuffmanTable

_LEAD = struct.Struct("<IIB")
_RHYTHM_HEADER = struct.Struct("<HHBB")
_SIZE = struct.Struct("<H")
_SIZE_WRAPS_AT = 1 << 16
_PLAIN_BYTES = 2
# A code has 16 bits at most, as many may follow, and another code may have led there.
_MOST_BYTES_A_SAMPLE = 8
# Leads are filled up to whole words.
_LONGEST_PADDING = 3
# Flags of section 3.
_REFERENCE_BEAT_SUBTRACTED = 0x01
_ALL_SIMULTANEOUS = 0x04
_SIMULTANEOUS_COUNT_SHIFT = 3


class LeadSet(NamedTuple):
    """Section 3.

    Attributes:
        codes: Of the leads, as EN 1064 numbers them.
        first, last: Numbers of the first and the last sample, the same for all leads.
    """

    codes: tuple[int, ...]
    first: int
    last: int


class Rhythm(NamedTuple):
    """The head of section 6.

    Attributes:
        nv_per_unit: Nanovolts of a stored step.
        interval_us: Microseconds between samples.
        differences: How often differences were taken, 0 to 2.
        packed: What follows: the leads' sizes and their bytes.
    """

    nv_per_unit: int
    interval_us: int
    differences: int
    packed: bytes


def read_lead_set(body: bytes) -> LeadSet:
    """Section 3, without its header.

    Raises:
        UnreadableRecording: It is cut off, its leads are not simultaneous, or beats were
            subtracted from them.
    """
    count, flags = body[0:1], body[1:2]
    if not flags or len(body) < 2 + count[0] * _LEAD.size:
        raise malformed_file("the SCP-ECG record's list of leads is cut off")
    if flags[0] & _REFERENCE_BEAT_SUBTRACTED:
        raise unsupported_content("the SCP-ECG record is compressed by reference beat subtraction")
    leads = list(_LEAD.iter_unpack(body[2 : 2 + count[0] * _LEAD.size]))
    if not leads:
        raise malformed_file("the SCP-ECG record holds no leads")
    simultaneous = flags[0] >> _SIMULTANEOUS_COUNT_SHIFT
    is_said_of_all = flags[0] & _ALL_SIMULTANEOUS or simultaneous in {0, len(leads)}
    if len({lead[:2] for lead in leads}) > 1 or not is_said_of_all:
        detail = "the leads were not recorded at the same time"
        raise UnreadableRecording.of(FaultCode.LEADS_NOT_SIMULTANEOUS, detail)
    first, last, _ = leads[0]
    if last < first:
        raise malformed_file("the SCP-ECG record's leads end before they begin")
    return LeadSet(tuple(code for *_, code in leads), first, last)


def read_rhythm(body: bytes) -> Rhythm:
    """The head of section 6, without the section's own.

    Raises:
        UnreadableRecording: It is cut off, or compressed in a way that is not read.
    """
    if len(body) < _RHYTHM_HEADER.size:
        raise malformed_file("the SCP-ECG record's rhythm is cut off")
    nv_per_unit, interval_us, differences, is_bimodal = _RHYTHM_HEADER.unpack_from(body)
    if is_bimodal:
        raise unsupported_content("the SCP-ECG record is compressed bimodally")
    if differences > 2:
        raise unsupported_content("the SCP-ECG record holds differences of differences")
    return Rhythm(nv_per_unit, interval_us, differences, body[_RHYTHM_HEADER.size :])


def samples_of(
    rhythm: Rhythm, leads: LeadSet, tables: Sequence[HuffmanTable] | None
) -> list[NDArray[np.int64]]:
    """The stored values of each lead, shape (sample,).

    Args:
        rhythm: As `read_rhythm` gives it.
        leads: As `read_lead_set` does.
        tables: The Huffman tables; None where the samples are plain integers of 16 bits.

    Raises:
        UnreadableRecording: A lead's bytes are not what is declared.
    """
    count = leads.last - leads.first + 1
    # Some count samples from 0, and give as the last one how many there are.
    is_unsure = leads.first == 0 and leads.last > 0
    # Plain samples are as many as there are bytes; codes may end in the rest of a word.
    may_end_in_padding = is_unsure and tables is not None
    try:
        rows = _stored(rhythm, len(leads.codes), count, tables)
    except UnreadableRecording:
        if not is_unsure:
            raise
        rows = _stored(rhythm, len(leads.codes), count - 1, tables)
    else:
        if may_end_in_padding and not any(row[-1] for row in rows):
            rows = [row[:-1] for row in rows]
    return [_undo_differences(row, rhythm.differences) for row in rows]


def _stored(
    rhythm: Rhythm, lead_count: int, count: int, tables: Sequence[HuffmanTable] | None
) -> list[NDArray[np.int64]]:
    sizes_end = lead_count * _SIZE.size
    if len(rhythm.packed) < sizes_end:
        raise malformed_file("the SCP-ECG record's sizes of leads are cut off")
    sizes = [size for (size,) in _SIZE.iter_unpack(rhythm.packed[:sizes_end])]
    place = sizes_end
    wrapped = len(rhythm.packed) - place - sum(sizes)
    rows = []
    for size in sizes:
        try:
            row, taken = _lead(rhythm.packed, place, size, count, tables, wrapped)
        except ValueError as error:
            raise malformed_file(f"the SCP-ECG record is broken: {error}") from error
        rows.append(row)
        place += taken
        wrapped -= taken - size
    return rows


def _lead(
    packed: bytes,
    place: int,
    size: int,
    count: int,
    tables: Sequence[HuffmanTable] | None,
    wrapped: int,
) -> tuple[NDArray[np.int64], int]:
    """A lead's values, and its size in bytes.

    Of the size of a long lead, only what is over a multiple of 65,536 is stored; `wrapped` is how
    many bytes there are that no lead's size accounts for.
    """
    try:
        row, needed = _values(packed[place : place + size], count, tables)
    except ValueError:
        if wrapped < _SIZE_WRAPS_AT:
            raise
        most = min(size + wrapped, count * _MOST_BYTES_A_SAMPLE)
        row, needed = _values(packed[place : place + most], count, tables)
        size += -(-max(0, needed - size) // _SIZE_WRAPS_AT) * _SIZE_WRAPS_AT
    padding = _LONGEST_PADDING if tables is not None else 0
    if not needed <= size <= min(needed + padding, len(packed) - place):
        raise ValueError("a lead holds more or fewer samples than are declared")
    return row, size


def _values(
    packed: bytes, count: int, tables: Sequence[HuffmanTable] | None
) -> tuple[NDArray[np.int64], int]:
    """The numbers at the beginning of these bytes, and how many bytes they take."""
    if tables is not None:
        return decode(packed, count, tables)
    needed = count * _PLAIN_BYTES
    if len(packed) < needed:
        raise ValueError("a lead holds fewer samples than are declared")
    return np.frombuffer(packed[:needed], "<i2").astype(np.int64), needed


def _undo_differences(row: NDArray[np.int64], times: int) -> NDArray[np.int64]:
    """Samples of 16 bits from first differences, or from second ones behind two samples."""
    if times == 1:
        row = np.cumsum(row)
    elif times == 2 and len(row) > 1:
        slopes = np.cumsum(np.concatenate((row[1:2] - row[:1], row[2:])))
        row = np.concatenate((row[:1], row[0] + np.cumsum(slopes)))
    return row.astype(np.int16).astype(np.int64)
