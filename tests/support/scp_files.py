"""Builder of SCP-ECG records, with the compression and the checksums of the standard."""

from binascii import crc_hqx
from collections.abc import Mapping, Sequence
from struct import pack
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.support.xml_files import EIGHT_LEADS, Units, stored_units

LEAD_CODES = {
    **dict(zip(EIGHT_LEADS, range(1, 9), strict=True)),
    "V7": 9,
    "V3R": 11,
    "III": 61,
    "aVR": 62,
    "aVL": 63,
    "aVF": 64,
}


class Code(NamedTuple):
    """A Huffman code: its prefix as text of 0 and 1, the bits behind it, and what it means."""

    prefix: str
    value: int
    extra_bits: int = 0
    is_switch: bool = False


DEFAULT_CODES = (
    Code("0", 0),
    *(Code("1" * abs(value) + "0" + str(int(value < 0)), value) for value in range(-8, 9) if value),
    Code("1111111110", 0, 8),
    Code("1111111111", 0, 16),
)


def huffman_packed(row: NDArray[np.int64], codes: Sequence[Code] = DEFAULT_CODES) -> bytes:
    """The numbers as bits, filled up to whole words."""
    words = {code.value: code.prefix for code in codes if not code.extra_bits}
    longer = sorted((code for code in codes if code.extra_bits), key=lambda code: code.extra_bits)
    bits = "".join(words.get(value) or _longer(value, longer) for value in row.tolist())
    bits += "0" * (-len(bits) % 16)
    return int(bits or "0", 2).to_bytes(len(bits) // 8, "big")


def _longer(value: int, codes: Sequence[Code]) -> str:
    code = next(code for code in codes if -1 <= value >> (code.extra_bits - 1) <= 0)
    return code.prefix + f"{value % (1 << code.extra_bits):0{code.extra_bits}b}"


def tables_section(*tables: Sequence[Code]) -> bytes:
    """A section 2 of tables of one's own."""
    body = pack("<H", len(tables))
    for codes in tables:
        body += pack("<H", len(codes))
        for prefix, value, extra_bits, is_switch in codes:
            base = int(prefix[::-1], 2)
            total = len(prefix) + extra_bits
            body += pack("<BBBhI", len(prefix), total, not is_switch, value, base)
    return body


DEFAULT_TABLES = pack("<H", 19999)


def differences(row: NDArray[np.int64], times: int) -> NDArray[np.int64]:
    """What is stored: the first sample, or the first two, then differences."""
    if times == 0:
        return row
    if times == 1:
        return np.concatenate((row[:1], np.diff(row)))
    return np.concatenate((row[:2], np.diff(row, 2)))


def leads_section(codes: Sequence[int], first: int, last: int, flags: int | None = None) -> bytes:
    """A section 3 of simultaneous leads."""
    flags = 0x04 | len(codes) << 3 if flags is None else flags
    return bytes((len(codes), flags & 0xFF)) + b"".join(
        pack("<IIB", first, last, code) for code in codes
    )


def rhythm_section(
    packed: Sequence[bytes],
    *,
    nv_per_unit: int = 5000,
    interval_us: int = 2000,
    times: int = 2,
    bimodal: int = 0,
) -> bytes:
    """A section 6."""
    head = pack("<HHBB", nv_per_unit, interval_us, times, bimodal)
    sizes = b"".join(pack("<H", len(lead) % 65536) for lead in packed)
    return head + sizes + b"".join(packed)


def patient_section(tags: Mapping[int, bytes]) -> bytes:
    """A section 1."""
    body = b"".join(pack("<BH", tag, len(value)) + value for tag, value in tags.items())
    return body + pack("<BH", 255, 0)


def section(number: int, body: bytes) -> bytes:
    """A section with its header."""
    rest = pack("<HIBB6s", number, 16 + len(body), 20, 20, bytes(6)) + body
    return pack("<H", crc_hqx(rest, 0xFFFF)) + rest


def record(sections: Mapping[int, bytes], *, trailer: bytes = b"") -> bytes:
    """A record of these bodies."""
    pointer_bytes = 16 + 10 * 12
    place = 6 + pointer_bytes
    pointers = {0: pack("<HII", 0, pointer_bytes, 7)}
    whole = []
    for number, body in sections.items():
        one = section(number, body)
        pointers[number] = pack("<HII", number, len(one), place + 1)
        place += len(one)
        whole.append(one)
    listed = [pointers.get(number, pack("<HII", number, 0, 0)) for number in range(12)]
    rest = pack("<I", place) + section(0, b"".join(listed)) + b"".join(whole)
    return pack("<H", crc_hqx(rest, 0xFFFF)) + rest + trailer


def make_scp(
    rows: Units | None = None,
    *,
    times: int = 2,
    codes: Sequence[Code] | None = DEFAULT_CODES,
    first: int = 1,
    last: int | None = None,
    flags: int | None = None,
    changed: Mapping[int, bytes | None] | None = None,
    nv_per_unit: int = 5000,
    interval_us: int = 2000,
    bimodal: int = 0,
) -> bytes:
    """A record of eight leads; `codes` None stores plain integers, `changed` replaces sections."""
    rows = rows or {name: stored_units()[name] for name in EIGHT_LEADS}
    count = len(next(iter(rows.values())))
    stored = [differences(row, times) for row in rows.values()]
    if codes is None:
        packed = [row.astype("<i2").tobytes() for row in stored]
    else:
        packed = [huffman_packed(row, codes) for row in stored]
    tables = None
    if codes is not None:
        tables = DEFAULT_TABLES if codes is DEFAULT_CODES else tables_section(codes)
    lead_codes = [LEAD_CODES[name] for name in rows]
    last = first + count - 1 if last is None else last
    sections: dict[int, bytes | None] = {
        2: tables,
        3: leads_section(lead_codes, first, last, flags),
        6: rhythm_section(
            packed,
            nv_per_unit=nv_per_unit,
            interval_us=interval_us,
            times=times,
            bimodal=bimodal,
        ),
    }
    return record(
        {
            number: body
            for number, body in (sections | dict(changed or {})).items()
            if body is not None
        }
    )
