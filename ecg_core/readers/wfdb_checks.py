"""What a WFDB header must declare, and its signal file hold, before anything is decoded."""

import struct
from itertools import groupby
from math import isfinite
from pathlib import Path
from types import MappingProxyType

from ecg_core.errors import Fault, FaultCode
from ecg_core.readers.base import ReadLimits, UploadedFile
from ecg_core.readers.wfdb_header import UNITS_PER_MV, SignalLine, WfdbHeader

BITS_PER_SAMPLE = MappingProxyType({"80": 8, "212": 12, "16": 16, "24": 24, "32": 32})
SIGNAL_SUFFIXES = frozenset({".dat", ".mat"})

# One ADC unit is at most 0.1 mV, or no ST segment could be told; the range is at least 0.1 mV.
_MIN_GAIN_PER_MV = 10.0
_MIN_RANGE_MV = 0.1

# The Challenges' .mat is a MATLAB 4 matrix: five integers and the name "val", then the samples.
_MATLAB_HEADER = struct.Struct("<5i4s")
_MATLAB_INT16 = 30

Frame = tuple[SignalLine, ...]


def header_faults(header: WfdbHeader, limits: ReadLimits) -> list[Fault]:
    """Every fault of a header that is syntactically sound."""
    faults = _rate_faults(header, limits)
    if header.signals:
        faults += _storage_faults(header)
        faults += _lead_faults(header.frame)
    return faults


def signal_file_faults(
    header: WfdbHeader, signal_file: UploadedFile, limits: ReadLimits
) -> list[Fault]:
    """Every disagreement between the header and its signal file, but for the samples themselves."""
    frame = header.frame
    declared_suffix = Path(frame[0].file_name).suffix.lower()
    if declared_suffix not in SIGNAL_SUFFIXES:
        detail = "the header names a signal file that is no .dat or .mat"
        return [Fault(FaultCode.UNSUPPORTED_HEADER, detail)]
    if declared_suffix != signal_file.suffix:
        detail = f"the header names a {declared_suffix}, the upload is a {signal_file.suffix}"
        return [Fault(FaultCode.SIGNAL_FILE_MISMATCH, detail)]
    faults = _offset_faults(frame, declared_suffix)
    if faults or frame[0].storage_format not in BITS_PER_SAMPLE:
        return faults
    held = samples_held(frame, signal_file.content)
    count = header.sample_count or held
    if count == 0 or not _is_size_of(frame, signal_file.content, count):
        detail = f"the header declares {count} samples a signal, the signal file holds {held}"
        faults.append(Fault(FaultCode.SIGNAL_FILE_MISMATCH, detail))
    if declared_suffix == ".mat" and not _is_matlab_matrix(frame, signal_file.content, count):
        detail = f"the .mat is no MATLAB 4 matrix of {len(frame)} x {count} 16-bit samples"
        faults.append(Fault(FaultCode.SIGNAL_FILE_MISMATCH, detail))
    rate_hz = header.sampling_rate_hz
    if rate_hz and _is_plausible(rate_hz, limits) and count > rate_hz * limits.max_duration_s:
        detail = f"the recording is longer than {limits.max_duration_s:g} s"
        faults.append(Fault(FaultCode.TOO_LONG, detail))
    return faults


def samples_held(frame: Frame, content: bytes) -> int:
    """How many whole frames the signal file holds."""
    bits = 8 * max(0, len(content) - frame[0].byte_offset)
    return bits // (BITS_PER_SAMPLE[frame[0].storage_format] * len(frame))


def _rate_faults(header: WfdbHeader, limits: ReadLimits) -> list[Fault]:
    if header.sampling_rate_hz is None:
        detail = "the header gives no sampling rate"
        return [Fault(FaultCode.MISSING_SAMPLING_RATE, detail)]
    if _is_plausible(header.sampling_rate_hz, limits):
        return []
    bounds = f"{limits.min_sampling_rate_hz:g} to {limits.max_sampling_rate_hz:g} Hz"
    return [Fault(FaultCode.IMPLAUSIBLE_SAMPLING_RATE, f"the sampling rate is not {bounds}")]


def _is_plausible(rate_hz: float, limits: ReadLimits) -> bool:
    return limits.min_sampling_rate_hz <= rate_hz <= limits.max_sampling_rate_hz


def _storage_faults(header: WfdbHeader) -> list[Fault]:
    frame = header.frame
    groups = [name for name, _ in groupby(signal.file_name for signal in header.signals)]
    storages = {(signal.storage_format, signal.byte_offset) for signal in frame}
    unsupported = {
        "leads in several signal files": (
            len({signal.file_name for signal in header.signals if signal.lead}) > 1
        ),
        "signals of one file that do not follow each other": len(groups) > len(set(groups)),
        "several formats or offsets in one file": len(storages) > 1,
        f"a format other than {', '.join(BITS_PER_SAMPLE)}": any(
            storage_format not in BITS_PER_SAMPLE for storage_format, _ in storages
        ),
        "several samples a frame": any(signal.samples_per_frame != 1 for signal in frame),
        "skewed signals": any(signal.skew for signal in frame),
    }
    return [
        Fault(FaultCode.UNSUPPORTED_HEADER, f"the header declares {what}, which is not read")
        for what, is_so in unsupported.items()
        if is_so
    ]


def _lead_faults(frame: Frame) -> list[Fault]:
    """Faults of the standard leads; other signals are left out, so theirs do not matter."""
    leads = [(signal.lead, signal) for signal in frame if signal.lead is not None]
    if not leads:
        return [Fault(FaultCode.UNKNOWN_LEAD, "no signal bears the name of a standard lead")]
    names = [lead for lead, _ in leads]
    faults = [
        Fault(FaultCode.DUPLICATE_LEAD, f"lead {lead} is there {names.count(lead)} times", lead)
        for lead in dict.fromkeys(names)
        if names.count(lead) > 1
    ]
    for lead, signal in leads:
        if (signal.units or "mV").lower() not in UNITS_PER_MV:
            detail = f"lead {lead} is in units other than mV and uV"
            faults.append(Fault(FaultCode.UNKNOWN_UNITS, detail, lead))
        elif not _has_plausible_gain(signal):
            detail = f"lead {lead} is uncalibrated, or its gain is implausible"
            faults.append(Fault(FaultCode.IMPLAUSIBLE_GAIN, detail, lead))
    return faults


def _has_plausible_gain(signal: SignalLine) -> bool:
    """Whether the gain is given and plausible; zero and none mean 'uncalibrated' (header(5))."""
    gain = signal.gain_per_mv
    if gain is None or not isfinite(gain):
        return False
    bits = BITS_PER_SAMPLE.get(signal.storage_format, 32)
    return _MIN_GAIN_PER_MV <= gain <= (1 << bits) / _MIN_RANGE_MV


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
