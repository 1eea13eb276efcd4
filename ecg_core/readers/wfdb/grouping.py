"""Which signal files belong to which header: told by their names, and by what the header says."""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import PurePosixPath

from ecg_core.errors import InputError
from ecg_core.readers.wfdb.header import parse_header

HEADER_SUFFIX = ".hea"
SIGNAL_SUFFIXES = frozenset({".dat", ".mat"})
_MOST_SIGNALS = 64  # more than are read: that there are too many, the reader says

_ByStem = dict[PurePosixPath, list[int]]


def headers_with_signals(
    paths: Sequence[PurePosixPath], beginning: Callable[[int], bytes]
) -> list[list[int]]:
    """Numbers of the files of each record, a header first.

    A header and the signal file of the same name in the same folder make one record. What is left
    of a folder's signal files belongs to the header that names them; where several do, nobody can
    tell whose they are, and all of these are one group, for the reader to refuse. The one header of
    a folder also takes the only signal file, whatever its name.

    Args:
        paths: Of all files.
        beginning: The first bytes of one of them.
    """
    headers: _ByStem = defaultdict(list)
    signals: _ByStem = defaultdict(list)
    for number, path in enumerate(paths):
        suffix = path.suffix.lower()
        if suffix == HEADER_SUFFIX:
            headers[path.with_suffix("")].append(number)
        elif suffix in SIGNAL_SUFFIXES:
            signals[path.with_suffix("")].append(number)
    _give_to_lone_headers(headers, signals)
    groups = [headers[stem] + signals.pop(stem, []) for stem in headers]
    rest = [number for numbers in signals.values() for number in numbers]
    groups = _joined(groups, _claims(groups, rest, paths, beginning))
    taken = {number for group in groups for number in group}
    return groups + [[number] for number in rest if number not in taken]


def plain_name(name: str) -> str:
    """A file's name as any system may spell it: without folders, whatever case and accents."""
    bare = PurePosixPath(name.replace("\\", "/")).name
    return unicodedata.normalize("NFC", bare).casefold()


def _give_to_lone_headers(headers: _ByStem, signals: _ByStem) -> None:
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


def _claims(
    groups: Sequence[Sequence[int]],
    rest: Sequence[int],
    paths: Sequence[PurePosixPath],
    beginning: Callable[[int], bytes],
) -> Iterator[tuple[int, int]]:
    """Which group's header names a signal file that bears no header's name; group and file."""
    known: dict[PurePosixPath, list[int]] = defaultdict(list)
    for number in rest:
        known[_plain(paths[number])].append(number)
    folders = {path.parent for path in known}
    for place, (header, *_) in enumerate(groups):
        folder = paths[header].parent
        if folder in folders:
            for name in _names_in(beginning(header)):
                yield from ((place, number) for number in known.get(folder / name, []))


def _plain(path: PurePosixPath) -> PurePosixPath:
    return path.parent / plain_name(path.name)


def _names_in(header: bytes) -> set[str]:
    """Plain names of the signal files that a header names; none where it cannot be read."""
    with suppress(InputError):
        parsed, _ = parse_header(header, _MOST_SIGNALS)
        return {plain_name(signal.file_name) for signal in parsed.signals} if parsed else set()
    return set()


def _joined(groups: Sequence[Sequence[int]], claims: Iterable[tuple[int, int]]) -> list[list[int]]:
    """The groups with the files that they claim; those that claim the same one are one group."""
    into = list(range(len(groups)))  # by group: the one that it was joined to, itself at first

    def joined_to(place: int) -> int:
        while into[place] != place:
            into[place] = into[into[place]]
            place = into[place]
        return place

    claimant: dict[int, int] = {}
    for place, number in claims:
        into[joined_to(place)] = joined_to(claimant.setdefault(number, place))
    joined: dict[int, list[int]] = defaultdict(list)
    for place, group in enumerate(groups):
        joined[joined_to(place)] += group
    for number, place in claimant.items():
        joined[joined_to(place)].append(number)
    return list(joined.values())
