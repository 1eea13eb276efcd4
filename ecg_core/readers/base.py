"""What every reader of recordings has in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isclose
from pathlib import Path, PurePosixPath
from typing import ClassVar, Protocol

from ecg_core.checkpoint import Checkpoint, no_checkpoint
from ecg_core.errors import Fault, FaultCode, UnreadableRecording, UnusableRecording
from ecg_core.leads import standard_lead_name
from ecg_core.plausibility import MAX_DURATION_S, MAX_SAMPLING_RATE_HZ, MIN_SAMPLING_RATE_HZ
from ecg_core.recording import Recording


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """Bounds on what a reader accepts, so that no upload costs more time or memory than they say.

    Attributes:
        max_file_bytes: Size of one file, also after unpacking.
        max_duration_s: Length of a recording.
        min_sampling_rate_hz, max_sampling_rate_hz: Plausible sampling rates.
        max_leads: Signals in one recording (12 leads and a few others that are left out).
        checkpoint: Called now and then while a large file is read; may raise to stop it.
    """

    max_file_bytes: int = 32 * 1024 * 1024
    max_duration_s: float = MAX_DURATION_S
    min_sampling_rate_hz: float = MIN_SAMPLING_RATE_HZ
    max_sampling_rate_hz: float = MAX_SAMPLING_RATE_HZ
    max_leads: int = 16
    checkpoint: Checkpoint = field(default=no_checkpoint, compare=False)


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

    @property
    def first_bytes(self) -> bytes:
        """What tells its format."""
        return self.content[:FIRST_BYTES]


# So much of a file tells its format: more than DICOM's preamble, or the comments before an XML's
# root element.
FIRST_BYTES = 16 * 1024


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
    """A reader of one format.

    Attributes:
        title: The format's name, for people.
        suffixes: Those of files whose format their bytes do not tell (tables, bare samples);
            none where they do.
    """

    title: ClassVar[str]
    suffixes: ClassVar[frozenset[str]]

    def recognises(self, first_bytes: bytes) -> bool:
        """Whether a file that begins so (`FIRST_BYTES` of it, or all) is of this format.

        Told without decoding: it raises nothing, whatever the bytes.
        """
        ...

    def groups(
        self, paths: Sequence[PurePosixPath], beginning: Callable[[int], bytes]
    ) -> list[list[int]]:
        """Which of several files make one recording of this format.

        Args:
            paths: Of the files, as the client named them; they may hold folders.
            beginning: The first bytes of the file at a place, for what paths alone do not tell.

        Returns:
            Places in `paths`, a group a recording; every other file is one by itself.
        """
        ...

    def read(
        self, files: Sequence[UploadedFile], stated: StatedFacts, limits: ReadLimits
    ) -> Recording:
        """Read the files of one recording.

        Raises:
            UnreadableRecording: The files are broken, inconsistent or malicious.
            UnusableRecording: They are read, but lack what a recording needs.
        """
        ...


class SingleFileReader(ABC):
    """Base of readers of formats whose bytes tell them, and whose recordings are one file each."""

    title: ClassVar[str]
    suffixes: ClassVar[frozenset[str]] = frozenset()

    def groups(
        self, paths: Sequence[PurePosixPath], beginning: Callable[[int], bytes]
    ) -> list[list[int]]:
        """None: every file is a recording by itself."""
        return []

    @abstractmethod
    def recognises(self, first_bytes: bytes) -> bool:
        """Whether a file that begins so is of this format; see `RecordingReader`."""

    @abstractmethod
    def read_file(self, content: bytes, limits: ReadLimits) -> Recording:
        """Read the bytes of one recording; errors as for `read`."""

    def read(
        self, files: Sequence[UploadedFile], stated: StatedFacts, limits: ReadLimits
    ) -> Recording:
        """Read one file; what the request states is not needed, but must agree.

        Raises:
            UnreadableRecording: The file is broken, inconsistent or malicious, or there are more.
            UnusableRecording: It is sound, but lacks what a recording needs.
        """
        if len(files) != 1:
            detail = f"a recording as {self.title} is one file"
            raise UnreadableRecording.of(FaultCode.SEVERAL_RECORDINGS, detail)
        recording = self.read_file(files[0].content, limits)
        faults = contradictions(recording, stated)
        if faults:
            raise UnusableRecording(faults)
        return recording


def contradictions(recording: Recording, stated: StatedFacts) -> list[Fault]:
    """What the request states otherwise than a file that says all of it itself."""
    rate_hz, order = stated.sampling_rate_hz, stated.lead_order
    said = {
        "sampling_rate_hz": rate_hz is not None
        and not isclose(rate_hz, recording.sampling_rate_hz, rel_tol=1e-3),
        "lead_order": order is not None
        and tuple(map(standard_lead_name, order)) != recording.leads,
        # Each lead is in the unit that the file says; another one would change nothing.
        "units": stated.units_per_mv is not None,
    }
    return [
        Fault(
            FaultCode.CONTRADICTS_FILE,
            f"the file says {what} itself, and not the one stated: leave it out",
            field=name,
        )
        for name, what in (
            ("sampling_rate_hz", "its rate"),
            ("lead_order", "the order of its leads"),
            ("units", "each lead's unit"),
        )
        if said[name]
    ]
