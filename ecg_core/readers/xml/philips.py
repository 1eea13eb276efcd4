"""Reader of Philips Sierra XML 1.03 and 1.04 ("restingecgdata"), plain or compressed."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import FaultCode, UnusableRecording
from ecg_core.leads import LEADS, LIMB_LEADS, standard_lead_name
from ecg_core.readers.assembly import (
    StoredLead,
    malformed_file,
    recording_of,
    unsupported_content,
    waveform_left_out,
)
from ecg_core.readers.base import ReadLimits
from ecg_core.readers.patient import age_between, mentions_pacemaker, patient_notes
from ecg_core.readers.scaling import MOST_LEADS, each_lead, is_read, scaled_lead
from ecg_core.readers.xml import xli
from ecg_core.readers.xml.calibration_pulse import without_calibration_pulse
from ecg_core.readers.xml.reader import XmlReader
from ecg_core.readers.xml.values import (
    date_of,
    decoded_base64,
    exact_number,
    most_samples,
    sample_row,
    statements_of,
    text_of,
    whole_number,
)
from ecg_core.recording import Note, Recording

_VERSIONS = ("1.03", "1.04")
_TWELVE_LEADS = frozenset({"STD-12", "10-WIRE"})
_SAMPLE_BYTES = 2
_UNIT = "uV"
# Ten minutes of 12 leads at 500 Hz: more is no resting ECG, but a bomb.
_MOST_UNPACKED_BYTES = 8 * 1024 * 1024
_NOT_READ = np.empty(0, np.int64)
_PACED = frozenset({"yes", "paced", "pacemaker", "true"})


class _Facts(NamedTuple):
    """What the document says of its waveforms; see `_facts`."""

    names: tuple[str, ...]
    rate_hz: float
    sample_count: int


class PhilipsReader(XmlReader):
    """Reads the parsed waveforms of a Philips document, without their calibration pulse."""

    title: ClassVar[str] = "Philips Sierra XML"
    root: ClassVar[str] = "restingecgdata"

    def read_document(self, root: Element, limits: ReadLimits) -> Recording:
        """See `XmlReader`."""
        _check_version(text_of(root, "documentinfo/documentversion"))
        waveforms = root.find("waveforms/parsedwaveforms")
        if waveforms is None:
            raise malformed_file("the document holds no parsed waveforms")
        signal = root.find("dataacquisition/signalcharacteristics")
        described = _Described(waveforms, signal)
        facts = _facts(described, limits)
        stored = _leads(_rows(described, facts), facts.names, described)
        stored, pulse_notes = without_calibration_pulse(stored, facts.rate_hz)
        notes = [*pulse_notes, *_notes(root)]
        return recording_of(stored, facts.rate_hz, "philips", limits, notes)


class _Described:
    """The waveforms' own attributes (1.04), or else what the acquisition says (1.03)."""

    def __init__(self, waveforms: Element, signal: Element | None) -> None:
        self.waveforms = waveforms
        self._signal = signal

    def get(self, attribute: str, *tags: str, default: str = "") -> str:
        """The attribute, or the text of the first of these elements that has one."""
        texts = [self.waveforms.get(attribute, "").strip()]
        texts += [text_of(self._signal, tag) for tag in tags]
        return next(filter(None, texts), default)


def _check_version(version: str) -> None:
    if not version.startswith(_VERSIONS):
        raise unsupported_content("the document is of a version other than 1.03 and 1.04")


def _facts(described: _Described, limits: ReadLimits) -> _Facts:
    rate = exact_number(described.get("samplespersecond", "samplingrate"))
    if rate is None or rate <= 0:
        detail = "the document gives no sampling rate"
        raise UnusableRecording.of(FaultCode.MISSING_SAMPLING_RATE, detail)
    duration_ms = exact_number(described.get("durationperchannel"))
    count = None if duration_ms is None else duration_ms * rate / 1000
    if count is None or count <= 0 or count.denominator != 1:
        raise malformed_file("the document gives no whole number of samples a lead")
    if count > most_samples(limits):
        detail = f"the recording is longer than {limits.max_duration_s:g} s"
        raise UnusableRecording.of(FaultCode.TOO_LONG, detail)
    return _Facts(_names(described), float(rate), int(count))


def _names(described: _Described) -> tuple[str, ...]:
    names = tuple(described.get("leadlabels").split())
    declared = described.get("numberofleads", "numberchannelsallocated", "numberchannelsvalid")
    if not names and described.get("", "acquisitiontype", "leadset") in _TWELVE_LEADS:
        names = LEADS
    if not names:
        detail = "the document does not name its leads"
        raise UnusableRecording.of(FaultCode.UNKNOWN_LEAD, detail)
    if len(names) > MOST_LEADS:
        raise unsupported_content(f"the document names more than {MOST_LEADS} leads")
    if declared and whole_number(declared) != len(names):
        raise malformed_file("the document names more or fewer leads than it declares")
    return names


