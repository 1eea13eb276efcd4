"""Where a text encoder's weights lie."""

import hashlib
import importlib.util
from pathlib import Path

_PACKAGE, _FOLDER = "package:", "folder:"


class NoWeights(FileNotFoundError):
    """What the weights are read from is not there, or is something else."""


def resolve(source: str) -> str:
    """The folder or file that a configuration's `source` means, or the hub's id as it is.

    Raises:
        NoWeights: A package is not installed, or a folder has not been made.
    """
    if source.startswith(_FOLDER):
        folder = Path(source.removeprefix(_FOLDER))
        if not folder.is_dir():
            raise NoWeights(f"no folder {folder}: `make text-encoder` makes it")
        return str(folder)
    if not source.startswith(_PACKAGE):
        return source
    package, _, path = source.removeprefix(_PACKAGE).partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise NoWeights(f"the package {package} with the text encoder is not installed")
    return str(Path(spec.origin).parent / path)


def check_digest(path: Path, expected: str) -> None:
    """Refuse a file that is not the pinned one.

    Raises:
        NoWeights: Its SHA-256 is another.
    """
    with path.open("rb") as stream:
        actual = hashlib.file_digest(stream, "sha256").hexdigest()
    if actual != expected:
        raise NoWeights(f"{path.name} has the SHA-256 {actual}, not {expected}")
