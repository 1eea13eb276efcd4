"""Reader of HL7 annotated ECGs (aECG, ANSI/HL7 V3 ECG R1-2004): the XML that trials submit."""

from collections.abc import Iterable, Iterator
from datetime import date
from fractions import Fraction
from functools import partial
from types import MappingProxyType
from typing import ClassVar, NamedTuple
from xml.etree.ElementTree import Element

from ecg_core.errors import FaultCode, UnreadableRecording, UnusableRecording
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
from ecg_core.readers.xml.calibration_pulse import without_calibration_pulse
from ecg_core.readers.xml.reader import XmlReader
from ecg_core.readers.xml.values import (
    date_of,
    exact_number,
    most_samples,
    sample_row,
    statements_of,
)
from ecg_core.recording import Recording

_BEAT = "REPRESENTATIVE_BEAT"
_LEAD_MARK = "_ECG_LEAD_"
_LEAD_NAMES = MappingProxyType({"AVRNEG": "-aVR"})
_SECONDS = MappingProxyType(
    {
        "s": Fraction(1),
        "ms": Fraction(1, 10**3),
        **dict.fromkeys(("us", "\u00b5s", "\u03bcs"), Fraction(1, 10**6)),
    }
)
_INTERPRETATION = "MDC_ECG_INTERPRETATION"
_REPORTED_AGE = "21612-7"  # LOINC


class _Timing(NamedTuple):
    """When a set of sequences was sampled: those of equal timing belong together."""

    head: str
    increment_s: Fraction


class AecgReader(XmlReader):
    """Reads the rhythm of an HL7 aECG; derived beats are left out."""

    title: ClassVar[str] = "HL7 aECG"
    root: ClassVar[str] = "AnnotatedECG"

    def read_document(self, root: Element, limits: ReadLimits) -> Recording:
        """See `XmlReader`."""
        rhythms = [series for series in root.iterfind("component/series") if not _is_beat(series)]
        if not rhythms:
            raise malformed_file("the document holds no rhythm series")
        timing, sequences = _joined(rhythms)
        rate_hz = float(1 / timing.increment_s)
        leads = [sequence for sequence in sequences if _LEAD_MARK in _code(sequence).upper()]
        stored = each_lead(leads, partial(_stored_lead, longest=most_samples(limits)))
        stored, pulse_notes = without_calibration_pulse(stored, rate_hz)
        notes = [
            *pulse_notes,
            *patient_notes(_age_years(root), mentions_pacemaker(_statements(root))),
        ]
        if any(_is_beat(series) for series in _all_series(root)):
            notes.append(waveform_left_out("representative beats"))
        return recording_of(stored, rate_hz, "aecg", limits, notes)


def _all_series(root: Element) -> Iterator[Element]:
    yield from root.iterfind("component/series")
    yield from root.iterfind("component/series/derivation/derivedSeries")


def _is_beat(series: Element) -> bool:
    return _attribute(series, "code", "code").upper() == _BEAT


def _attribute(element: Element, path: str, name: str) -> str:
    found = element.find(path)
    return "" if found is None else found.get(name, "").strip()


def _joined(rhythms: Iterable[Element]) -> tuple[_Timing, list[Element]]:
    """The leads of all sets; sets of different times are other recordings, or other stretches."""
    timings: set[_Timing] = set()
    leads: list[Element] = []
    for series in rhythms:
        for sequence_set in series.iterfind("component/sequenceSet"):
            sequences = sequence_set.findall("component/sequence")
            times = [one for one in sequences if _is_time(one)]
            if not times:
                raise malformed_file("a set of leads has no time")
            # Absolute and relative time may stand beside each other; heads of one kind compare.
            timings.add(_timing(times[0]))
            if len({_timing(one).increment_s for one in times}) > 1:
                raise malformed_file("a set of leads has several sampling intervals")
            leads += [one for one in sequences if not _is_time(one)]
    if not leads:
        raise malformed_file("the document holds no leads")
    if len(timings) > 1 and len(leads) > len(set(map(_code, leads))):
        detail = "the document holds rhythms of several times: send one recording a file"
        raise UnreadableRecording.of(FaultCode.SEVERAL_RECORDINGS, detail)
    if len(timings) > 1:
        detail = "the rhythm's leads were recorded at different times or rates"
        raise UnreadableRecording.of(FaultCode.LEADS_NOT_SIMULTANEOUS, detail)
    return timings.pop(), leads


def _is_time(sequence: Element) -> bool:
    return _code(sequence).upper().startswith("TIME_")


def _code(sequence: Element) -> str:
    return _attribute(sequence, "code", "code")


def _timing(sequence: Element) -> _Timing:
    step = exact_number(_attribute(sequence, "value/increment", "value"))
    unit_s = _SECONDS.get(_attribute(sequence, "value/increment", "unit"))
    if step is None or step <= 0 or unit_s is None:
        detail = "the document gives no sampling interval in s, ms or us"
        raise UnusableRecording.of(FaultCode.MISSING_SAMPLING_RATE, detail)
    return _Timing(_attribute(sequence, "value/head", "value"), step * unit_s)


def _stored_lead(sequence: Element, longest: int) -> StoredLead:
    """Origin plus scale times digits."""
    code = _code(sequence).upper().partition(_LEAD_MARK)[2]
    name = _LEAD_NAMES.get(code, code)
    if not is_read(name):
        return StoredLead(name, None)
    value = sequence.find("value")
    if value is None or value.get("type", "SLIST_PQ").rpartition(":")[2] != "SLIST_PQ":
        raise unsupported_content("a lead is stored in another way than as an SLIST_PQ")
    digits = sample_row(value.findtext("digits") or "", longest)
    origin = exact_number(_attribute(value, "origin", "value") or "0")
    if digits is None or origin is None:
        raise malformed_file("the digits or the origin of a lead are no numbers, or too many")
    scale = exact_number(_attribute(value, "scale", "value"))
    unit = _attribute(value, "scale", "unit")
    return scaled_lead(name, digits, scale, unit, origin, _attribute(value, "origin", "unit"))


def _age_years(root: Element) -> float | None:
    for annotation in root.iter("annotation"):
        if _attribute(annotation, "code", "code") == _REPORTED_AGE:
            age = exact_number(_attribute(annotation, "value", "value"))
            years = age_in_years(age, _attribute(annotation, "value", "unit"))
            if years is not None:
                return years
    birth = next(root.iter("birthTime"), None)
    return age_between(_date(birth), _acquired(root))


def _statements(root: Element) -> Iterator[str]:
    """What an analysis says of the ECG."""
    said = (
        annotation.find("value")
        for annotation in root.iter("annotation")
        if _attribute(annotation, "code", "code").startswith(_INTERPRETATION)
    )
    return statements_of(said)


def _acquired(root: Element) -> date | None:
    when = root.find("effectiveTime")
    return None if when is None else next(filter(None, map(_date, when)), None)


def _date(element: Element | None) -> date | None:
    """The day of an HL7 time stamp: YYYYMMDD, then what may be left out."""
    return None if element is None else date_of(element.get("value", "")[:8], "%Y%m%d")
