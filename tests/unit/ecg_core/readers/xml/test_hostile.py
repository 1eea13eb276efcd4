"""Documents that were made to hurt: refused soon, in little memory, whichever reader gets them."""

from collections.abc import Callable

import pytest

from ecg_core.errors import FaultCode, UnsupportedFormat
from tests.support.hostile_xml import (
    ALMOST_A_FILE,
    defaulted,
    laughing,
    long_comment,
    long_name,
    many_attributes,
    multiplied_namespace,
    nested,
    of_nothing_but_text,
    quadratic,
    reading_a_file,
    spread_attributes,
    wide,
)
from tests.support.philips_files import make_philips
from tests.support.reading import read, upload
from tests.support.refusals import Refusal
from tests.support.xml_files import (
    aecg_lead,
    aecg_series,
    aecg_set,
    make_aecg,
    make_cardiosoft,
    make_muse,
    muse_waveform,
)

ROOTS = ("AnnotatedECG", "RestingECG", "CardiologyXML", "restingecgdata")

REFUSED = (
    *((nested, FaultCode.UNSUPPORTED_CONTENT), (wide, FaultCode.UNSUPPORTED_CONTENT)),
    *((laughing, FaultCode.UNSUPPORTED_CONTENT), (quadratic, FaultCode.UNSUPPORTED_CONTENT)),
    *((defaulted, FaultCode.UNSUPPORTED_CONTENT), (reading_a_file, FaultCode.UNSUPPORTED_CONTENT)),
    (many_attributes, FaultCode.UNSUPPORTED_CONTENT),
    (spread_attributes, FaultCode.UNSUPPORTED_CONTENT),
    *((long_name, FaultCode.UNSUPPORTED_CONTENT), (long_comment, FaultCode.UNSUPPORTED_CONTENT)),
)


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize(
    ("hostile", "code"), REFUSED, ids=lambda value: getattr(value, "__name__", "")
)
def test_document_that_unfolds_is_refused(
    refused: Refusal, root: str, hostile: Callable[[str], bytes], code: FaultCode
) -> None:
    refused(upload(hostile(root)), code)


@pytest.mark.parametrize("hostile", [multiplied_namespace, of_nothing_but_text])
def test_document_of_bulk_costs_little(refused: Refusal, hostile: Callable[[str], bytes]) -> None:
    refused(upload(hostile("RestingECG")), FaultCode.MALFORMED_FILE)


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize(
    "rest", ["", ">", "><a>", "><a></b>", "/><a/>", '><a b="" b=""/>', ">&undefined;</a>", ">\x00"]
)
def test_document_that_is_not_well_formed_is_refused(
    refused: Refusal, root: str, rest: str
) -> None:
    if rest:
        refused(upload(f"<{root}{rest}".encode()), FaultCode.MALFORMED_FILE)
    else:
        with pytest.raises(UnsupportedFormat):
            read(f"<{root}".encode())


