"""From what a caller has (paths, or names with bytes) to the files of one upload."""

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
        case _:
            return [file for file in recording if not isinstance(file, bytes)]


def _read(path: Path) -> tuple[str, bytes]:
    try:
        return path.name, path.read_bytes()
    except OSError as error:
        raise RecordingFileError(f"{path}: {error.strerror or error}") from error


def _signals_beside(header: Path, content: bytes) -> list[Path]:
    """The signal files that a header names, as far as they lie beside it."""
    named = set(_signal_names(content.decode(errors="replace").splitlines()))
    signals = sorted(header.with_name(name) for name in named if _may_be_sent(header, name))
    if not signals:
        suffixes = " or ".join(_SIGNAL_SUFFIXES)
        raise RecordingFileError(f"{header}: its {suffixes} file does not lie beside it")
    return signals


def _signal_names(lines: Iterable[str]) -> list[str]:
    """The first word of every line but comments and the first, which names the record."""
    words = [line.split(maxsplit=1) for line in lines if not line.startswith("#")]
    return [first for first, *_ in filter(None, words)][1:]


def _may_be_sent(header: Path, name: str) -> bool:
    """Only signal files in the header's own folder: a header must not pick any file at all."""
    is_bare = Path(name).name == name and "\\" not in name
    return is_bare and name.lower().endswith(_SIGNAL_SUFFIXES) and header.with_name(name).is_file()
