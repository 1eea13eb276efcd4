"""A disk that gets full: a small file system, or a bound on the size of the server's files."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import psutil

from tests.support.server import Server

_BLOCK = bytes(4096)


class Disk(Protocol):
    """Where a server writes."""

    folder: Path

    def fill(self, server: Server) -> None:
        """Leave no room."""

    def free(self, server: Server) -> None:
        """Make room again."""


class SmallFileSystem:
    """A file system in memory of some megabytes: writing to it ends in ENOSPC."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, _server: Server) -> None:
        with self._ballast.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(_BLOCK):
                pass
        assert os.statvfs(self.folder).f_bavail == 0

    def free(self, _server: Server) -> None:
        self._ballast.unlink()


class SizeLimit:
    """No file may grow beyond what the largest one in the folder has: writing ends in EFBIG.

    Needs no rights, so it stands in where no file system can be mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, server: Server) -> None:
        self._bound(server, max((path.stat().st_size for path in self.folder.iterdir()), default=0))

    def free(self, server: Server) -> None:
        self._bound(server, resource.RLIM_INFINITY)

    def _bound(self, server: Server, size: int) -> None:
        root = psutil.Process(server.process.pid)
        for process in (root, *root.children(recursive=True)):
            _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
            process.rlimit(psutil.RLIMIT_FSIZE, (size, hard))


@contextmanager
def small_file_system(folder: Path, size: str) -> Iterator[SmallFileSystem | None]:
    """A file system of that size, or None where the rights to mount it are lacking."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        yield None
        return
    try:
        yield SmallFileSystem(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