def _rows(described: _Described, facts: _Facts) -> Sequence[NDArray[np.int64]]:
    """The stored values of each lead."""
    _check_storage(described)
    method = _compression(described.waveforms)
    encoding = described.get("dataencoding").lower()
    text = described.waveforms.text or ""
    if method == "xli" and encoding == "base64":
        return _unpacked(text, facts)
    if method:
        raise unsupported_content("the waveforms are compressed otherwise than by XLI")
    if encoding == "base64":
        signed = described.get("signalsigned", "signalsigned", default="True").lower() != "false"
        row = np.frombuffer(_bytes(text), "<i2" if signed else "<u2").astype(np.int64)
    elif encoding == "plain":
        row = _plain(text, len(facts.names) * facts.sample_count)
    else:
        raise unsupported_content("the waveforms are encoded otherwise than by Base64 or Plain")
    if len(row) != len(facts.names) * facts.sample_count:
        raise malformed_file("the waveforms hold more or fewer samples than are declared")
    return list(row.reshape(len(facts.names), facts.sample_count))


def _check_storage(described: _Described) -> None:
    bits = described.get("bitspersample", "bitspersample") or described.get("nbitspersample")
    if bits and whole_number(bits) != 8 * _SAMPLE_BYTES:
        raise unsupported_content("the samples are not of 16 bits")


def _compression(waveforms: Element) -> str:
    """The method, in lower case; empty where there is none."""
    if waveforms.get("compressflag", "true").lower() == "false":
        return ""
    method = (waveforms.get("compression") or waveforms.get("compressmethod") or "").lower()
    return "" if method in {"none", "uncompressed"} else method


def _bytes(text: str) -> bytes:
    content = decoded_base64(text)
    if not content or len(content) % _SAMPLE_BYTES:
        raise malformed_file("the waveforms are no base64 of whole samples")
    return content


def _plain(text: str, count: int) -> NDArray[np.int64]:
    row = sample_row(text, count)
    if row is None:
        raise malformed_file("the waveforms are no numbers, or too many")
    if row.dtype.kind != "i":
        raise unsupported_content("the samples are not whole numbers")
    return row.astype(np.int64)


def _unpacked(text: str, facts: _Facts) -> list[NDArray[np.int64]]:
    if len(facts.names) * facts.sample_count * _SAMPLE_BYTES > _MOST_UNPACKED_BYTES:
        detail = f"the waveforms would unpack to more than {_MOST_UNPACKED_BYTES} bytes"
        raise UnusableRecording.of(FaultCode.TOO_LONG, detail)
    if tuple(map(standard_lead_name, facts.names[: len(LIMB_LEADS)])) != LIMB_LEADS:
        raise unsupported_content("compressed leads begin otherwise than with the six limb leads")
    content = decoded_base64(text)
    if not content:
        raise malformed_file("the waveforms are no base64")
    try:
        chunks = xli.chunks_of(content, len(facts.names))
        rows = [
            xli.unpack_chunk(chunk, facts.sample_count) if is_read(name) else _NOT_READ
            for name, chunk in zip(facts.names, chunks, strict=False)
        ]
    except ValueError as error:
        raise malformed_file(str(error)) from error
    if len(rows) != len(facts.names):
        raise malformed_file("the waveforms hold fewer leads than are declared")
    return xli.without_residuals(rows)


def _leads(
    rows: Sequence[NDArray[np.int64]], names: Sequence[str], described: _Described
) -> list[StoredLead]:
    scale = exact_number(described.get("resolution", "resolution", "signalresolution"))
    zero = exact_number(described.get("signaloffset", "signaloffset", default="0"))
    if zero is None:
        raise malformed_file("the signal's offset is no number")

    def stored_lead(named: tuple[str, NDArray[np.int64]]) -> StoredLead:
        name, row = named
        if not is_read(name):
            return StoredLead(name, None)
        return scaled_lead(name, row - int(zero), scale, _UNIT)

    return each_lead(zip(names, rows, strict=True), stored_lead)


def _notes(root: Element) -> list[Note]:
    is_said = text_of(root, "patient/generalpatientdata/pacestatus").lower() in _PACED
    has_pacemaker = is_said or mentions_pacemaker(statements_of(root.iter("leftstatement")))
    notes = patient_notes(_age_years(root), has_pacemaker)
    if root.find("waveforms/repbeats") is not None:
        notes.append(waveform_left_out("representative beats"))
    return notes


def _age_years(root: Element) -> float | None:
    """The age as it is given (`defaultage` is a setting of the device), or from the birth."""
    patient = root.find("patient/generalpatientdata")
    years = exact_number(text_of(patient, "age/years"))
    if years is not None:
        return float(years)
    acquisition = root.find("dataacquisition")
    acquired = "" if acquisition is None else acquisition.get("date", "")
    birth = text_of(patient, "age/dateofbirth") or text_of(patient, "dateofbirth")
    return age_between(date_of(birth, "%Y-%m-%d"), date_of(acquired, "%Y-%m-%d"))
