"""From what a caller has (paths, or names with bytes) to the files of one upload."""

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from cardioquery.client.errors import RecordingFileError

RecordingFile = str | Path | tuple[str, bytes]
RecordingFiles = RecordingFile | Sequence[RecordingFile]

_HEADER_SUFFIX = ".hea"
_SIGNAL_SUFFIXES = (".dat", ".mat")


def recording_files(recording: RecordingFiles) -> list[tuple[str, bytes]]:
    """Name and content of each file of one recording.

    A WFDB header given by its path alone brings the signal files beside it along.

    Args:
        recording: One file or several: paths, or pairs of a name and its bytes.

    Raises:
        RecordingFileError: A file cannot be read, or a header's signal file is not beside it.
    """
    given = _given(recording)
    files = [file if isinstance(file, tuple) else _read(Path(file)) for file in given]
    if len(given) == 1 and not isinstance(given[0], tuple):
        path = Path(given[0])
        if path.suffix.lower() == _HEADER_SUFFIX:
            files.extend(_read(signal) for signal in _signals_beside(path, files[0][1]))
    return files


def _given(recording: RecordingFiles) -> list[RecordingFile]:
    if isinstance(recording, str | Path):
        return [recording]
    match recording:
        case (str(name), bytes(content)):
            return [(name, content)]
    is_many = isinstance(recording, Iterable) and not hasattr(recording, "read")
    if isinstance(recording, bytes | bytearray) or not is_many:
        raise _no_file(recording)
    files = list(recording)
    if not files:
        raise RecordingFileError("no file of a recording was given")
    for file in files:
        match file:
            case str() | Path() | (str(), bytes()):
                continue
        raise _no_file(file)
    return files


def _no_file(given: object) -> RecordingFileError:
    if isinstance(given, bytes | bytearray):
        what = "bytes need the file's name: give a pair of both"
    elif hasattr(given, "read"):
        what = "an open file is not taken: give its path, or a pair of its name and its bytes"
    else:
        kind = type(given).__name__
        what = f"a {kind} is no file: give a path, or a pair of a name and its bytes"
    return RecordingFileError(what)


def _read(path: Path) -> tuple[str, bytes]:
    try:
        return path.name, path.read_bytes()
    except OSError as error:
        raise RecordingFileError(f"{path}: {error.strerror or error}") from error


def _signals_beside(header: Path, content: bytes) -> list[Path]:
    """The signal files that a header names, as far as they lie beside it.

    Found under any spelling of case and accents, or, where pairs were renamed, by the header's own
    stem: whether they belong together is told where they are read.
    """
    lying = {
        _plain(path.name): path
        for path in sorted(header.parent.iterdir())
        if path.name.lower().endswith(_SIGNAL_SUFFIXES) and path.is_file()
    }
    named = {_plain(name) for name in _signal_names(_text(content).splitlines())}
    stem = _plain(header.stem)
    renamed = [
        stem + suffix for suffix in _SIGNAL_SUFFIXES if any(n.endswith(suffix) for n in named)
    ]
    for names in (named, renamed if all(map(_is_bare, named)) else []):
        if found := sorted({lying[name] for name in names if name in lying}):
            return found
    if not all(map(_is_bare, named)):
        raise RecordingFileError(
            f"{header}: it names its signal file by a folder; take the folder out of the header, "
            "or give both files"
        )
    suffixes = " or ".join(_SIGNAL_SUFFIXES)
    others = f"; {len(lying)} of other names do, which may be given as well" if lying else ""
    raise RecordingFileError(f"{header}: its {suffixes} file does not lie beside it{others}")


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _plain(name: str) -> str:
    """A name as any system may spell it."""
    return unicodedata.normalize("NFC", name).casefold()


def _signal_names(lines: Iterable[str]) -> list[str]:
    """The first word of every line but comments and the first, which names the record."""
    words = [line.split(maxsplit=1) for line in lines if not line.startswith("#")]
    return [first for first, *_ in filter(None, words)][1:]


def _is_bare(name: str) -> bool:
    """Only files in the header's own folder are sent: a header must not pick any file at all."""
    return "/" not in name and "\\" not in name
