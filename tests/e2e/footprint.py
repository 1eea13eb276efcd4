"""What a request cost the server: its processor time, and its memory at the highest."""

from contextlib import suppress
from pathlib import Path

import psutil


class Footprint:
    """Measures a server and its workers from now on.

    Args:
        pid: Its process.
    """

    def __init__(self, pid: int) -> None:
        root = psutil.Process(pid)
        self._processes = [root, *root.children(recursive=True)]
        for process in self._processes:
            # Linux: the highest resident size is that from now on.
            with suppress(OSError):
                Path(f"/proc/{process.pid}/clear_refs").write_text("5")
        self._before_s = self._processor_s()
        self._before_bytes = {process.pid: resident_bytes(process) for process in self._processes}

    @property
    def processor_s(self) -> float:
        """Processor time that was used, on all cores together."""
        return self._processor_s() - self._before_s

    @property
    def growth_bytes(self) -> int:
        """How far the resident memory rose at its highest, in the process where it rose most."""
        return max(
            peak_bytes(process) - self._before_bytes[process.pid] for process in self._processes
        )

    def _processor_s(self) -> float:
        times = [process.cpu_times() for process in self._processes]
        return float(sum(time.user + time.system for time in times))


def resident_bytes(process: psutil.Process) -> int:
    """Resident memory of one process now."""
    return int(process.memory_info().rss)


def peak_bytes(process: psutil.Process) -> int:
    """Resident memory of one process at its highest; now, where the system does not say."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return resident_bytes(process)
    lines = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
    return 1024 * int(lines[0].split()[1])
