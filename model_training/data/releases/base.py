"""What every public release has in common: how it is listed, what may be wrong with it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from ecg_core.conditions import Catalogue
from ecg_core.errors import EcgError
from ecg_core.recording import Recording
from model_training.data.releases.labels import Codes, CodeSystem


class ReleaseFaultCode(StrEnum):
    """What may be wrong with a release, beside what the readers find in its recordings."""

    # The release as a whole: there is no way around these.
    MISSING_TABLE = "missing_table"
    MALFORMED_TABLE = "malformed_table"
    MISSING_COLUMN = "missing_column"
    NO_RECORDINGS = "no_recordings"
    # Some of its recordings: they can be left out.
    MISSING_FILE = "missing_file"
    WRONG_CHECKSUM = "wrong_checksum"
    DUPLICATE_ID = "duplicate_id"
    EMPTY_REPORT = "empty_report"
    NOT_LABELLED = "not_labelled"
    MALFORMED_LABEL = "malformed_label"
    UNKNOWN_LABEL = "unknown_label"
    MALFORMED_FOLD = "malformed_fold"
    NOT_LISTED = "not_listed"


# Codes whose recordings may be left out on demand.
OF_RECORDINGS = frozenset(ReleaseFaultCode) - {
    ReleaseFaultCode.MISSING_TABLE,
    ReleaseFaultCode.MALFORMED_TABLE,
    ReleaseFaultCode.MISSING_COLUMN,
    ReleaseFaultCode.NO_RECORDINGS,
}


@dataclass(frozen=True, slots=True)
class ReleaseFault:
    """One thing that is wrong with a release.

    Attributes:
        code: What is wrong, for programs.
        item: The table, file or recording concerned, relative to the release. It may be patient
            data: for the list of faults, never for a log.
        detail: What is wrong, for people; no patient data.
    """

    code: ReleaseFaultCode
    item: str = field(repr=False)
    detail: str = ""


class BrokenRelease(EcgError):
    """A release is refused; `faults` holds every reason, the message their numbers only."""

    def __init__(self, faults: Iterable[ReleaseFault]) -> None:
        self.faults = tuple(faults)
        self.counts = dict(Counter(fault.code.value for fault in self.faults))
        # Names of tables and columns are the release's own, not patients'.
        told = [
            f"{fault.item}: {fault.detail}"
            for fault in self.faults
            if fault.code not in OF_RECORDINGS
        ]
        counted = [f"{code}: {count}" for code, count in self.counts.items()]
        super().__init__("\n".join(["the release is refused", *counted, *told]))


class WrongChecksum(EcgError):
    """A file's SHA-256 is not the one that the release states."""


@dataclass(frozen=True, slots=True)
class ListedRecording:
    """A recording as the release's tables or headers list it.

    Attributes:
        source_id: The release's own id.
        location: Where its samples are, within the release.
        source: Whose codes it bears; the release's name but for collections of several sources.
        patient_id: None where the release does not say.
        codes: None where it is not labelled.
        report: None where the release has no reports.
        fold: 1 to 10; None where the release has no split.
        digests: SHA-256 of each of its files as the release states them, in the reader's order.
    """

    source_id: str
    location: str
    source: str
    patient_id: str | None = None
    codes: Codes | None = None
    report: str | None = None
    fold: int | None = None
    digests: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class Listing:
    """All recordings of a release, and all that is wrong with it."""

    recordings: Sequence[ListedRecording] = ()
    faults: Sequence[ReleaseFault] = ()

    def without_faults(self, leave_out: frozenset[ReleaseFaultCode]) -> "Listing":
        """Without the recordings that have one of these faults; a doubled id is kept once.

        Raises:
            BrokenRelease: Other faults remain.
        """
        rest = [fault for fault in self.faults if fault.code not in leave_out & OF_RECORDINGS]
        if rest:
            raise BrokenRelease(rest)
        concerned = {
            fault.item for fault in self.faults if fault.code is not ReleaseFaultCode.DUPLICATE_ID
        }
        kept = {
            recording.source_id: recording
            for recording in reversed(self.recordings)
            if recording.source_id not in concerned
        }
        if not kept:
            nothing = ReleaseFault(
                ReleaseFaultCode.NO_RECORDINGS, "the release", "no recording is left"
            )
            raise BrokenRelease([nothing])
        return Listing([*reversed(kept.values())], self.faults)


class Release(Protocol):
    """How one public release is read."""

    @property
    def name(self) -> str:
        """What it is called in commands."""

    def listing(self, folder: Path) -> Listing:
        """List its recordings and all its faults; samples are not read yet.

        A fault of a recording bears its `source_id` as the item.
        """

    def read(self, folder: Path, listed: ListedRecording) -> Recording:
        """Read one recording.

        Raises:
            InputError: The readers refuse it.
            FileNotFoundError: A file of it is not there.
            WrongChecksum: A file of it is not what the release states.
        """

    def system(self, source: str, catalogue: Catalogue) -> CodeSystem:
        """What the codes of recordings of this source mean."""
