"""The structure of an SCP-ECG record (EN 1064): sections, where they are, and their checksums."""

import struct
from binascii import crc_hqx
from collections.abc import Container

from ecg_core.errors import UnreadableRecording
from ecg_core.readers.assembly import malformed_file

# A record: its checksum and size. A section: checksum, number, size, two versions, reserved.
_RECORD_HEADER = struct.Struct("<HI")
_SECTION_HEADER = struct.Struct("<HHIBB6s")
# In section 0: number, size, place (counted from 1) of a section.
_POINTER = struct.Struct("<HII")
_MOST_POINTERS = 1024  # of which 11 are the standard's, and the others makers' own
_CHECKSUM_BYTES = 2
_CHECKSUM_START = 0xFFFF
FIRST_SECTION_AT = _RECORD_HEADER.size


def looks_like_scp(first_bytes: bytes) -> bool:
    """Whether these are a record's header and a section 0 that points at itself first."""
    place = FIRST_SECTION_AT + _SECTION_HEADER.size
    if len(first_bytes) < place + _POINTER.size:
        return False
    _, number, size, *_ = _SECTION_HEADER.unpack_from(first_bytes, FIRST_SECTION_AT)
    pointed_number, pointed_size, pointed_place = _POINTER.unpack_from(first_bytes, place)
    is_whole = size > _SECTION_HEADER.size and not (size - _SECTION_HEADER.size) % _POINTER.size
    # Some devices count its place from 0; what is wrong with their records is told by `read`.
    is_own_place = pointed_place in {FIRST_SECTION_AT, FIRST_SECTION_AT + 1}
    points_at_itself = pointed_number == 0 and is_own_place
    return number == 0 and is_whole and points_at_itself and pointed_size in {0, size}


def read_sections(content: bytes, wanted: Container[int]) -> dict[int, bytes]:
    """The sections of a record by their numbers, without headers.

    Args:
        content: The whole file.
        wanted: Numbers of those to look at; those of manufacturers follow no standard.

    Raises:
        UnreadableRecording: A checksum does not match, or a section is not where it should be.
    """
    if len(content) < FIRST_SECTION_AT + _SECTION_HEADER.size:
        raise _malformed("is cut off")
    checksum, size = _RECORD_HEADER.unpack_from(content)
    if size > len(content) or content[size:].strip(b"\0"):
        raise _malformed("is shorter or longer than it declares")
    record = content[:size]
    if crc_hqx(record[_CHECKSUM_BYTES:], _CHECKSUM_START) != checksum:
        raise _malformed("does not match its checksum")
    sections: dict[int, bytes] = {}
    pointers = _section(record, 0, FIRST_SECTION_AT, None)
    for number, length, place in _pointers(pointers):
        if number not in wanted or length == 0:
            continue
        if number in sections:
            raise _malformed("holds a section twice")
        sections[number] = _section(record, number, place - 1, length)
    return sections


def _pointers(body: bytes) -> list[tuple[int, int, int]]:
    if len(body) > _MOST_POINTERS * _POINTER.size:
        raise _malformed("points at more sections than there can be")
    whole = len(body) // _POINTER.size * _POINTER.size
    return list(_POINTER.iter_unpack(body[:whole]))


def _section(record: bytes, number: int, place: int, length: int | None) -> bytes:
    """The body of the section that begins there; `length` is what the pointer says of it."""
    if not 0 <= place <= len(record) - _SECTION_HEADER.size:
        raise _malformed("points at a section that is not there")
    checksum, own_number, own_length, *_ = _SECTION_HEADER.unpack_from(record, place)
    section = record[place : place + own_length]
    if own_number != number or length not in {None, own_length}:
        raise _malformed("points at a section that calls itself another")
    if len(section) != own_length or own_length < _SECTION_HEADER.size:
        raise _malformed("holds a section that is cut off")
    if crc_hqx(section[_CHECKSUM_BYTES:], _CHECKSUM_START) != checksum:
        raise _malformed("holds a section that does not match its checksum")
    return section[_SECTION_HEADER.size :]


def _malformed(what: str) -> UnreadableRecording:
    return malformed_file(f"the SCP-ECG record {what}")
