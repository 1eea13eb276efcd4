"""Which of the files sent holds which of a header's signals, and whether they belong together."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

from ecg_core.errors import Fault, FaultCode, UnreadableRecording
from ecg_core.readers.base import UploadedFile
from ecg_core.readers.wfdb.checks import Frame
from ecg_core.readers.wfdb.grouping import HEADER_SUFFIX, SIGNAL_SUFFIXES, plain_name
from ecg_core.readers.wfdb.header import WfdbHeader
from ecg_core.readers.wfdb.samples import Digital

_SEVERAL_SEGMENTS = re.compile(rb"(?:#[^\n]*\n|\s)*\S+/[0-9]+\s")
# Leads lie around zero, each with an offset of its own; all by the same that is so large, never.
_COMMON_OFFSET_MV = 2.0
_SAME_OFFSET_MV = 0.5
_FEW_LEADS = 3


class Sent(NamedTuple):
    """The files of an upload.

    Attributes:
        header: The one header.
        signals: Every signal file, at least one.
    """

    header: UploadedFile
    signals: tuple[UploadedFile, ...]


def sorted_files(files: Sequence[UploadedFile]) -> Sent:
    """The header and the signal files.

    Raises:
        UnreadableRecording: There is not one header, or no signal file.
    """
    headers = [file for file in files if file.suffix == HEADER_SUFFIX]
    signals = tuple(file for file in files if file.suffix in SIGNAL_SUFFIXES)
    if len(headers) > 1:
        if any(_SEVERAL_SEGMENTS.match(header.content[:200]) for header in headers):
            detail = (
                "the record has several segments: send one segment, its .hea with its signal file"
            )
            raise UnreadableRecording.of(FaultCode.UNSUPPORTED_HEADER, detail)
        detail = (
            "there are several .hea, and nothing tells whose the signal files are: send one "
            "recording, or in a batch put each into a folder of its own"
        )
        raise UnreadableRecording.of(FaultCode.SEVERAL_RECORDINGS, detail)
    if not headers or not signals:
        missing = "signal file (.dat or .mat)" if headers else "header (.hea)"
        detail = f"the {missing} of the WFDB record is missing: send both files"
        raise UnreadableRecording.of(FaultCode.INCOMPLETE_UPLOAD, detail)
    return Sent(headers[0], signals)


def signal_files(header: WfdbHeader, sent: Sent) -> list[UploadedFile]:
    """The file of each of the header's frames: by name, or the only one.

    Raises:
        UnreadableRecording: One is missing, or there is one that the header does not name.
    """
    frames = header.frames
    if len(frames) == len(sent.signals) == 1:
        return list(sent.signals)
    by_name = {plain_name(file.name): file for file in sent.signals}
    declared = {plain_name(signal.file_name) for signal in header.signals}
    if len(by_name) < len(sent.signals) or not by_name.keys() <= declared:
        raise _several()
    wanted = [plain_name(frame[0].file_name) for frame in frames]
    if not by_name.keys() >= set(wanted):
        detail = f"the header's leads lie in {len(wanted)} signal files: send all of them"
        raise UnreadableRecording.of(FaultCode.INCOMPLETE_UPLOAD, detail)
    return [by_name[name] for name in wanted]


def has_fingerprint(header: WfdbHeader) -> bool:
    """Whether the header says anything by which its samples could be told from others."""
    if header.sample_count is None:  # header(5): without it, checksums do not count
        return False
    signals = [signal for frame in header.frames for signal in frame]
    return any(signal.checksum or signal.initial_value for signal in signals)


def crossing_faults(
    header: WfdbHeader, sent: Sent, files: Sequence[UploadedFile], samples: Sequence[Digital]
) -> list[Fault]:
    """Signs that the samples are not those of the header, where it has no checksums to tell.

    Args:
        header: Without checksums and initial values.
        sent: All files.
        files: The signal file of each frame.
        samples: Its ADC values, shape (sample, signal).
    """
    pairs = zip(header.frames, files, strict=True)
    if any(_is_another(frame, file, sent.header) for frame, file in pairs):
        detail = (
            "the header names another signal file than the one sent, and has no checksums by which "
            "they could be told to belong together: send the file that it names"
        )
        return [Fault(FaultCode.SIGNAL_FILE_MISMATCH, detail)]
    medians_mv = [
        (float(np.median(digital[:, column])) - signal.baseline) / signal.gain_per_mv
        for frame, digital in zip(header.frames, samples, strict=True)
        for column, signal in enumerate(frame)
        if signal.lead and signal.gain_per_mv
    ]
    lowest, highest = min(medians_mv), max(medians_mv)
    off_mv = min(abs(lowest), abs(highest))
    is_common = highest - lowest < _SAME_OFFSET_MV and off_mv > _COMMON_OFFSET_MV
    if len(medians_mv) >= _FEW_LEADS and is_common:
        detail = "all leads lie equally far off the header's baseline: it is of other samples"
        return [Fault(FaultCode.SIGNAL_FILE_MISMATCH, detail)]
    return []


def _is_another(frame: Frame, file: UploadedFile, header_file: UploadedFile) -> bool:
    """Whether a signal file bears neither the declared name nor that of the header sent."""
    name = plain_name(file.name)
    declared = plain_name(frame[0].file_name)
    return name != declared and _stem(name) != _stem(plain_name(header_file.name))


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _several() -> UnreadableRecording:
    detail = "send one recording: one .hea with the .dat or .mat files that it names"
    return UnreadableRecording.of(FaultCode.SEVERAL_RECORDINGS, detail)
