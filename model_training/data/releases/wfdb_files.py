"""WFDB records in folders: read as the service reads them, and their diagnoses."""

import hashlib
from pathlib import Path

from ecg_core.readers import UploadedFile, read_recording
from ecg_core.recording import Recording
from model_training.data.releases.base import ListedRecording, WrongChecksum
from model_training.data.releases.labels import Codes

_DIAGNOSES = "#dx:"


def read_wfdb(header: Path, signal_suffix: str) -> Recording:
    """Read a header and the signal file beside it.

    Raises:
        InputError: The readers refuse it.
        FileNotFoundError: One of the two files is not there.
    """
    paths = (header, header.with_suffix(signal_suffix))
    return read_recording([UploadedFile(path.name, path.read_bytes()) for path in paths])


def read_listed(folder: Path, listed: ListedRecording, suffixes: tuple[str, ...]) -> Recording:
    """Read a listed recording's files, and hold them against the digests that it bears.

    Raises:
        InputError: The readers refuse it.
        FileNotFoundError: One of its files is not there.
        WrongChecksum: One of them is not what the release states.
    """
    files = []
    for suffix, digest in zip(suffixes, listed.digests, strict=True):
        path = folder / (listed.location + suffix)
        content = path.read_bytes()
        if digest is not None and hashlib.sha256(content).hexdigest() != digest:
            raise WrongChecksum
        files.append(UploadedFile(path.name, content))
    return read_recording(files)


def diagnoses_of(header: bytes) -> Codes | None:
    """SNOMED CT codes after `#Dx:` in a header of the PhysioNet/CinC Challenges.

    Returns:
        None where the header has no such line, or nothing that is a code after it.
    """
    for line in header.decode("latin-1").splitlines():
        compact = line.replace(" ", "").replace("\t", "")
        if compact.lower().startswith(_DIAGNOSES):
            codes = compact[len(_DIAGNOSES) :].split(",")
            return frozenset(code for code in codes if code.isdecimal()) or None
    return None