@pytest.mark.parametrize(
    "encoding", ["utf-7", "rot13", "idna", "undefined", "zlib", "cp037", "unicode_escape", "x" * 39]
)
def test_encoding_that_is_none_of_xml_is_refused(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><RestingECG/>'
    with pytest.raises(UnsupportedFormat):
        read(text.encode())


def test_other_xml_is_of_an_unsupported_format() -> None:
    for content in (b"<svg/>", b"<?xml version='1.0'?><html/>", b"<!-- RestingECG -->", b"<"):
        with pytest.raises(UnsupportedFormat) as caught:
            read(content)
        assert "GE MUSE XML" in caught.value.faults[0].detail


@pytest.mark.parametrize(
    ("digits", "code"),
    [
        ("1 " * 15_000_000, FaultCode.MALFORMED_FILE),
        (" " * ALMOST_A_FILE, FaultCode.MALFORMED_FILE),
        ("1" * ALMOST_A_FILE, FaultCode.TOO_LONG),
        ("1.5 " * 7_000_000, FaultCode.MALFORMED_FILE),
        ("a " * 15_000_000, FaultCode.MALFORMED_FILE),
    ],
    ids=["ones", "blanks", "one number", "decimals", "letters"],
)
def test_bulk_of_digits_is_refused(refused: Refusal, digits: str, code: FaultCode) -> None:
    lead = aecg_lead("I", [digits])
    content = make_aecg(aecg_series(aecg_set([lead])))
    if code is FaultCode.TOO_LONG:
        assert read(content).samples_mv.shape == (1, 1)
    else:
        refused(upload(content), code)


def test_bulk_of_leads_is_refused(refused: Refusal) -> None:
    """Each of a length that is plausible: 14 times 1 million decimal numbers."""
    row = ["1.5 " * 600_000]
    content = make_aecg(aecg_series(aecg_set([aecg_lead("I", row)] * 12)))
    refused(upload(content), FaultCode.DUPLICATE_LEAD)


def test_bulk_of_samples_is_refused_in_every_format(refused: Refusal) -> None:
    lead = "<LeadData><LeadID>I</LeadID><WaveFormData>" + "A" * (28 * 1024 * 1024)
    muse = make_muse(muse_waveform([lead + "</WaveFormData></LeadData>"]))
    refused(upload(muse), FaultCode.IMPLAUSIBLE_GAIN)
    rows = {"I": ["1," * 15_000_000]}
    refused(upload(make_cardiosoft(rows, count="")), FaultCode.MALFORMED_FILE)  # type: ignore[arg-type]
    philips = make_philips(
        content="A" * (28 * 1024 * 1024), document_encoding="utf-8", durationperchannel=340_000
    )
    refused(upload(philips), FaultCode.MALFORMED_FILE)


def test_thousands_of_leads_are_refused(refused: Refusal) -> None:
    """Each of which would look at what is long and said once for all."""
    unit = "u" * 200_000
    strip = "<StripData><SampleRate>500</SampleRate>"
    strip += f"<ChannelSampleCountTotal>{'1' * 10_000_000}</ChannelSampleCountTotal>"
    strip += f'<Resolution units="{unit}perLsb">5</Resolution>'
    strip += '<WaveformData lead="I">1</WaveformData>' * 45_000 + "</StripData>"
    cardiosoft = f"<CardiologyXML>{strip}</CardiologyXML>".encode()
    refused(upload(cardiosoft), FaultCode.UNSUPPORTED_CONTENT)
    labels = "I II III aVR aVL aVF " + "V1 " * 60_000
    chunks = b"\2\0\0\0\0\0\0\0\0\0" * 60_006
    philips = make_philips(
        content=chunks, leadlabels=labels, numberofleads=60_006, durationperchannel=2
    )
    refused(upload(philips), FaultCode.UNSUPPORTED_CONTENT)
    muse = make_muse(muse_waveform(["<LeadData><LeadID>I</LeadID></LeadData>"] * 20_000))
    refused(upload(muse), FaultCode.UNSUPPORTED_CONTENT)
    aecg = make_aecg(aecg_series(aecg_set([aecg_lead("I", [1])] * 7_000)))
    refused(upload(aecg), FaultCode.UNSUPPORTED_CONTENT)


def test_bulk_of_statements_and_dates_costs_little(refused: Refusal) -> None:
    text = "no pacemaker paced " * 50
    statements = f"<StmtText>{text}</StmtText>" * 30_000
    said = f"<Diagnosis><DiagnosisStatement>{statements}</DiagnosisStatement></Diagnosis>"
    refused(upload(f"<RestingECG>{said}</RestingECG>".encode()), FaultCode.MALFORMED_FILE)
    whole = make_muse().replace(b"</RestingECG>", f"{said}</RestingECG>".encode())
    assert read(whole).format == "muse"
    date = {"DateofBirth": "1" * ALMOST_A_FILE}
    assert read(make_muse(patient=date)).format == "muse"
