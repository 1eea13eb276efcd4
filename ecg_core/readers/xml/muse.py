"""Reader of GE MUSE XML ("RestingECG"), as MUSE exports resting ECGs."""

import zlib
from collections.abc import Sequence
from fractions import Fraction
from typing import ClassVar
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

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
    date_of,
    decoded_base64,
    exact_number,
    statements_of,
    text_of,
    whole_number,
)
from ecg_core.recording import Note, Recording

_RHYTHM, _MEDIAN = "rhythm", "median"
_SAMPLE_BYTES = 2
_LARGEST_EXPONENT = 9
_DATE = "%m-%d-%Y"
# What these mean is documented nowhere; all files seen hold zeros.
_UNDOCUMENTED = ("FirstSampleBaseline", "LeadOffsetFirstSample")


class MuseReader(XmlReader):
    """Reads the rhythm waveform of a MUSE export; usually of eight leads, the others follow."""

    title: ClassVar[str] = "GE MUSE XML"
    root: ClassVar[str] = "RestingECG"

    def read_document(self, root: Element, limits: ReadLimits) -> Recording:
        """See `XmlReader`."""
        waveforms = root.findall("Waveform")
        rhythm = _rhythm_of(waveforms)
        stored = _stored_leads(rhythm.findall("LeadData"))
        notes = [waveform_left_out("median beats")] if len(waveforms) > 1 else []
        return recording_of(stored, _rate_hz(rhythm), "muse", limits, [*notes, *_patient(root)])


def _rhythm_of(waveforms: Sequence[Element]) -> Element:
    """The rhythm: told by its type, wherever it stands; one without a type is one."""
    kinds = [text_of(waveform, "WaveformType").lower() or _RHYTHM for waveform in waveforms]
    if kinds.count(_RHYTHM) > 1:
        detail = "the document holds several rhythm waveforms"
        raise UnreadableRecording.of(FaultCode.SEVERAL_RECORDINGS, detail)
    if _RHYTHM not in kinds:
        raise malformed_file("the document holds no rhythm waveform")
    return waveforms[kinds.index(_RHYTHM)]


def _rate_hz(waveform: Element) -> float | None:
    base = exact_number(text_of(waveform, "SampleBase"), decimal_comma=True)
    exponent = whole_number(text_of(waveform, "SampleExponent") or "0")
    if base is None or exponent is None or abs(exponent) > _LARGEST_EXPONENT:
        return None
    return float(base * Fraction(10) ** exponent)


def _stored_leads(elements: Sequence[Element]) -> list[StoredLead]:
    stored = each_lead(elements, _stored_lead)
    offsets = {exact_number(text_of(element, "LeadTimeOffset") or "0") for element in elements}
    if len(offsets) > 1:
        detail = "the leads were not recorded at the same time"
        raise UnreadableRecording.of(FaultCode.LEADS_NOT_SIMULTANEOUS, detail)
    return stored


def _stored_lead(element: Element) -> StoredLead:
    name = text_of(element, "LeadID")
    if not is_read(name):
        return StoredLead(name, None)
    for tag in _UNDOCUMENTED:
        if exact_number(text_of(element, tag) or "0") != 0:
            raise unsupported_content(f"a lead has a {tag} other than 0")
    scale = exact_number(text_of(element, "LeadAmplitudeUnitsPerBit"), decimal_comma=True)
    unit = text_of(element, "LeadAmplitudeUnits").lower().removesuffix("s")
    return scaled_lead(name, _samples(element), scale, unit)


def _samples(element: Element) -> NDArray[np.int64]:
    """Two bytes a sample, the lower first, as many and with the checksum that are declared."""
    content = decoded_base64(text_of(element, "WaveFormData"))
    if not content:
        raise malformed_file("the samples of a lead are not there, or no base64")
    if whole_number(text_of(element, "LeadSampleSize") or "2") != _SAMPLE_BYTES:
        raise unsupported_content("a lead's samples are not of two bytes")
    declared = {
        whole_number(text_of(element, "LeadByteCountTotal") or str(len(content))),
        _SAMPLE_BYTES
        * (whole_number(text_of(element, "LeadSampleCountTotal") or str(len(content) // 2)) or 0),
    }
    if declared != {len(content)}:
        raise malformed_file("a lead holds more or fewer samples than it declares")
    checksum = whole_number(text_of(element, "LeadDataCRC32") or "0")
    # Zero stands for "not computed" in the exports of some programs.
    if checksum is None or (checksum and (checksum - zlib.crc32(content)) % 2**32):
        raise malformed_file("the checksum of a lead is not that of its samples")
    return np.frombuffer(content, "<i2").astype(np.int64)


def _patient(root: Element) -> list[Note]:
    statements = statements_of(root.iterfind("Diagnosis/DiagnosisStatement/StmtText"))
    has_pacemaker = _has_spikes(root) or mentions_pacemaker(statements)
    return patient_notes(_age_years(root), has_pacemaker)


def _age_years(root: Element) -> float | None:
    age = exact_number(text_of(root, "PatientDemographics/PatientAge"))
    years = age_in_years(age, text_of(root, "PatientDemographics/AgeUnits"))
    if years is not None:
        return years
    birth = date_of(text_of(root, "PatientDemographics/DateofBirth"), _DATE)
    acquired = date_of(text_of(root, "TestDemographics/AcquisitionDate"), _DATE)
    return age_between(birth, acquired)


def _has_spikes(root: Element) -> bool:
    """Whether the device found the spikes of a pacemaker."""
    return any(
        text_of(child) for spikes in root.iterfind("Waveform/PaceSpikes") for child in spikes
    )
