"""Builder of DICOM waveforms, sound and broken in every way that tests ask for."""

import zlib
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as Items

from ecg_core.readers.base import UploadedFile
from ecg_core.recording import Recording
from tests.support.recordings import make_recording

TWELVE_LEADS = "1.2.840.10008.5.1.4.1.1.9.1.1"
SYNTAXES = {
    "implicit": "1.2.840.10008.1.2",
    "explicit": "1.2.840.10008.1.2.1",
    "big endian": "1.2.840.10008.1.2.2",
    "deflated": "1.2.840.10008.1.2.1.99",
}
# EN 1064's numbers of the leads, which MDC shares.
NUMBERS = {"I": 1, "II": 2, "III": 61, "aVR": 62, "aVL": 63, "aVF": 64, "-aVR": 65} | {
    f"V{n}": n + 2 for n in range(1, 8)
}
NUMBERS |= {"V3R": 11, "V4R": 12}
_UNITS_PER_MV = {"uV": 1e3, "mV": 1.0, "V": 1e-3, "nV": 1e6}
_PREAMBLE = b"\0" * 128 + b"DICM"


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """A coded entry."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def lead_code(lead: str, scheme: str) -> Dataset:
    """A lead as a coding scheme has it; any other scheme leaves only its meaning to tell."""
    number = NUMBERS.get(lead, 0)
    value = {"MDC": f"2:{number}", "SCPECG": f"5.6.3-9-{number}"}.get(scheme, "x")
    return code(value, scheme, f"Lead {lead}")


def make_group(
    recording: Recording | None = None,
    *,
    unit: str = "uV",
    sensitivity: float | str = 2.5,
    correction: float | str | None = 1,
    baseline: float | str | None = 0,
    bits: int = 16,
    signed: bool = True,
    scheme: str = "MDC",
    names: Sequence[str] | None = None,
    label: str | None = None,
    originality: str = "ORIGINAL",
    padding: int | None = None,
    stored: NDArray[np.int64] | None = None,
    big_endian: bool = False,
    channel: dict[str, Any] | None = None,
    **elements: Any,
) -> Dataset:
    """A multiplex group.

    Args:
        recording: What it holds; ten seconds of a regular rhythm by default.
        unit: Of sensitivity and baseline; "" leaves the units out.
        sensitivity: Units a step.
        correction: Its correction factor.
        baseline: Units of sample value 0.
        bits, signed: What is allocated for a sample.
        scheme: How leads are coded.
        names: Of the leads, where they are not the recording's.
        label: Of the group.
        originality: ORIGINAL or DERIVED.
        padding: Padding value to declare.
        stored: Samples to store, shape (sample, lead), in place of the recording's.
        big_endian: Whether the samples are to be stored so.
        channel: Elements of every channel to set, or with None to leave out.
        elements: Elements of the group to set, or with None to leave out.
    """
    recording = recording or make_recording()
    kind = np.dtype(f"{'i' if signed else 'u'}{bits // 8}")
    if stored is None:
        step = float(sensitivity) * float(correction or 1)
        in_units = recording.samples_mv.T.astype(np.float64) * _UNITS_PER_MV.get(unit, 1e3)
        stored = np.round((in_units - float(baseline or 0)) / step).astype(np.int64)
    group = _bare_group(stored, recording.sampling_rate_hz, originality, label)
    channels = [
        _channel(name, unit, sensitivity, correction, baseline, bits, scheme, channel or {})
        for name in (names or recording.leads)[: stored.shape[1]]
    ]
    group.ChannelDefinitionSequence = Items(channels)
    group.WaveformBitsAllocated = bits
    letter = {8: "B", 16: "S", 32: "L"}[bits]
    group.WaveformSampleInterpretation = ("S" if signed else "U") + letter
    order = ">" if big_endian else "<"
    data = stored.astype(kind.newbyteorder(order)).tobytes()
    group.add_new(0x54001010, "OB" if bits == 8 else "OW", data + b"\0" * (len(data) % 2))
    if padding is not None:
        value = np.array(padding).astype(kind.newbyteorder(order)).tobytes()
        group.add_new(0x5400100A, "OB" if bits == 8 else "OW", value + b"\0" * (len(value) % 2))
    return _changed(group, elements)


def make_dicom(
    *groups: Dataset,
    syntax: str = "explicit",
    preamble: bool = True,
    sop_class: str = TWELVE_LEADS,
    declared_syntax: str | None = None,
    **elements: Any,
) -> UploadedFile:
    """A DICOM file of these groups; one of ten seconds by default.

    Args:
        groups: Its multiplex groups.
        syntax: One of `SYNTAXES`.
        preamble: Whether preamble and file meta information stand in front.
        sop_class: What kind of object it is.
        declared_syntax: UID to declare in place of the right one.
        elements: Further elements, or with None such as are to be left out.
    """
    content = Dataset()
    content.SpecificCharacterSet = "ISO_IR 100"
    content.SOPClassUID, content.SOPInstanceUID = sop_class, "1.2.3.4"
    content.PatientName, content.PatientID = "Mustermann^Erika", "MUSTER-4711"
    content.Modality = "ECG"
    chosen = groups or (make_group(big_endian=syntax == "big endian"),)
    content.WaveformSequence = Items(list(chosen))
    body = _body(_changed(content, elements), syntax)
    if not preamble:
        return UploadedFile("ecg", body)
    uid = (declared_syntax or SYNTAXES[syntax]).encode()
    uid += b"\0" * (len(uid) % 2)
    meta = b"\2\0\x10\0UI" + len(uid).to_bytes(2, "little") + uid
    return UploadedFile("ecg", _PREAMBLE + meta + body)


def with_waveforms(elements: bytes) -> UploadedFile:
    """A file of explicit little endian whose waveforms are these bytes."""
    return UploadedFile("ecg", make_dicom(WaveformSequence=None).content + elements)


def nested(depth: int, *, defined: bool = False) -> UploadedFile:
    """Waveforms within waveforms, of defined length or not."""
    head, undefined, item = b"\0T\0\1SQ\0\0", b"\xff\xff\xff\xff", b"\xfe\xff\0\xe0"
    if not defined:
        return with_waveforms((head + undefined + item + undefined) * depth)
    content = b""
    for _ in range(depth):
        content = head + sized(item + sized(content))
    return with_waveforms(content)


def inflating(size: int) -> UploadedFile:
    """A small file that inflates to so many bytes."""
    content = make_dicom(syntax="deflated").content
    start = content.index(SYNTAXES["deflated"].encode()) + len(SYNTAXES["deflated"])
    return UploadedFile("ecg", content[:start] + deflated(bytes(size)))


def sized(content: bytes) -> bytes:
    """The content behind its length."""
    return len(content).to_bytes(4, "little") + content


def deflated(body: bytes) -> bytes:
    """Raw deflate, as the deflated transfer syntax has it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def _body(content: Dataset, syntax: str) -> bytes:
    buffer = BytesIO()
    implicit, little = syntax == "implicit", syntax != "big endian"
    bare = FileDataset(None, content, file_meta=FileMetaDataset())
    dcmwrite(buffer, bare, implicit_vr=implicit, little_endian=little, enforce_file_format=False)
    body = buffer.getvalue()
    return deflated(body) if syntax == "deflated" else body


