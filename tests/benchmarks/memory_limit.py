"""A control group with a memory limit, as a container has one: Linux kills what is over it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

_ROOT = Path("/sys/fs/cgroup")
_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class MemoryLimit:
    """A control group whose processes together may hold so much, swap left aside.

    Attributes:
        folder: Its folder.
        events: The file that counts its kills.
    """

    folder: Path
    events: Path

    @property
    def kills(self) -> int:
        """How many of its processes Linux killed because they held too much."""
        counted = re.search(r"^oom_kill (\d+)", self.events.read_text(), re.M)
        if counted is None:
            raise OSError(f"{self.events} counts no kills")
        return int(counted[1])

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Processes that are started meanwhile are in it, with what they start later."""
        (self.folder / "cgroup.procs").write_text("0")
        try:
            yield
        finally:
            (self.folder.parent / "cgroup.procs").write_text("0")


@contextmanager
def memory_limit(limit_mib: int) -> Iterator[MemoryLimit]:
    """A group of its own below that of this process, taken away afterwards.

    Args:
        limit_mib: What its processes may hold, in MiB.

    Raises:
        OSError: Groups cannot be made here: root is needed, and version 1 of control groups, or of
            version 2 one in which groups may be made (`systemd-run --scope -p Delegate=yes`).
    """
    own = Path("/proc/self/cgroup").read_text()
    version_1 = re.search(r"^\d+:memory:/(.*)$", own, re.M)
    version_2 = re.search(r"^0::/(.*)$", own, re.M)
    if version_1 is not None:
        parent, limit, events = _ROOT / "memory" / version_1[1], "limit_in_bytes", "oom_control"
    elif version_2 is not None:
        parent, limit, events = _ROOT / version_2[1], "max", "events"
    else:
        raise OSError("this system has no control groups of memory")
    folder = parent / f"cardioquery-{uuid4().hex}"
    folder.mkdir()
    try:
        (folder / f"memory.{limit}").write_text(str(limit_mib * _MEBIBYTE))
        yield MemoryLimit(folder, folder / f"memory.{events}")
    finally:
        folder.rmdir()
