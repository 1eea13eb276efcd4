"""The one registry of readers: they are asked in order whose file it is.

Bytes come first, where a format has a mark of its own. Tables and bare samples have none: there the
suffix tells, and only without a known one what the bytes look like.
"""

from collections.abc import Sequence
from itertools import chain

from ecg_core.errors import (
    FaultCode,
    InputError,
    RecordingTooLarge,
    UnreadableRecording,
    UnsupportedFormat,
)
from ecg_core.readers.archive import ARCHIVE_SUFFIX, is_archive, unpack
from ecg_core.readers.base import ReadLimits, RecordingReader, StatedFacts, UploadedFile
from ecg_core.readers.companions import is_companion
from ecg_core.readers.dicom.reader import DicomReader
from ecg_core.readers.edf.reader import EdfReader
from ecg_core.readers.scp.reader import ScpReader
from ecg_core.readers.table.reader import TableReader
from ecg_core.readers.wfdb.reader import WfdbReader
from ecg_core.readers.xml.aecg import AecgReader
from ecg_core.readers.xml.cardiosoft import CardioSoftReader
from ecg_core.readers.xml.muse import MuseReader
from ecg_core.readers.xml.philips import PhilipsReader
from ecg_core.recording import Recording

# In the order in which they are asked: the surer a format's mark, the earlier.
READERS: tuple[RecordingReader, ...] = (
    DicomReader(),
    AecgReader(),
    MuseReader(),
    CardioSoftReader(),
    PhilipsReader(),
    ScpReader(),
    EdfReader(),
    WfdbReader(),
    TableReader(),
)

SUPPORTED_SUFFIXES = frozenset[str]().union(*(reader.suffixes for reader in READERS)) | {
    ARCHIVE_SUFFIX
}

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
    files = [file for file in files if not is_companion(file.name)] or files
    _check_files(files, limits)
    is_zip = len(files) == 1 and is_archive(files[0])
    if any(map(is_archive, files)):
        if len(files) > 1:
            raise _several()
        files = unpack(files[0], limits, is_readable)
    return _reader_of(files, is_zip=is_zip).read(files, stated, limits)


def is_readable(file: UploadedFile) -> bool:
    """Whether a reader takes a file of this name that begins with these bytes."""
    return _reader_of_one(file) is not None


def _check_files(files: Sequence[UploadedFile], limits: ReadLimits) -> None:
    if not all(is_archive(file) or is_readable(file) for file in files):
        by_bytes = [reader.title for reader in READERS if not reader.suffixes]
        detail = (
            f"files of this kind are not read; supported: {', '.join(sorted(SUPPORTED_SUFFIXES))}"
        )
        if by_bytes:
            detail += f"; told by their bytes: {', '.join(by_bytes)}"
        raise UnsupportedFormat.of(FaultCode.UNSUPPORTED_FORMAT, detail)
    if any(len(file.content) > limits.max_file_bytes for file in files):
        detail = f"a file is larger than {limits.max_file_bytes} bytes"
        raise RecordingTooLarge.of(FaultCode.TOO_LONG, detail)


def _reader_of(files: Sequence[UploadedFile], *, is_zip: bool) -> RecordingReader:
    if not files:
        detail = "no file of a recording was sent"
        raise UnreadableRecording.of(FaultCode.INCOMPLETE_UPLOAD, detail)
    if len(files) > 1:
        # Samples may begin like anything: what comes with a header is its signal file.
        for reader in READERS:
            if {file.suffix for file in files} <= reader.suffixes:
                return reader
    first, *others = {_reader_of_one(file) for file in files}
    if first is None or others:
        raise _several(is_zip=is_zip)
    return first


def _reader_of_one(file: UploadedFile) -> RecordingReader | None:
    recognising = [reader for reader in READERS if reader.recognises(file.first_bytes)]
    sure = (reader for reader in recognising if not reader.suffixes)
    named = (reader for reader in READERS if file.suffix in reader.suffixes)
    return next(chain(sure, named, recognising), None)


def _several(*, is_zip: bool = False) -> InputError:
    detail = (
        "the zip holds files of several recordings: send one of them, or the zip as a batch"
        if is_zip
        else "files of several recordings were sent: send those of one, or one zip of them"
    )
    return UnreadableRecording.of(FaultCode.SEVERAL_RECORDINGS, detail)
