"""The one registry of readers: which takes an upload is told by its files' suffixes alone."""

from collections.abc import Sequence

from ecg_core.errors import (
    FaultCode,
    InputError,
    RecordingTooLarge,
    UnreadableRecording,
    UnsupportedFormat,
)
from ecg_core.readers.archive import ARCHIVE_SUFFIX, unpack
from ecg_core.readers.base import ReadLimits, RecordingReader, StatedFacts, UploadedFile
from ecg_core.readers.csv_reader import CsvReader
from ecg_core.readers.wfdb_reader import WfdbReader
from ecg_core.recording import Recording

READERS: tuple[RecordingReader, ...] = (WfdbReader(), CsvReader())

_READABLE_SUFFIXES = frozenset[str]().union(*(reader.suffixes for reader in READERS))
SUPPORTED_SUFFIXES = _READABLE_SUFFIXES | {ARCHIVE_SUFFIX}

_NOTHING_STATED = StatedFacts()
_DEFAULT_LIMITS = ReadLimits()


def read_recording(
    files: Sequence[UploadedFile],
    stated: StatedFacts = _NOTHING_STATED,
    limits: ReadLimits = _DEFAULT_LIMITS,
) -> Recording:
    """Read the one recording that an upload holds.

    Args:
        files: The uploaded files: those of one recording, or a zip of them.
        stated: What the request says about files that do not say it themselves.
        limits: Bounds on what is accepted.

    Raises:
        UnsupportedFormat: No reader takes such files.
        RecordingTooLarge: A file is larger than the limit, as it was sent or unpacked.
        UnreadableRecording: The files are broken, inconsistent or malicious, too few or too many.
        UnusableRecording: They are read, but lack what a recording needs.
    """
    _check_files(files, limits)
    if any(file.suffix == ARCHIVE_SUFFIX for file in files):
        if len(files) > 1:
            raise _several()
        files = unpack(files[0], limits, _READABLE_SUFFIXES)
    return _reader_of(files).read(files, stated, limits)


def _check_files(files: Sequence[UploadedFile], limits: ReadLimits) -> None:
    if any(file.suffix not in SUPPORTED_SUFFIXES for file in files):
        detail = (
            f"files of this kind are not read; supported: {', '.join(sorted(SUPPORTED_SUFFIXES))}"
        )
        raise UnsupportedFormat.of(FaultCode.UNSUPPORTED_FORMAT, detail)
    if any(len(file.content) > limits.max_file_bytes for file in files):
        detail = f"a file is larger than {limits.max_file_bytes} bytes"
        raise RecordingTooLarge.of(FaultCode.TOO_LONG, detail)


def _reader_of(files: Sequence[UploadedFile]) -> RecordingReader:
    suffixes = {file.suffix for file in files}
    if not suffixes:
        detail = "no file of a recording was sent"
        raise UnreadableRecording.of(FaultCode.INCOMPLETE_UPLOAD, detail)
    for reader in READERS:
        if suffixes <= reader.suffixes:
            return reader
    raise _several()


def _several() -> InputError:
    detail = "files of several recordings were sent: send those of one, or one zip of them"
    return UnreadableRecording.of(FaultCode.SEVERAL_RECORDINGS, detail)
