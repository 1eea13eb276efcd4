"""Reader of GE CardioSoft XML ("CardiologyXML"), resting ECGs."""

from datetime import date
from fractions import Fraction
from functools import partial
from types import MappingProxyType
from typing import ClassVar
from xml.etree.ElementTree import Element

from ecg_core.errors import FaultCode, UnreadableRecording
from ecg_core.readers.assembly import (
    StoredLead,
    malformed_file,
    recording_of,
    unsupported_content,
    waveform_left_out,
)
from ecg_core.readers.base import ReadLimits
from ecg_core.readers.patient import age_between, age_in_years, mentions_pacemaker, patient_notes
from ecg_core.readers.scaling import each_lead, is_read, scaled_lead
from ecg_core.readers.xml.reader import XmlReader
from ecg_core.readers.xml.values import (
    exact_number,
    most_samples,
    sample_row,
    statements_of,
    text_of,
    whole_number,
)
from ecg_core.recording import Note, Recording

_RESOLUTION_MARK = "perlsb"
_LEFT_OUT = MappingProxyType(
    {
        "RestingECGMeasurements/MedianSamples": "median beats",
        "VectorLoops": "vector loops",
        "FullDisclosure": "a full disclosure",
    }
)


class CardioSoftReader(XmlReader):
    """Reads the strip of a CardioSoft export."""

    title: ClassVar[str] = "GE CardioSoft XML"
    root: ClassVar[str] = "CardiologyXML"

    def read_document(self, root: Element, limits: ReadLimits) -> Recording:
        """See `XmlReader`."""
        strips = root.findall("StripData")
        if len(strips) > 1:
            detail = "the document holds several strips"
            raise UnreadableRecording.of(FaultCode.SEVERAL_RECORDINGS, detail)
        if not strips:
            raise malformed_file("the document holds no strip of a resting ECG")
        stored = _stored_leads(strips[0], most_samples(limits))
        notes = [
            waveform_left_out(what)
            for path, what in _LEFT_OUT.items()
            if root.find(path) is not None
        ]
        rate_hz = _rate_hz(strips[0])
        return recording_of(stored, rate_hz, "cardiosoft", limits, [*notes, *_patient(root)])


def _rate_hz(strip: Element) -> float | None:
    rate = strip.find("SampleRate")
    if rate is None or rate.get("units", "Hz") != "Hz":
        return None
    number = exact_number(rate.text or "", decimal_comma=True)
    return None if number is None else float(number)


def _stored_leads(strip: Element, longest: int) -> list[StoredLead]:
    scale, unit = _resolution(strip)
    declared = text_of(strip, "ChannelSampleCountTotal")
    read = partial(_stored_lead, scale=scale, unit=unit, declared=declared, longest=longest)
    return each_lead(strip.iterfind("WaveformData"), read)


def _resolution(strip: Element) -> tuple[Fraction | None, str]:
    """Size and unit of a step: "uVperLsb"."""
    element = strip.find("Resolution")
    if element is None:
        return None, ""
    unit = element.get("units", "")
    if not unit.lower().endswith(_RESOLUTION_MARK):
        unit = ""
    scale = exact_number(element.text or "", decimal_comma=True)
    return scale, unit[: -len(_RESOLUTION_MARK)]


def _stored_lead(
    element: Element, scale: Fraction | None, unit: str, declared: str, longest: int
) -> StoredLead:
    name = element.get("lead", "")
    if not is_read(name):
        return StoredLead(name, None)
    row = sample_row((element.text or "").replace(",", " "), longest)
    if row is None:
        raise malformed_file("the samples of a lead are no numbers, or too many")
    if row.dtype.kind != "i":
        raise unsupported_content("a lead's samples are not whole numbers")
    if declared and whole_number(declared) != len(row):
        raise malformed_file("a lead holds more or fewer samples than are declared")
    return scaled_lead(name, row, scale, unit)


def _patient(root: Element) -> list[Note]:
    statements = statements_of(root.iterfind("Interpretation/Diagnosis/DiagnosisText"))
    is_said = text_of(root, "PatientInfo/PaceMaker").lower() in {"yes", "true", "1"}
    has_pacemaker = is_said or mentions_pacemaker(statements)
    return patient_notes(_age_years(root), has_pacemaker)


def _age_years(root: Element) -> float | None:
    age = root.find("PatientInfo/Age")
    number = exact_number(text_of(age))
    if age is not None and number is not None:
        return age_in_years(number, age.get("units", "years"))
    birth = _date(root.find("PatientInfo/BirthDateTime"))
    return age_between(birth, _date(root.find("ObservationDateTime")))


def _date(element: Element | None) -> date | None:
    numbers = [whole_number(text_of(element, tag)) for tag in ("Year", "Month", "Day")]
    try:
        return date(*(number or 0 for number in numbers))
    except (ValueError, OverflowError):
        return None
