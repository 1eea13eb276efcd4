"""Philips Sierra XML that cannot be read as it stands: refused for what is wrong with it."""

from struct import pack

import numpy as np
import pytest

from ecg_core.errors import FaultCode
from tests.support.philips_files import codes_packed, make_philips, with_pulse, xli_packed
from tests.support.reading import upload
from tests.support.refusals import Refusal
from tests.support.xml_files import stored_units

ROWS = with_pulse(stored_units())
PACKED = xli_packed(ROWS)


def chunk(packed: bytes, *, size: int | None = None) -> bytes:
    return pack("<i2xh", len(packed) if size is None else size, 0) + packed


@pytest.mark.parametrize("version", ["", "1.02", "2.0", "\u0661.04"])
def test_other_version_is_refused(refused: Refusal, version: str) -> None:
    content = make_philips(version=version, document_encoding="utf-16")
    refused(upload(content), FaultCode.UNSUPPORTED_CONTENT)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"compression": "ZIP"}, FaultCode.UNSUPPORTED_CONTENT),
        ({"dataencoding": "Plain"}, FaultCode.UNSUPPORTED_CONTENT),
        ({"dataencoding": "Hex", "compression": "none"}, FaultCode.UNSUPPORTED_CONTENT),
        ({"bitspersample": 12}, FaultCode.UNSUPPORTED_CONTENT),
        ({"bitspersample": "x"}, FaultCode.UNSUPPORTED_CONTENT),
        ({"samplespersecond": None}, FaultCode.MISSING_SAMPLING_RATE),
        ({"samplespersecond": 0}, FaultCode.MISSING_SAMPLING_RATE),
        ({"samplespersecond": "NaN"}, FaultCode.MISSING_SAMPLING_RATE),
        ({"samplespersecond": 499}, FaultCode.MALFORMED_FILE),
        ({"durationperchannel": None}, FaultCode.MALFORMED_FILE),
        ({"durationperchannel": -11000}, FaultCode.MALFORMED_FILE),
        ({"durationperchannel": "10999.9"}, FaultCode.MALFORMED_FILE),
        ({"durationperchannel": 10000}, FaultCode.MALFORMED_FILE),
        ({"durationperchannel": 12000}, FaultCode.MALFORMED_FILE),
        ({"durationperchannel": "1e30"}, FaultCode.TOO_LONG),
        ({"durationperchannel": 1_000_000}, FaultCode.TOO_LONG),
        ({"leadlabels": None}, FaultCode.UNKNOWN_LEAD),
        ({"numberofleads": 11}, FaultCode.MALFORMED_FILE),
        ({"leadlabels": "I II V1", "numberofleads": 3}, FaultCode.UNSUPPORTED_CONTENT),
        ({"resolution": "x", "leadlabels": "I II III aVR aVL aVF"}, FaultCode.MALFORMED_FILE),
        ({"signaloffset": "x"}, FaultCode.MALFORMED_FILE),
    ],
    ids=str,
)
def test_description_that_is_wrong_is_refused(
    refused: Refusal, changed: dict[str, object], code: FaultCode
) -> None:
    changed = {"content": PACKED} | changed
    refused(upload(make_philips(ROWS, **changed)), code)  # type: ignore[arg-type]


@pytest.mark.parametrize("resolution", [None, "", "0", "-5", "NaN", "1e9", "5mV"])
def test_missing_or_implausible_resolution_is_refused(refused: Refusal, resolution: object) -> None:
    content = make_philips(ROWS, content=PACKED, resolution=resolution)
    error = refused(upload(content), *[FaultCode.IMPLAUSIBLE_GAIN] * 12)
    assert error.faults[0].lead == "I"


@pytest.mark.parametrize("content", ["", "AAA", "A" * 8 + "=", "\u00e9AAA"])
@pytest.mark.parametrize("compression", ["XLI", ""])
def test_waveforms_that_are_no_base64_are_refused(
    refused: Refusal, content: str, compression: str
) -> None:
    document = make_philips(ROWS, content=content, compression=compression)
    refused(upload(document), FaultCode.MALFORMED_FILE)


@pytest.mark.parametrize("content", ["", "1 2 3", "1 " * 70_000, "x " * 66_000])
def test_plain_waveforms_of_another_size_are_refused(refused: Refusal, content: str) -> None:
    document = make_philips(ROWS, content=content, compression="", encoding="Plain")
    refused(upload(document), FaultCode.MALFORMED_FILE)


def test_plain_waveforms_with_decimals_are_refused(refused: Refusal) -> None:
    document = make_philips(ROWS, content="1.5 " * 66_000, compression="", encoding="Plain")
    refused(upload(document), FaultCode.UNSUPPORTED_CONTENT)


def test_samples_of_another_size_are_refused(refused: Refusal) -> None:
    for content in (bytes(3), bytes(2 * 12 * 5500 - 2), bytes(2 * 12 * 5500 + 2)):
        document = make_philips(ROWS, content=content, compression="")
        refused(upload(document), FaultCode.MALFORMED_FILE)


@pytest.mark.parametrize(
    "packed",
    [
        PACKED[: len(PACKED) // 3],
        PACKED[:5],
        chunk(b"\0" * 20, size=0),
        chunk(b"\0" * 20, size=-1),
        chunk(b"\0" * 20, size=0x7FFFFFFF),
        chunk(codes_packed([300])) * 12,
        chunk(codes_packed([65, 258])) * 12,
        chunk(codes_packed([1023])) * 12,
        chunk(codes_packed([65] * 100)) * 12,
        chunk(b"\xff" * 500) * 12,
    ],
    ids=range(10),
)
def test_broken_chunks_are_refused(refused: Refusal, packed: bytes) -> None:
    refused(upload(make_philips(ROWS, content=packed)), FaultCode.MALFORMED_FILE)


def test_fewer_chunks_than_leads_are_refused(refused: Refusal) -> None:
    eleven = xli_packed({lead: ROWS[lead] for lead in list(ROWS)[:11]}, spare_chunks=0)
    refused(upload(make_philips(ROWS, content=eleven)), FaultCode.MALFORMED_FILE)


def test_lzw_bomb_is_refused_before_it_unfolds(refused: Refusal) -> None:
    """500,000 codes of the longest string: 300 MB behind 650 KB."""
    longest = [65, *range(256, 1023)]
    bomb = codes_packed(longest + [1022] * 500_000)
    document = make_philips(ROWS, content=chunk(bomb) * 1, document_encoding="utf-8")
    refused(upload(document), FaultCode.MALFORMED_FILE)
    many = make_philips(
        ROWS, content=chunk(bomb), durationperchannel=500_000, document_encoding="utf-8"
    )
    refused(upload(many), FaultCode.MALFORMED_FILE)


def test_document_without_waveforms_is_refused(refused: Refusal) -> None:
    text = make_philips(document_encoding="utf-8").replace(b"parsedwaveforms", b"rawwaveforms")
    refused(upload(text), FaultCode.MALFORMED_FILE)


def test_leads_of_no_known_name_are_refused(refused: Refusal) -> None:
    rows = {f"V{n}R": np.zeros(5500, np.int64) for n in (3, 4, 5)}
    refused(upload(make_philips(rows, compression="")), FaultCode.UNKNOWN_LEAD)


def test_1_03_of_unknown_leads_is_refused(refused: Refusal) -> None:
    text = make_philips(version="1.03", document_encoding="utf-8")
    refused(upload(text.replace(b"STD-12", b"STD-15")), FaultCode.UNKNOWN_LEAD)
