"""Reader of WFDB records: `.hea` with its `.dat`, or with the PhysioNet Challenges' `.mat`."""

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import wfdb
from numpy.typing import NDArray

from ecg_core.errors import (
    DiskUnavailable,
    Fault,
    FaultCode,
    InputError,
    UnreadableRecording,
    UnusableRecording,
)
from ecg_core.readers.base import ReadLimits, StatedFacts, UploadedFile
from ecg_core.readers.wfdb_checks import (
    BITS_PER_SAMPLE,
    SIGNAL_SUFFIXES,
    Frame,
    header_faults,
    samples_held,
    signal_file_faults,
)
from ecg_core.readers.wfdb_header import WfdbHeader, parse_header
from ecg_core.recording import Recording

_Digital = NDArray[np.signedinteger[Any]]

HEADER_SUFFIX = ".hea"
_INTEGER_BITS = MappingProxyType({"80": 8, "212": 16, "16": 16, "24": 32, "32": 32})

# Faults of a sound file that says too little, or nothing that can be scored.
_UNUSABLE = frozenset(
    {
        FaultCode.MISSING_SAMPLING_RATE,
        FaultCode.IMPLAUSIBLE_SAMPLING_RATE,
        FaultCode.UNKNOWN_UNITS,
        FaultCode.IMPLAUSIBLE_GAIN,
        FaultCode.DUPLICATE_LEAD,
        FaultCode.UNKNOWN_LEAD,
        FaultCode.TOO_LONG,
        FaultCode.INVALID_PARAMETER,
    }
)


class WfdbReader:
    """Reads one WFDB record of one segment, in the formats 16, 212, 80, 24 and 32.

    The header is parsed and checked here, to the last sample, before a library sees any of it.
    """

    suffixes: ClassVar[frozenset[str]] = SIGNAL_SUFFIXES | {HEADER_SUFFIX}

    def read(
        self, files: Sequence[UploadedFile], stated: StatedFacts, limits: ReadLimits
    ) -> Recording:
        """Read a header and its signal file; a stated rate is not needed, but must agree.

        Raises:
            UnreadableRecording: The files are broken, inconsistent or malicious.
            UnusableRecording: They are sound, but lack rate, units, gain or leads.
            DiskUnavailable: The disk for temporary files is full.
        """
        header_file, signal_file = _pair(files)
        header, faults = parse_header(header_file.content, limits.max_leads)
        if header is not None:
            is_sound = not faults
            faults += [*header_faults(header, limits), *_stated_faults(header, stated)]
            if is_sound:
                faults += signal_file_faults(header, signal_file, limits)
        if header is None or header.sampling_rate_hz is None or faults:
            raise _refusal(faults)
        frame = header.frame
        digital = _digital_samples(header, signal_file.content)
        if header.sample_count is not None:  # header(5): without it, checksums do not count
            _check_fingerprints(frame, digital)
        leads = tuple(signal.lead for signal in frame if signal.lead is not None)
        return Recording(_millivolts(frame, digital), leads, header.sampling_rate_hz, "wfdb")


def _pair(files: Sequence[UploadedFile]) -> tuple[UploadedFile, UploadedFile]:
    headers = [file for file in files if file.suffix == HEADER_SUFFIX]
    signal_files = [file for file in files if file.suffix in SIGNAL_SUFFIXES]
    if len(headers) > 1 or len(signal_files) > 1:
        detail = "send one recording: one .hea with its one .dat or .mat"
        raise UnreadableRecording.of(FaultCode.SEVERAL_RECORDINGS, detail)
    if not headers or not signal_files:
        missing = "signal file (.dat or .mat)" if headers else "header (.hea)"
        detail = f"the {missing} of the WFDB record is missing: send both files"
        raise UnreadableRecording.of(FaultCode.INCOMPLETE_UPLOAD, detail)
    return headers[0], signal_files[0]


def _refusal(faults: Iterable[Fault]) -> InputError:
    faults = tuple(dict.fromkeys(faults))
    if all(fault.code in _UNUSABLE for fault in faults):
        return UnusableRecording(faults)
    return UnreadableRecording(faults)


