"""Files that databases of recordings put beside them, and that hold no recording."""

from pathlib import PurePosixPath

_NAMES = frozenset({"records", "annotators"})
_STEMS = frozenset({"license", "licence", "copying", "sha256sums", "sha1sums", "md5sums"})
_TEXTS = frozenset({"", ".txt", ".md"})
# WFDB: annotations of beats, and the Frank leads of the PTB database.
_SUFFIXES = frozenset({".atr", ".qrs", ".ann", ".xyz"})


def is_companion(name: str) -> bool:
    """Whether a file of this name is none of a recording, wherever it lies.

    Args:
        name: As the client gave it; it may hold folders.
    """
    path = PurePosixPath(name.replace("\\", "/").lower())
    is_text = path.suffix in _TEXTS and path.stem in _STEMS
    return path.name in _NAMES or is_text or (bool(path.stem) and path.suffix in _SUFFIXES)
