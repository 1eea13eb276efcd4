"""What a WFDB header must declare, and its signal file hold, before anything is decoded."""

import struct
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from ecg_core.errors import Fault, FaultCode
from ecg_core.plausibility import (
    duplicate_faults,
    excess_faults,
    gain_faults,
    rate_faults,
    unit_fault,
)
from ecg_core.readers.base import ReadLimits, UploadedFile
from ecg_core.readers.wfdb.grouping import SIGNAL_SUFFIXES
from ecg_core.readers.wfdb.header import SignalLine, WfdbHeader
from ecg_core.readers.wfdb.samples import BITS_PER_SAMPLE

# The Challenges' .mat is a MATLAB 4 matrix: five integers and the name "val", then the samples.
_MATLAB_HEADER = struct.Struct("<5i4s")
_MATLAB_INT16 = 30
_MATLAB_5 = b"MATLAB 5.0"

Frame = tuple[SignalLine, ...]


def header_faults(header: WfdbHeader, limits: ReadLimits) -> list[Fault]:
    """Every fault of a header that is syntactically sound."""
    faults = _rate_faults(header, limits)
    if header.signals:
        faults += _storage_faults(header)
        faults += _lead_faults([signal for frame in header.frames for signal in frame])
    return faults


def signal_file_faults(
    header: WfdbHeader, frame: Frame, signal_file: UploadedFile, limits: ReadLimits
) -> list[Fault]:
    """Every disagreement between the header and a signal file, but for the samples themselves."""
    declared_suffix = Path(frame[0].file_name).suffix.lower()
    if declared_suffix not in SIGNAL_SUFFIXES:
        detail = "the header names a signal file that is no .dat or .mat"
        return [Fault(FaultCode.UNSUPPORTED_HEADER, detail)]
    if declared_suffix != signal_file.suffix:
        detail = f"the header names a {declared_suffix}, the upload is a {signal_file.suffix}"
        return [Fault(FaultCode.SIGNAL_FILE_MISMATCH, detail)]
    if signal_file.content.startswith(_MATLAB_5):
        detail = "the .mat is a MATLAB 5 file: only the Challenges' MATLAB 4 matrices are read"
        return [Fault(FaultCode.SIGNAL_FILE_MISMATCH, detail)]
    faults = _offset_faults(frame, declared_suffix)
    if faults or frame[0].storage_format not in BITS_PER_SAMPLE:
        return faults
    held = samples_held(frame, signal_file.content)
    count = header.sample_count or held
    if count == 0 or not _is_size_of(frame, signal_file.content, count):
        detail = f"the header declares {count} samples a signal, the signal file holds {held}"
        if held == count:
            detail += " and bytes that make no further sample of each"
        faults.append(Fault(FaultCode.SIGNAL_FILE_MISMATCH, detail))
    if declared_suffix == ".mat" and not _is_matlab_matrix(frame, signal_file.content, count):
        detail = f"the .mat is no MATLAB 4 matrix of {len(frame)} x {count} 16-bit samples"
        faults.append(Fault(FaultCode.SIGNAL_FILE_MISMATCH, detail))
    if header.sampling_rate_hz is not None and not _rate_faults(header, limits):
        faults += excess_faults(count, header.sampling_rate_hz, limits.max_duration_s)
    return faults


def samples_held(frame: Frame, content: bytes) -> int:
    """How many whole frames the signal file holds."""
    bits = 8 * max(0, len(content) - frame[0].byte_offset)
    return bits // (BITS_PER_SAMPLE[frame[0].storage_format] * len(frame))


def _rate_faults(header: WfdbHeader, limits: ReadLimits) -> list[Fault]:
    if header.sampling_rate_hz is None:
        detail = "the header gives no sampling rate: state sampling_rate_hz"
        return [Fault(FaultCode.MISSING_SAMPLING_RATE, detail, field="sampling_rate_hz")]
    return rate_faults(
        header.sampling_rate_hz, limits.min_sampling_rate_hz, limits.max_sampling_rate_hz
    )


def _storage_faults(header: WfdbHeader) -> list[Fault]:
    frames = header.frames
    frame = [signal for each in frames for signal in each]
    groups = [name for name, _ in groupby(signal.file_name for signal in header.signals)]
    storages = [{(signal.storage_format, signal.byte_offset) for signal in f} for f in frames]
    unsupported = {
        "signals of one file that do not follow each other": len(groups) > len(set(groups)),
        "several formats or offsets in one file": any(len(each) > 1 for each in storages),
        f"a format other than {', '.join(BITS_PER_SAMPLE)}": any(
            signal.storage_format not in BITS_PER_SAMPLE for signal in frame
        ),
        "several samples a frame": any(signal.samples_per_frame != 1 for signal in frame),
        "skewed signals": any(signal.skew for signal in frame),
    }
    return [
        Fault(FaultCode.UNSUPPORTED_HEADER, f"the header declares {what}, which is not read")
        for what, is_so in unsupported.items()
        if is_so
    ]


def _lead_faults(frame: Sequence[SignalLine]) -> list[Fault]:
    """Faults of the standard leads; other signals are left out, so theirs do not matter."""
    leads = [(signal.lead, signal) for signal in frame if signal.lead is not None]
    if not leads:
        detail = "no signal bears the name of a standard lead: state lead_order"
        return [Fault(FaultCode.UNKNOWN_LEAD, detail, field="lead_order")]
    faults = duplicate_faults(lead for lead, _ in leads)
    for lead, signal in leads:
        bits = BITS_PER_SAMPLE.get(signal.storage_format, 32)
        if signal.has_known_units:
            faults += gain_faults(lead, signal.gain_per_mv, bits)
        else:
            faults.append(unit_fault(lead, "mV and uV"))
    return faults


def _offset_faults(frame: Frame, suffix: str) -> list[Fault]:
    offset = _MATLAB_HEADER.size if suffix == ".mat" else 0
    if frame[0].byte_offset == offset:
        return []
    detail = f"the samples of a {suffix} must begin at byte {offset}"
    return [Fault(FaultCode.UNSUPPORTED_HEADER, detail)]


def _is_size_of(frame: Frame, content: bytes, count: int) -> bool:
    samples = count * len(frame)
    payload_bits = 8 * (len(content) - frame[0].byte_offset)
    excess = payload_bits - samples * BITS_PER_SAMPLE[frame[0].storage_format]
    # Two samples of format 212 share three bytes: the last of an odd number may leave 12 bits over.
    return excess == 0 or (samples % 2 == 1 and excess in (4, 12))


def _is_matlab_matrix(frame: Frame, content: bytes, count: int) -> bool:
    if len(content) < _MATLAB_HEADER.size or frame[0].storage_format != "16":
        return False
    *numbers, name = _MATLAB_HEADER.unpack_from(content)
    return numbers == [_MATLAB_INT16, len(frame), count, 0, len(name)] and name.endswith(b"\0")