def _stated_faults(header: WfdbHeader, stated: StatedFacts) -> list[Fault]:
    if None in (stated.sampling_rate_hz, header.sampling_rate_hz):
        return []
    if stated.sampling_rate_hz == header.sampling_rate_hz:
        return []
    detail = "the stated rate is not that of the header: leave it out"
    return [Fault(FaultCode.INVALID_PARAMETER, detail, field="sampling_rate_hz")]


def _digital_samples(header: WfdbHeader, content: bytes) -> _Digital:
    """ADC values, shape (sample, signal)."""
    frame = header.frame
    count = header.sample_count or samples_held(frame, content)
    payload = memoryview(content)[frame[0].byte_offset :]
    flat = _unpack(payload, frame[0].storage_format, count * len(frame))
    return flat.reshape(count, len(frame))


def _unpack(payload: memoryview, storage_format: str, count: int) -> _Digital:
    """The samples of a signal file in a row, unpacked by the WFDB library.

    The library gets a header of one signal, in a folder and under a name of ours: nothing in it
    comes from the client but the format and the count, both checked. Whose sample is whose, and
    how many millivolts it means, is not left to it.
    """
    try:
        with TemporaryDirectory(prefix="cardioquery-") as folder, ExitStack() as stack:
            path = Path(folder, "record")
            header = f"record 1 1 {count}\nrecord.dat {storage_format}\n".encode()
            _put(path.with_suffix(".hea"), header, stack)
            _put(path.with_suffix(".dat"), payload, stack)
            record = wfdb.rdrecord(
                str(path), physical=False, return_res=_INTEGER_BITS[storage_format]
            )
    except OSError as error:
        raise DiskUnavailable from error  # not the caller's fault
    except Exception as error:
        detail = "the signal file cannot be decoded"
        raise UnreadableRecording.of(FaultCode.SIGNAL_FILE_MISMATCH, detail) from error
    samples: _Digital = record.d_signal[:, 0]
    return samples


def _put(path: Path, content: bytes | memoryview, stack: ExitStack) -> None:
    """Let a library that reads files by name read this.

    On Linux the name leads to memory: a process that is killed leaves no recording on the disk.
    """
    if not hasattr(os, "memfd_create"):
        path.write_bytes(content)
        return
    descriptor = os.memfd_create("recording")
    stack.callback(os.close, descriptor)
    while content:
        content = content[os.write(descriptor, content) :]
    path.symlink_to(f"/proc/self/fd/{descriptor}")


def _check_fingerprints(frame: Frame, digital: _Digital) -> None:
    """Refuse samples that are not those for which the header was written."""
    sums = [int(total) for total in digital.sum(axis=0, dtype=np.int64)]
    firsts = [int(value) for value in digital[0]]
    differing = {
        "checksum": _differing([signal.checksum for signal in frame], sums),
        "initial value": _differing([signal.initial_value for signal in frame], firsts),
    }
    faults = [
        Fault(
            FaultCode.SIGNAL_FILE_MISMATCH,
            f"the {what} of {number} signals in the header is not that of the signal file",
        )
        for what, number in differing.items()
        if number
    ]
    if faults:
        raise UnreadableRecording(faults)


def _differing(stated: list[int | None], actual: list[int]) -> int:
    """How many differ, modulo 16 bits. Zeros throughout are what some write for 'not computed'."""
    if not any(stated):
        return 0
    pairs = zip(stated, actual, strict=True)
    return sum(said is not None and (said - found) % 2**16 != 0 for said, found in pairs)


def _millivolts(frame: Frame, digital: _Digital) -> NDArray[np.float32]:
    """The standard leads' samples, shape (lead, sample); invalid ones (header(5)) are NaN."""
    columns = [column for column, signal in enumerate(frame) if signal.lead is not None]
    samples_mv = np.empty((len(columns), len(digital)), dtype=np.float32)
    invalid = -(2 ** (BITS_PER_SAMPLE[frame[0].storage_format] - 1))
    for row, column in enumerate(columns):
        signal = frame[column]
        if signal.gain_per_mv is None:
            raise ValueError("a checked header has gains")
        values = digital[:, column].astype(np.float64)
        samples_mv[row] = (values - signal.baseline) / signal.gain_per_mv
        samples_mv[row, values == invalid] = np.nan
    return samples_mv
