"""Folders of the PhysioNet/CinC Challenges 2020 and 2021, and releases in their form."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from ecg_core.conditions import Catalogue
from ecg_core.recording import Recording
from model_training.data.releases import meanings
from model_training.data.releases.base import (
    ListedRecording,
    Listing,
    ReleaseFault,
    ReleaseFaultCode,
)
from model_training.data.releases.labels import CodeSystem, snomed_system
from model_training.data.releases.tables import finished
from model_training.data.releases.wfdb_files import diagnoses_of, read_listed

_SUFFIXES = (".hea", ".mat")
_GROUP = re.compile(r"g\d+")  # folders of a thousand recordings each
# By the folder's name without "_" and "-", as the Challenges and others spell it.
_SYSTEMS: Mapping[str, Callable[[Catalogue], CodeSystem]] = MappingProxyType(
    {
        "chapmanshaoxing": meanings.chapman_system,
        "ningbo": meanings.chapman_system,
        "chapmanningbo": meanings.chapman_system,
        "cpsc2018": meanings.cpsc2018_system,
        "cpsc2018extra": meanings.sparse_system,
        "ptb": meanings.sparse_system,
        "ptbdiagnostic": meanings.sparse_system,
        "stpetersburgincart": meanings.sparse_system,
    }
)


class Challenge:
    """A Challenge's training set, or one of the sources in it: `.hea` with `#Dx:`, and `.mat`."""

    name = "challenge"

    def listing(self, folder: Path) -> Listing:
        """All headers below the folder; see `Release`. A recording's id is its path."""
        return list_challenge(folder, folder, self._source)

    def read(self, folder: Path, listed: ListedRecording) -> Recording:
        """See `Release`."""
        return read_listed(folder, listed, _SUFFIXES)

    def system(self, source: str, catalogue: Catalogue) -> CodeSystem:
        """SNOMED CT codes, in the sense of the source; see `Release`."""
        key = source.lower().replace("_", "").replace("-", "")
        return _SYSTEMS.get(key, snomed_system)(catalogue)

    @staticmethod
    def _source(folder: Path, path: PurePosixPath) -> str:
        """The folder that is named after the source: neither `training` nor a group."""
        parts = (*folder.resolve().parts, *path.parent.parts)
        return next(part for part in reversed(parts) if not _GROUP.fullmatch(part))


def list_challenge(
    root: Path, folder: Path, source_of: Callable[[Path, PurePosixPath], str]
) -> Listing:
    """All headers below a folder, with their diagnoses.

    Args:
        root: The release, in which locations are told.
        folder: Where its recordings are, within it.
        source_of: Whose codes a recording bears, from the root and the location.
    """
    faults: list[ReleaseFault] = []
    recordings = []
    for header in sorted(folder.rglob("*.hea")):
        path = PurePosixPath(header.relative_to(root).as_posix()).with_suffix("")
        codes = diagnoses_of(header.read_bytes())
        if codes is None:
            faults.append(ReleaseFault(ReleaseFaultCode.NOT_LABELLED, str(path)))
        recordings.append(ListedRecording(str(path), str(path), source_of(root, path), None, codes))
    return finished(root, recordings, faults, _SUFFIXES)
