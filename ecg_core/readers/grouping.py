"""Which recordings an upload of several holds; each is read by itself, so that none harms others.

Each reader says which files make one recording of its format; every other file is one by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath

from ecg_core.readers.archive import Archive, ArchiveBounds, is_archive, unpacked_bytes
from ecg_core.readers.base import ReadLimits, UploadedFile
from ecg_core.readers.companions import is_companion
from ecg_core.readers.registry import READERS


@dataclass(frozen=True, slots=True)
class RecordingSource:
    """One recording of an upload, unpacked when it is asked for.

    Attributes:
        name: The path that the caller gave its header, or its only file. Patient data: for the
            caller's eyes only.
        fetch: Its files.
        size_bytes: They have at most so many, unpacked.
    """

    name: str = field(repr=False)
    fetch: Callable[[], list[UploadedFile]] = field(repr=False)
    size_bytes: int


def recordings_in(
    files: Sequence[UploadedFile], limits: ReadLimits, bounds: ArchiveBounds
) -> list[RecordingSource]:
    """The recordings of an upload, in the order of their first files.

    Args:
        files: One zip of all recordings, or their files; then a zip among them is one recording.
            Names may hold folders.
        limits: Bounds on one file.
        bounds: Bounds on the one zip.

    Raises:
        RecordingTooLarge, UnreadableRecording: The one zip is refused as a whole.
    """
    if len(files) == 1 and is_archive(files[0]):
        archive = Archive(files[0], limits, bounds)
        return _sources(archive.names, archive.read, archive.beginning, archive.size_bytes)
    files = [file for file in files if not is_companion(file.name)] or files
    names = [file.name.replace("\\", "/") for file in files]
    return _sources(
        names,
        lambda n: UploadedFile(PurePosixPath(names[n]).name, files[n].content),
        lambda n: files[n].first_bytes,
        lambda n: unpacked_bytes(files[n]),
    )


def _sources(
    names: Sequence[str],
    read: Callable[[int], UploadedFile],
    beginning: Callable[[int], bytes],
    size_bytes: Callable[[int], int],
) -> list[RecordingSource]:
    paths = [PurePosixPath(name) for name in names]
    return [
        RecordingSource(
            names[group[0]], partial(_read_all, read, group), sum(map(size_bytes, group))
        )
        for group in _grouped(paths, beginning)
    ]


def _read_all(read: Callable[[int], UploadedFile], numbers: Sequence[int]) -> list[UploadedFile]:
    return [read(number) for number in numbers]


def _grouped(paths: Sequence[PurePosixPath], beginning: Callable[[int], bytes]) -> list[list[int]]:
    """Numbers of the files of each recording, in the order of their first files."""
    groups = [group for reader in READERS for group in reader.groups(paths, beginning)]
    grouped = {number for group in groups for number in group}
    groups += [[number] for number in range(len(paths)) if number not in grouped]
    return sorted(groups, key=min)
