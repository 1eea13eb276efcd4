"""Reader of WFDB records: `.hea` with its `.dat`, or with the PhysioNet Challenges' `.mat`."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import (
    Fault,
    FaultCode,
    InputError,
    UnreadableRecording,
    UnusableRecording,
)
from ecg_core.readers.base import ReadLimits, StatedFacts, UploadedFile
from ecg_core.readers.wfdb.checks import (
    Frame,
    header_faults,
    samples_held,
    signal_file_faults,
)
from ecg_core.readers.wfdb.grouping import HEADER_SUFFIX, SIGNAL_SUFFIXES, headers_with_signals
from ecg_core.readers.wfdb.header import WfdbHeader, parse_header
from ecg_core.readers.wfdb.pairing import (
    Sent,
    crossing_faults,
    has_fingerprint,
    signal_files,
    sorted_files,
)
from ecg_core.readers.wfdb.samples import BITS_PER_SAMPLE, Digital, unpacked
from ecg_core.readers.wfdb.stated import completed
from ecg_core.recording import Note, NoteCode, Recording

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
        FaultCode.CONTRADICTS_FILE,
    }
)


class WfdbReader:
    """Reads one WFDB record of one segment, in the formats 16, 212, 80, 24 and 32.

    The header is parsed and checked to the last sample before any of them is unpacked.
    """

    title: ClassVar[str] = "WFDB"
    suffixes: ClassVar[frozenset[str]] = SIGNAL_SUFFIXES | {HEADER_SUFFIX}

    def recognises(self, first_bytes: bytes) -> bool:
        """No: a header has no mark, samples are any bytes, and which is which the names tell."""
        return False

    def groups(
        self, paths: Sequence[PurePosixPath], beginning: Callable[[int], bytes]
    ) -> list[list[int]]:
        """A header and its signal files beside it; see `wfdb.grouping`."""
        return headers_with_signals(paths, beginning)

    def read(
        self, files: Sequence[UploadedFile], stated: StatedFacts, limits: ReadLimits
    ) -> Recording:
        """Read a header and its signal files; what the request states is taken where it says less.

        Raises:
            UnreadableRecording: The files are broken, inconsistent or malicious.
            UnusableRecording: They are sound, but lack rate, units, gain or leads.
        """
        sent = sorted_files(files)
        header, faults = parse_header(sent.header.content, limits.max_leads)
        signal_of: list[UploadedFile] = []
        if header is not None:
            is_sound = not faults
            header, stated_faults = completed(header, stated)
            faults += [*header_faults(header, limits), *stated_faults]
            if is_sound:
                signal_of = signal_files(header, sent)
                for frame, file in zip(header.frames, signal_of, strict=True):
                    faults += signal_file_faults(header, frame, file, limits)
        if header is None or header.sampling_rate_hz is None or faults:
            raise _refusal(faults)
        samples = _digital_samples(header, signal_of)
        notes = _checked_together(header, sent, signal_of, samples)
        parts = zip(header.frames, samples, strict=True)
        return Recording(
            np.concatenate([_millivolts(frame, digital) for frame, digital in parts]),
            tuple(signal.lead for frame in header.frames for signal in frame if signal.lead),
            header.sampling_rate_hz,
            "wfdb",
            notes,
        )


def _checked_together(
    header: WfdbHeader, sent: Sent, files: Sequence[UploadedFile], samples: Sequence[Digital]
) -> tuple[Note, ...]:
    """What is not known of a header and its samples.

    Raises:
        UnreadableRecording: They do not belong together.
    """
    if has_fingerprint(header):
        _check_fingerprints(header.frames, samples)
        return ()
    if faults := crossing_faults(header, sent, files, samples):
        raise UnreadableRecording(faults)
    detail = "the header has no checksums: nothing shows that the samples are those it describes"
    return (Note(NoteCode.SAMPLES_UNVERIFIED, detail),)


def _refusal(faults: Iterable[Fault]) -> InputError:
    faults = tuple(dict.fromkeys(faults))
    if all(fault.code in _UNUSABLE for fault in faults):
        return UnusableRecording(faults)
    return UnreadableRecording(faults)


def _digital_samples(header: WfdbHeader, files: Sequence[UploadedFile]) -> list[Digital]:
    """ADC values of each frame, shape (sample, signal).

    Raises:
        UnreadableRecording: The files hold different numbers of samples.
    """
    samples = []
    for frame, file in zip(header.frames, files, strict=True):
        count = header.sample_count or samples_held(frame, file.content)
        first = frame[0]
        flat = unpacked(file.content, first.byte_offset, first.storage_format, count * len(frame))
        samples.append(flat.reshape(count, len(frame)))
    if len({len(digital) for digital in samples}) > 1:
        detail = "the signal files of the record hold different numbers of samples"
        raise UnreadableRecording.of(FaultCode.SIGNAL_FILE_MISMATCH, detail)
    return samples


def _check_fingerprints(frames: Sequence[Frame], samples: Sequence[Digital]) -> None:
    """Refuse samples that are not those for which the header was written."""
    signals = [signal for frame in frames for signal in frame]
    sums = [int(total) for each in samples for total in each.sum(axis=0, dtype=np.int64)]
    firsts = [int(value) for each in samples for value in each[0]]
    differing = {
        "checksum": _differing([signal.checksum for signal in signals], sums),
        "initial value": _differing([signal.initial_value for signal in signals], firsts),
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


def _millivolts(frame: Frame, digital: Digital) -> NDArray[np.float32]:
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
