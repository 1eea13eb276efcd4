"""Which recordings an upload of several holds; each is read by itself, so that none harms others.

A WFDB header and the signal file of the same name in the same folder make one recording; the one
header of a folder also takes a signal file of another name. Every other file is one by itself.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath

from ecg_core.readers.archive import ARCHIVE_SUFFIX, Archive, ArchiveBounds
from ecg_core.readers.base import ReadLimits, UploadedFile
from ecg_core.readers.wfdb_checks import SIGNAL_SUFFIXES
from ecg_core.readers.wfdb_reader import HEADER_SUFFIX


@dataclass(frozen=True, slots=True)
class RecordingSource:
    """One recording of an upload, unpacked when it is asked for.

    Attributes:
        name: The path that the caller gave its header, or its only file. Patient data: for the
            caller's eyes only.
        fetch: Its files.
    """

    name: str = field(repr=False)
    fetch: Callable[[], list[UploadedFile]] = field(repr=False)


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
    if len(files) == 1 and files[0].suffix == ARCHIVE_SUFFIX:
        archive = Archive(files[0], limits, bounds)
        return _sources(archive.names, archive.read)
    names = [file.name.replace("\\", "/") for file in files]
    return _sources(names, lambda n: UploadedFile(PurePosixPath(names[n]).name, files[n].content))


def _sources(names: Sequence[str], read: Callable[[int], UploadedFile]) -> list[RecordingSource]:
    paths = [PurePosixPath(name) for name in names]
    return [
        RecordingSource(names[group[0]], partial(_read_all, read, group))
        for group in _grouped(paths)
    ]


def _read_all(read: Callable[[int], UploadedFile], numbers: Sequence[int]) -> list[UploadedFile]:
    return [read(number) for number in numbers]


def _grouped(paths: Sequence[PurePosixPath]) -> list[list[int]]:
    """Numbers of the files of each recording, a header first."""
    headers: dict[PurePosixPath, list[int]] = defaultdict(list)
    signals: dict[PurePosixPath, list[int]] = defaultdict(list)
    groups: list[list[int]] = []
    for number, path in enumerate(paths):
        suffix = path.suffix.lower()
        if suffix == HEADER_SUFFIX:
            headers[path.with_suffix("")].append(number)
        elif suffix in SIGNAL_SUFFIXES:
            signals[path.with_suffix("")].append(number)
        else:
            groups.append([number])
    _give_to_lone_headers(headers, signals)
    stems = dict.fromkeys((*headers, *signals))
    groups += [headers.get(stem, []) + signals.get(stem, []) for stem in stems]
    return sorted(filter(None, groups), key=min)


def _give_to_lone_headers(
    headers: dict[PurePosixPath, list[int]], signals: dict[PurePosixPath, list[int]]
) -> None:
    """A header may name a signal file of another stem: in a folder of its own, that is plain."""
    signal_folders = _by_folder(signals)
    for folder, stems in _by_folder(headers).items():
        others = signal_folders.get(folder, [])
        if len(stems) == len(others) == 1 and stems[0] not in signals:
            signals[stems[0]] = signals.pop(others[0])


def _by_folder(stems: Iterable[PurePosixPath]) -> dict[PurePosixPath, list[PurePosixPath]]:
    folders: dict[PurePosixPath, list[PurePosixPath]] = defaultdict(list)
    for stem in stems:
        folders[stem.parent].append(stem)
    return folders