def _bare_group(
    stored: NDArray[np.int64], sampling_rate_hz: float, originality: str, label: str | None
) -> Dataset:
    group = Dataset()
    group.WaveformOriginality = originality
    group.NumberOfWaveformSamples, group.NumberOfWaveformChannels = stored.shape
    group.SamplingFrequency = f"{sampling_rate_hz:g}"
    if label is not None:
        group.MultiplexGroupLabel = label
    return group


def _channel(
    name: str,
    unit: str,
    sensitivity: float | str,
    correction: float | str | None,
    baseline: float | str | None,
    bits: int,
    scheme: str,
    changes: dict[str, Any],
) -> Dataset:
    channel = Dataset()
    channel.ChannelSourceSequence = Items([lead_code(name, scheme)])
    channel.ChannelSensitivity = str(sensitivity)
    if unit:
        channel.ChannelSensitivityUnitsSequence = Items([code(unit, "UCUM", unit)])
    if correction is not None:
        channel.ChannelSensitivityCorrectionFactor = str(correction)
    if baseline is not None:
        channel.ChannelBaseline = str(baseline)
    channel.ChannelSampleSkew = "0"
    channel.WaveformBitsStored = bits
    return _changed(channel, changes)


def _changed(dataset: Dataset, changes: dict[str, Any]) -> Dataset:
    for keyword, value in changes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset
