"""One acquisition of an ECG, as every reader hands it over."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RecordingFormat = Literal[
    "wfdb", "csv", "dicom", "edf", "scp", "aecg", "muse", "cardiosoft", "philips"
]


class NoteCode(StrEnum):
    """What a file says that a reader of the findings should know; the words of the warnings."""

    LEAD_LEFT_OUT = "lead_left_out"
    WAVEFORM_LEFT_OUT = "waveform_left_out"
    CALIBRATION_PULSE_REMOVED = "calibration_pulse_removed"
    OUTSIDE_TRAINING_POPULATION = "outside_training_population"
    PACED_PATIENT = "paced_patient"
    SAMPLES_UNVERIFIED = "samples_unverified"


@dataclass(frozen=True, slots=True)
class Note:
    """What a reader noticed in a file. It never makes a recording unusable.

    Args:
        code: What it is, for programs.
        detail: What it is, for people; words of ours only, never the file's.
    """

    code: NoteCode
    detail: str


@dataclass(frozen=True, eq=False, slots=True)
class Recording:
    """One acquisition: named leads, sampled together.

    Attributes:
        samples_mv: Shape (lead, sample), float32, millivolts; read-only. May hold NaN where the
            file does: `ecg_core.quality` refuses those, nothing repairs them.
        leads: Standard lead names, one a row, in the file's order.
        sampling_rate_hz: Samples a second.
        format: Which reader read it.
        notes: What the reader of the findings should know: what the file holds beside these
            leads, and whether the patient is one that the model has not seen.
    """

    samples_mv: NDArray[np.float32]
    leads: tuple[str, ...]
    sampling_rate_hz: float
    format: RecordingFormat
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        samples = np.ascontiguousarray(self.samples_mv, dtype=np.float32)
        if samples.ndim != 2 or samples.shape[0] != len(self.leads):
            raise ValueError("samples_mv must have the shape (lead, sample), one row a lead")
        if samples is self.samples_mv and samples.flags.writeable:
            samples = samples.copy()  # the caller keeps its array, and may change it
        samples.flags.writeable = False
        object.__setattr__(self, "samples_mv", samples)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return float(self.samples_mv.shape[1] / self.sampling_rate_hz)

    def lead(self, name: str) -> NDArray[np.float32]:
        """The samples of one lead in millivolts, shape (sample,)."""
        samples: NDArray[np.float32] = self.samples_mv[self.leads.index(name)]
        return samples
