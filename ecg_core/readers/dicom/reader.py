"""Reader of DICOM's 12-lead and General ECG Waveform Storage."""

from collections.abc import Sequence
from datetime import date
from types import MappingProxyType
from typing import ClassVar

from ecg_core.errors import Fault, FaultCode, UnreadableRecording
from ecg_core.leads import LEADS, derivable_leads
from ecg_core.readers.assembly import (
    StoredLead,
    malformed_file,
    recording_of,
    unsupported_content,
    waveform_left_out,
)
from ecg_core.readers.base import ReadLimits, SingleFileReader
from ecg_core.readers.dicom.elements import Elements, begins_like_dicom, read_elements
from ecg_core.readers.dicom.groups import Group, group_of, has_data, leads_of
from ecg_core.readers.patient import age_between, mentions_pacemaker, patient_notes
from ecg_core.recording import Note, Recording

_SOP_CLASS, _MEDIA_SOP_CLASS = 0x0008_0016, 0x0002_0002
_WAVEFORMS = 0x5400_0100
_AGE, _BIRTH_DATE, _ALERTS = 0x0010_1010, 0x0010_0030, 0x0010_2000
_ACQUIRED, _STUDY_DATE = 0x0008_002A, 0x0008_0020
_CONTEXT, _ANNOTATIONS, _ANNOTATION_TEXT = 0x0040_0555, 0x0040_B020, 0x0070_0006
_CONCEPT_NAME, _CONCEPT_CODE, _TEXT_VALUE = 0x0040_A043, 0x0040_A168, 0x0040_A160
_CODE_MEANING = 0x0008_0104

_WAVEFORM_STORAGE = "1.2.840.10008.5.1.4.1.1.9."
# 12-lead, general, and general of 32 bits.
_READ = frozenset(f"{_WAVEFORM_STORAGE}{number}" for number in ("1.1", "1.2", "1.4"))
_NOT_READ = MappingProxyType(
    {
        f"{_WAVEFORM_STORAGE}1.3": "an ambulatory ECG",
        f"{_WAVEFORM_STORAGE}2.1": "a haemodynamic waveform",
        f"{_WAVEFORM_STORAGE}3.1": "an electrophysiological study",
        "1.2.840.10008.5.1.4.1.1.104.1": "a PDF, not an ECG's samples",
    }
)
_MOST_GROUPS = 32
_YEARS = MappingProxyType({"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25})
# Leads that are recorded one after the other are so for 2.5 or 5 s each; what lasts longer and
# says nothing else began together.
_LONGEST_STRIP_S = 5.0


class DicomReader(SingleFileReader):
    """Reads one DICOM object, with its preamble or without."""

    title: ClassVar[str] = "a DICOM ECG"

    def recognises(self, first_bytes: bytes) -> bool:
        """Whether it begins as DICOM does; which kind of object it is, reading tells."""
        return begins_like_dicom(first_bytes)

    def read_file(self, content: bytes, limits: ReadLimits) -> Recording:
        """Read the rhythm of all leads; median beats and other waveforms are left out by name.

        Raises:
            RecordingTooLarge: It is larger than the limit once inflated.
            UnreadableRecording: It is broken, inconsistent, of a class that is not read, or its
                leads were not recorded together.
            UnusableRecording: It lacks leads, rate, units or a plausible gain.
        """
        elements = read_elements(content, limits.max_file_bytes)
        _check_class(elements)
        # Some exporters leave the place of beats that they did not average, and nothing in it.
        items = [item for item in elements.items(_WAVEFORMS)[: _MOST_GROUPS + 1] if has_data(item)]
        if not items:
            raise malformed_file("the DICOM object holds no waveform")
        if len(items) > _MOST_GROUPS:
            raise unsupported_content(f"the DICOM object has more than {_MOST_GROUPS} waveforms")
        joined, notes = _chosen([group_of(item) for item in items])
        leads: list[StoredLead] = []
        faults: list[Fault] = []
        for group in joined:
            of_group, wrong = leads_of(group)
            leads += of_group
            faults += wrong
        notes += patient_notes(_age_years(elements), mentions_pacemaker(_statements(elements)))
        rate_hz = joined[0].sampling_rate_hz
        return recording_of(leads, rate_hz, "dicom", limits, notes, faults)


def _check_class(elements: Elements) -> None:
    sop_class = elements.text(_SOP_CLASS) or elements.text(_MEDIA_SOP_CLASS)
    if sop_class in _READ:
        return
    what = _NOT_READ.get(sop_class, "neither a 12-lead nor a general ECG")
    raise unsupported_content(f"the DICOM object is {what}")


def _chosen(groups: Sequence[Group]) -> tuple[list[Group], list[Note]]:
    """The groups that make the recording, and notes on the others.

    Raises:
        UnreadableRecording: Its leads stand in groups of different times.
    """
    rhythms = [group for group in groups if not group.is_single_beats]
    notes = [waveform_left_out("median beats")] if len(rhythms) < len(groups) and rhythms else []
    candidates = rhythms or list(groups)
    main = max(candidates, key=lambda g: (len(g.standard_leads), not g.is_derived, g.samples))
    joined, held = [main], set(main.standard_leads)
    others = 0
    for group in candidates:
        if group is main:
            continue
        new = group.standard_leads - held
        if not new or held >= set(LEADS) - set(derivable_leads(tuple(held))):
            others += 1
        elif not _began_together(main, group):
            detail = "the leads stand in several waveforms that were not recorded at the same time"
            raise UnreadableRecording.of(FaultCode.LEADS_NOT_SIMULTANEOUS, detail)
        else:
            joined.append(group)
            held |= new
    if others:
        notes.append(waveform_left_out("further waveforms of the same or of other leads"))
    return joined, notes


def _began_together(one: Group, other: Group) -> bool:
    same_shape = (one.sampling_rate_hz, one.samples) == (other.sampling_rate_hz, other.samples)
    if one.offset_ms is None and other.offset_ms is None:
        return same_shape and one.duration_s > _LONGEST_STRIP_S
    offsets_ms = [0.0 if offset is None else offset for offset in (one.offset_ms, other.offset_ms)]
    return same_shape and offsets_ms[0] == offsets_ms[1]


def _age_years(elements: Elements) -> float | None:
    stated = elements.text(_AGE)
    if len(stated) == 4 and stated[:3].isdecimal() and stated[3] in _YEARS:
        return int(stated[:3]) * _YEARS[stated[3]]
    recorded = elements.text(_ACQUIRED) or elements.text(_STUDY_DATE)
    return age_between(_date(elements.text(_BIRTH_DATE)), _date(recorded))


def _date(text: str) -> date | None:
    digits = text[:8]
    if len(digits) != 8 or not digits.isdecimal():
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def _statements(elements: Elements) -> list[str]:
    """What the file says of the patient and the recording, in short texts."""
    texts = [elements.text(_ALERTS)]
    for item in elements.items(_CONTEXT):
        codes = [*item.items(_CONCEPT_NAME), *item.items(_CONCEPT_CODE)]
        texts.append(" ".join([*(c.text(_CODE_MEANING) for c in codes), item.text(_TEXT_VALUE)]))
    texts += [item.text(_ANNOTATION_TEXT) for item in elements.items(_ANNOTATIONS)]
    return texts
