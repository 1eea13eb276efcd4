"""Builders of Philips Sierra XML, with the compression that devices use."""

from base64 import b64encode
from collections.abc import Sequence
from struct import pack

import numpy as np
from numpy.typing import NDArray

from ecg_core.leads import LEADS
from tests.support.xml_files import Units, broken_lines, numbers, stored_units, tag

_NAMESPACE = "http://www3.medical.philips.com"
_END_CODE = 1023


def with_pulse(rows: Units, rate_hz: int = 500, height: int = 200) -> Units:
    """The rows with the second that devices append: zero, 1 mV for 0.2 s, zero."""
    second = np.zeros(rate_hz, np.int64)
    second[round(0.7 * rate_hz) : round(0.9 * rate_hz)] = height
    return {name: np.concatenate((row, second)) for name, row in rows.items()}


def xli_packed(rows: Units, *, spare_chunks: int = 4) -> bytes:
    """All leads as chunks; devices append four empty leads."""
    stored = _residuals(rows)
    spare = np.zeros(len(stored[0]), np.int64)
    return b"".join(xli_chunk(row) for row in (*stored, *[spare] * spare_chunks))


def xli_chunk(row: NDArray[np.int64]) -> bytes:
    """One lead: second differences, high bytes before low bytes, LZW."""
    bends = row[2:] - 2 * row[1:-1] + row[:-2]
    # The first bend stands in the header; what is written in its place does not count.
    words = np.concatenate((row[:2], 64 - bends[1:], [0])).astype(np.int16).view(np.uint16)
    octets = (words >> 8).astype(np.uint8).tobytes() + (words & 0xFF).astype(np.uint8).tobytes()
    packed = lzw_packed(octets)
    return pack("<i2xh", len(packed), int(np.int16(-bends[0]))) + packed


def lzw_packed(octets: bytes) -> bytes:
    """Codes of ten bits."""
    known = {bytes((value,)): value for value in range(256)}
    codes = []
    word = b""
    for value in octets:
        longer = word + bytes((value,))
        if longer in known:
            word = longer
            continue
        codes.append(known[word])
        if len(known) < _END_CODE:
            known[longer] = len(known)
        word = bytes((value,))
    return codes_packed([*codes, *([known[word]] if word else []), _END_CODE])


def codes_packed(codes: Sequence[int]) -> bytes:
    """Ten bits each, the highest first, filled up to whole bytes."""
    bits = "".join(f"{code:010b}" for code in codes)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _residuals(rows: Units) -> list[NDArray[np.int64]]:
    """III, aVR, aVL and aVF as what is left of them beside what follows from I and II."""
    one, two, three = (rows[lead] for lead in LEADS[:3])
    rests = {
        "III": two - one - three,
        "aVR": -_half(one + two) - rows["aVR"],
        "aVL": _half(one - three) - rows["aVL"],
        "aVF": _half(two + three) - rows["aVF"],
    }
    return [rests.get(name, row) for name, row in rows.items()]


def _half(row: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cut off towards zero."""
    halves: NDArray[np.int64] = np.trunc(row / 2).astype(np.int64)
    return halves


def make_philips(
    rows: Units | None = None,
    *,
    version: str = "1.04",
    compression: str = "XLI",
    encoding: str = "Base64",
    content: bytes | str | None = None,
    patient: str = "<pacestatus>Unknown</pacestatus>",
    document_encoding: str = "utf-16",
    extra: str = "",
    **changed: object,
) -> bytes:
    """A Philips document of 12 leads with the pulse; `changed` replaces the waveforms' attributes.

    In 1.03 the waveforms' description stands in the acquisition's, not in their attributes.
    """
    rows = with_pulse(stored_units()) if rows is None else rows
    count = len(next(iter(rows.values())))
    attributes: dict[str, object] = {
        "dataencoding": encoding,
        "compression": compression,
        "numberofleads": len(rows),
        "leadlabels": " ".join(rows),
        "durationperchannel": count * 2,
        "samplespersecond": 500,
        "resolution": 5,
        "signaloffset": 0,
        "signalsigned": True,
        "bitspersample": 16,
    } | changed
    signal = ""
    if version == "1.03":
        attributes = {
            "dataencoding": encoding,
            "compressflag": bool(compression),
            "compressmethod": compression,
            "durationperchannel": count * 2,
            "nbitspersample": 16,
        } | changed
        signal = (
            "<samplingrate>500</samplingrate><signalresolution>5</signalresolution>"
            "<acquisitiontype>STD-12</acquisitiontype><signaloffset>0</signaloffset>"
            f"<numberchannelsallocated>{len(rows)}</numberchannelsallocated>"
        )
    if content is None:
        content = _content(rows, compression, encoding)
    if isinstance(content, bytes):
        content = broken_lines(b64encode(content).decode())
    said = {name: value for name, value in attributes.items() if value is not None}
    body = (
        tag("documentinfo", tag("documentversion", version))
        + tag("dataacquisition", tag("signalcharacteristics", signal), date="2020-05-18")
        + tag("patient", tag("generalpatientdata", patient))
        + tag("waveforms", tag("parsedwaveforms", content, **said) + extra)
    )
    declaration = f'<?xml version="1.0" encoding="{document_encoding}"?>\r\n'
    text = declaration + tag("restingecgdata", body, xmlns=_NAMESPACE)
    return text.encode(document_encoding)


def _content(rows: Units, compression: str, encoding: str) -> bytes | str:
    if compression:
        return xli_packed(rows)
    row = np.concatenate(list(rows.values()))
    return numbers(row) if encoding == "Plain" else row.astype("<i2").tobytes()
