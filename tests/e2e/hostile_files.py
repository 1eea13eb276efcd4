"""Files of recordings that are hostile or broken, or only look so."""

import struct
from collections.abc import Callable, Sequence
from io import BytesIO
from itertools import product
from zipfile import ZipFile, ZipInfo

import numpy as np

from ecg_core.leads import LEADS
from ecg_core.readers import UploadedFile
from ecg_core.recording import Recording
from tests.support.recordings import (
    make_csv,
    make_recording,
    make_wfdb,
    make_wfdb_zip,
    make_zip,
    write_wfdb,
)

RECORDING = make_recording()

Files = Sequence[UploadedFile]


def with_header(text: bytes) -> Callable[[], Files]:
    return lambda: [UploadedFile("record.hea", text), make_wfdb()[1]]


def table(text: str | bytes, name: str = "a.csv") -> Callable[[], Files]:
    content = text.encode() if isinstance(text, str) else text
    return lambda: [UploadedFile(name, content)]


def cell_replaced(cell: str) -> Callable[[], Files]:
    def files() -> Files:
        lines = make_csv(RECORDING)[0].content.decode().split("\n")
        cells = lines[100].split(",")
        lines[100] = ",".join([*cells[:3], cell, *cells[4:]])
        return [UploadedFile("a.csv", "\n".join(lines).encode())]

    return files


def leads_in_lines() -> Files:
    lines = [
        ",".join([name, *(f"{value:.9g}" for value in row)])
        for name, row in zip(RECORDING.leads, RECORDING.samples_mv, strict=True)
    ]
    return [UploadedFile("a.csv", "\n".join(lines).encode())]


def all_invalid() -> Files:
    silent = np.full((5000, 12), -32768, dtype=np.int64)
    return write_wfdb(silent, LEADS, sampling_rate_hz=500.0, gain=1000.0)


def flat() -> Files:
    return make_wfdb(Recording(np.zeros((12, 5000), np.float32), LEADS, 500.0, "wfdb"))


def cut(byte_count: int) -> Files:
    header, signal = make_wfdb()
    return [header, UploadedFile(signal.name, signal.content[:byte_count])]


def lengthened() -> Files:
    header, signal = make_wfdb()
    return [header, UploadedFile(signal.name, signal.content + bytes(24))]


def flipped() -> Files:
    header, signal = make_wfdb()
    content = bytearray(signal.content)
    content[1000] ^= 1
    return [header, UploadedFile(signal.name, bytes(content))]


def zipped(**members: bytes) -> Files:
    return [make_zip({file.name: file.content for file in make_wfdb()} | members)]


def bomb() -> Files:
    return [make_zip({"record.hea": make_wfdb()[0].content, "record.dat": bytes(300_000_000)})]


def bomb_that_lies() -> Files:
    content = bytearray(make_zip({"record.dat": bytes(30_000_000)}).content)
    place = content.index(b"PK\x01\x02") + 24
    content[place : place + 4] = struct.pack("<I", 500_000)
    return [UploadedFile("a.zip", bytes(content))]


def halved_zip() -> Files:
    content = make_wfdb_zip().content
    return [UploadedFile("a.zip", content[: len(content) // 2])]


def encrypted() -> Files:
    content = bytearray(make_wfdb_zip().content)
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return [UploadedFile("a.zip", bytes(content))]


def linked() -> Files:
    link = ZipInfo("record.dat")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        archive.writestr("record.hea", make_wfdb()[0].content)
        archive.writestr(link, "/etc/passwd")
    return [UploadedFile("a.zip", buffer.getvalue())]


def renamed(header: str, signal: str) -> Files:
    first, second = make_wfdb()
    return [UploadedFile(header, first.content), UploadedFile(signal, second.content)]


def segments(count: int) -> bytes:
    return f"record/{count} 12 500 {5000 * count}\n".encode() + b"part 5000\n" * count


def ten_thousand_spellings() -> list[str]:
    """Of one condition, so that each has the same answer."""
    words = ["".join(letters) for letters in product("Ll", "Bb", "Bb", "Bb")]
    blanks = [" " * number for number in range(25)]
    return [before + word + after for word in words for before in blanks for after in blanks]
