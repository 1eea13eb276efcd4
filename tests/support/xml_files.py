"""Builders of the XML files that devices send: HL7 aECG, GE MUSE, GE CardioSoft, Philips Sierra."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ecg_core.leads import LEADS
from ecg_core.recording import Recording
from tests.support.recordings import make_recording

# What most devices store: the others follow from I and II.
EIGHT_LEADS = (*LEADS[:2], *LEADS[6:])

Units = dict[str, NDArray[np.int64]]


def stored_units(recording: Recording | None = None, mv_per_unit: float = 0.005) -> Units:
    """The whole numbers that a device would store of each lead."""
    recording = recording or make_recording()
    rows = np.rint(recording.samples_mv / mv_per_unit).astype(np.int64)
    return dict(zip(recording.leads, rows, strict=True))


def numbers(row: Iterable[object], separator: str = " ") -> str:
    """A row of numbers as text."""
    return separator.join(map(str, row))


def tag(name: str, text: object = "", **attributes: object) -> str:
    """An element."""
    said = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f"<{name}{said}>{text}</{name}>"


def tags(values: Mapping[str, object]) -> str:
    """Elements of text; those whose value is None are left out."""
    return "".join(tag(name, value) for name, value in values.items() if value is not None)


def aecg_lead(
    name: str,
    row: Iterable[object],
    *,
    scale: object = 5,
    unit: str = "uV",
    origin: object = 0,
    origin_unit: str = "uV",
    kind: str = "SLIST_PQ",
) -> str:
    """The sequence of one lead of an aECG."""
    value = tag("origin", value=origin, unit=origin_unit) + tag("scale", value=scale, unit=unit)
    value += tag("digits", numbers(row))
    code = name if "_" in name else f"MDC_ECG_LEAD_{name.upper()}"
    code_tag = tag("code", code=code, codeSystem="2.16.840.1.113883.6.24")
    return tag("component", tag("sequence", code_tag + tag("value", value, **{"xsi:type": kind})))


def aecg_set(
    leads: Iterable[str],
    *,
    increment: object = "0.002",
    unit: str = "s",
    time_code: str = "TIME_ABSOLUTE",
    head: str = "20021122091000",
) -> str:
    """A set of leads that were sampled together."""
    steps = tag("head", value=head) + tag("increment", value=increment, unit=unit)
    time = tag("code", code=time_code) + tag("value", steps, **{"xsi:type": "GLIST_TS"})
    sequences = tag("component", tag("sequence", time)) + "".join(leads)
    return tag("component", tag("sequenceSet", sequences))


def aecg_series(*sets: str, code: str = "RHYTHM", derived: str = "") -> str:
    """A series of sets; `derived` are its representative beats, as a set."""
    beats = tag("derivedSeries", tag("code", code="REPRESENTATIVE_BEAT") + derived)
    derivation = tag("derivation", beats) if derived else ""
    return tag("component", tag("series", tag("code", code=code) + "".join(sets) + derivation))


def make_aecg(
    *series: str,
    birth: str = "",
    acquired: str = "20021122091000",
    namespace: str = "urn:hl7-org:v3",
    identifier: str = "61d1a24f-b47e-41aa-ae95-f8ac302f4eeb",
    prologue: str = '<?xml version="1.0" encoding="UTF-8"?>',
    extra: str = "",
) -> bytes:
    """An aECG; without series, one of 12 leads at 5 uV a unit and 500 Hz."""
    if not series:
        rows = stored_units()
        series = (aecg_series(aecg_set(aecg_lead(name, row) for name, row in rows.items())),)
    head = tag("id", root=identifier) + tag("effectiveTime", tag("center", value=acquired))
    if birth:
        head += tag("subjectDemographicPerson", tag("birthTime", value=birth))
    body = head + extra + "".join(series)
    spaces = {"xmlns": namespace, "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance"}
    return (prologue + tag("AnnotatedECG", body, **spaces)).encode()


def muse_lead(name: str, row: NDArray[np.int64], **changed: object) -> str:
    """One lead of a MUSE waveform; `changed` replaces elements, None leaves one out."""
    content = row.astype("<i2").tobytes()
    return tag(
        "LeadData",
        tags(
            {
                "LeadByteCountTotal": len(content),
                "LeadTimeOffset": 0,
                "LeadSampleCountTotal": len(row),
                "LeadAmplitudeUnitsPerBit": "4.88",
                "LeadAmplitudeUnits": "MICROVOLTS",
                "LeadHighLimit": 32767,
                "LeadLowLimit": 32768,  # so in real files
                "LeadID": name,
                "LeadOffsetFirstSample": 0,
                "FirstSampleBaseline": 0,
                "LeadSampleSize": 2,
                "LeadDataCRC32": crc32(content),
                "WaveFormData": "\r\n" + broken_lines(b64encode(content).decode()),
            }
            | changed
        ),
    )


def broken_lines(text: str, width: int = 76) -> str:
    """A text in lines, as MUSE writes base64."""
    return "\r\n".join(text[start : start + width] for start in range(0, len(text), width))


def muse_waveform(
    leads: Iterable[str],
    kind: str | None = "Rhythm",
    *,
    base: object = 500,
    exponent: object = 0,
    extra: str = "",
) -> str:
    """A waveform of a MUSE document."""
    said = {"WaveformType": kind, "SampleBase": base, "SampleExponent": exponent}
    return tag("Waveform", tags(said) + "".join(leads) + extra)


def muse_leads(
    names: Sequence[str] = EIGHT_LEADS, *, samples: int | None = None, **changed: object
) -> list[str]:
    """Leads of a MUSE waveform at 4.88 uV a unit."""
    rows = stored_units(mv_per_unit=0.00488)
    return [muse_lead(name, rows[name][:samples], **changed) for name in names]


def make_muse(
    *waveforms: str,
    patient: Mapping[str, object] | None = None,
    test: Mapping[str, object] | None = None,
    doctype: str = '<!DOCTYPE RestingECG SYSTEM "restecg.dtd">',
    encoding: str = "ISO-8859-1",
) -> bytes:
    """A MUSE document; without waveforms, median beats before a rhythm of eight leads."""
    if not waveforms:
        median = muse_waveform(muse_leads(samples=600), "Median")
        waveforms = (median, muse_waveform(muse_leads()))
    head = tag("PatientDemographics", tags(patient or {})) + tag(
        "TestDemographics", tags(test or {})
    )
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>\r\n{doctype}\r\n'
    text = declaration + tag("RestingECG", head + "".join(waveforms))
    return text.encode("utf-16" if encoding.upper() == "UTF-16" else "latin-1")


def make_cardiosoft(
    rows: Units | None = None,
    *,
    rate: str = '<SampleRate units="Hz">500</SampleRate>',
    resolution: str = '<Resolution units="uVperLsb">5</Resolution>',
    count: object = None,
    patient: str = "<PaceMaker>no</PaceMaker>",
    strips: int = 1,
    separator: str = ",",
    extra: str = "",
    encoding: str = "ISO8859-1",
    change: Callable[[str], str] = str,
) -> bytes:
    """A CardioSoft document; `change` may rewrite its text before it is encoded."""
    rows = stored_units() if rows is None else rows
    leads = "".join(
        tag("WaveformData", f"\r\n\t\t{numbers(row, separator)}", lead=name)
        for name, row in rows.items()
    )
    if count is None:
        count = len(next(iter(rows.values()), ()))
    strip = tag("StripData", rate + tag("ChannelSampleCountTotal", count) + resolution + leads)
    when = tag("ObservationDateTime", tags({"Day": 1, "Month": 1, "Year": 2000}))
    body = when + tag("PatientInfo", patient) + extra + strip * strips
    text = f'<?xml version="1.0" encoding="{encoding}" ?>\r\n' + tag("CardiologyXML", body)
    return change(text).encode("latin-1")
