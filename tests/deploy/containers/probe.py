"""Runs inside an image and prints, as JSON, what is in it: files, programs, modules, sizes.

Stands alone: it is handed to the image's own Python.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

NOT_WALKED = {"/proc", "/sys", "/dev", "/run"}
PROGRAMS = ("cc", "gcc", "g++", "ld", "make", "git", "curl", "wget")
MODULES = ("torch", "transformers", "pytest", "matplotlib", "huggingface_hub", "pip", "setuptools")
OURS = Path("/opt/cardioquery")


def files() -> Iterator[str]:
    """Every file of the image; empty ones may be where the builder mounted something."""
    for folder, folders, names in os.walk("/"):
        folders[:] = [name for name in folders if str(Path(folder, name)) not in NOT_WALKED]
        paths = (Path(folder, name) for name in names)
        yield from (str(path) for path in paths if path.lstat().st_size)


def size_of(folder: Path) -> int:
    """Bytes of all files below."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """Print what was found."""
    report = {
        "files": sorted(files()),
        "programs": [name for name in PROGRAMS if shutil.which(name)],
        "modules": [name for name in MODULES if find_spec(name)],
        "own_bytes": size_of(OURS),
        "uid": os.getuid(),
        "writable": [folder for folder in ("/", "/opt/cardioquery") if os.access(folder, os.W_OK)],
        "environment": dict(os.environ),
    }
    json.dump(report, sys.stdout)


main()
