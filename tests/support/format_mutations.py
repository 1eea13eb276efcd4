"""Mutations that know the format: what stands between an XML's tags, checksums made right again."""

import re
from binascii import crc_hqx
from random import Random
from struct import error, iter_unpack, pack_into, unpack_from

_VALUE = re.compile(rb'(?<=>)[^<>]+(?=<)|(?<==")[^"]*(?=")|(?<=<)[A-Za-z/][\w:]*(?=[ >])')
_WORDS = (
    *(b"", b" ", b"0", b"-1", b"1", b"2", b"NaN", b"-inf", b"1e308", b"1e-308", b"1,5", b"x"),
    *(b"9" * 30, b"4294967295", b"65536", b"-32769", b"500", b"5000", b"0.5", b"1 2 3", b"AAAA"),
    *(b"True", b"False", b"XLI", b"Base64", b"Plain", b"none", b"I", b"V1", b"V3R", b"uV", b"mV"),
    *(b"&amp;", b"&x;", b"<a/>", b"</a>", b"<![CDATA[1]]>", b"\xff", b"\x00", b"\xc2\xb5V"),
)


def mutated_xml(content: bytes, random: Random) -> bytes:
    """One to three texts, attributes or names exchanged for others."""
    spans = [match.span() for match in _VALUE.finditer(content)]
    for start, end in sorted(random.sample(spans, random.randint(1, 3)), reverse=True):
        other_start, other_end = random.choice(spans)
        is_word = random.random() < 0.7
        other = random.choice(_WORDS) if is_word else content[other_start:other_end]
        content = content[:start] + other + content[end:]
    return content


def resealed_scp(content: bytes) -> bytes:
    """An SCP-ECG record whose checksums and size match again, as far as its sections are there."""
    record = bytearray(content)
    try:
        pack_into("<I", record, 2, len(record))
        (size,) = unpack_from("<I", record, 10)
        pointers = bytes(record[22 : 6 + min(size, 400)])
        pointers = pointers[: len(pointers) // 10 * 10]
        for number, length, place in iter_unpack("<HII", pointers):
            if 0 < place <= len(record) - 16 and 16 <= length <= len(record) - place + 1:
                pack_into("<HI", record, place + 1, number, length)
                section = bytes(record[place + 1 : place - 1 + length])
                pack_into("<H", record, place - 1, crc_hqx(section, 0xFFFF))
        pack_into("<H", record, 0, crc_hqx(bytes(record[2:]), 0xFFFF))
    except error:
        return content
    return bytes(record)
