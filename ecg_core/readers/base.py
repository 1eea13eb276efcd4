"""What every reader of recordings has in common."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from ecg_core.recording import Recording


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """Bounds on what a reader accepts, so that no upload costs more time or memory than they say.

    Attributes:
        max_file_bytes: Size of one file, also after unpacking.
        max_duration_s: Length of a recording.
        min_sampling_rate_hz, max_sampling_rate_hz: Plausible sampling rates.
        max_leads: Signals in one recording (12 leads and a few others that are left out).
    """

    max_file_bytes: int = 32 * 1024 * 1024
    max_duration_s: float = 1800.0
    min_sampling_rate_hz: float = 50.0
    max_sampling_rate_hz: float = 2000.0
    max_leads: int = 16


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """One uploaded file: the client's name (never logged, never used as a path) and its bytes.

    Args:
        name: The file name as the client gave it; only its suffix and, in WFDB headers, its
            identity matter.
        content: The whole file.
    """

    name: str
    content: bytes = field(repr=False)

    @property
    def suffix(self) -> str:
        """The name's suffix in lower case, with its dot."""
        return Path(self.name).suffix.lower()


@dataclass(frozen=True, slots=True)
class StatedFacts:
    """What the request says about a file that does not say it itself (CSV).

    Attributes:
        sampling_rate_hz: Samples a second, where there is no time column.
        units_per_mv: How many of the file's units make one millivolt (mV: 1, uV: 1000).
        lead_order: Standard lead names of the columns, where there is no header.
    """

    sampling_rate_hz: float | None = None
    units_per_mv: float | None = None
    lead_order: tuple[str, ...] | None = None


class RecordingReader(Protocol):
    """A reader of one format."""

    suffixes: ClassVar[frozenset[str]]

    def read(
        self, files: Sequence[UploadedFile], stated: StatedFacts, limits: ReadLimits
    ) -> Recording:
        """Read the files of one recording.

        Raises:
            UnreadableRecording: The files are broken, inconsistent or malicious.
            UnusableRecording: They are read, but lack what a recording needs.
        """
        ...
