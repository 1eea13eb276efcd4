"""What the quality check hands over."""

from dataclasses import dataclass
from enum import StrEnum

from ecg_core.recording import Recording


class QualityWarningCode(StrEnum):
    """Machine-readable reasons for caution. Part of the HTTP contract: never renamed."""

    MISSING_LEAD = "missing_lead"
    FLAT_LEAD = "flat_lead"
    FLAT_STRETCH = "flat_stretch"
    CLIPPING = "clipping"
    BASELINE_WANDER = "baseline_wander"
    HIGH_FREQUENCY_NOISE = "high_frequency_noise"
    MAINS_HUM = "mains_hum"
    BASELINE_STEP = "baseline_step"
    BURST = "burst"
    WILD_SAMPLE = "wild_sample"
    LIMB_LEADS_INCONSISTENT = "limb_leads_inconsistent"
    LIMB_LEADS_SWAPPED = "limb_leads_swapped"
    SHORT_RECORDING = "short_recording"
    POOR_QUALITY = "poor_quality"


@dataclass(frozen=True, slots=True)
class QualityWarning:
    """A recording that is usable, but imperfect.

    Args:
        code: What is imperfect, for programs.
        detail: What is imperfect, for people.
        lead: The standard name of the lead concerned, if it is one.
    """

    code: QualityWarningCode
    detail: str
    lead: str | None = None


@dataclass(frozen=True, eq=False, slots=True)
class QualityReport:
    """A checked recording.

    Attributes:
        recording: What to score: the recording without its flat leads.
        warnings: What is imperfect about it.
        acceptable: Whether a reader of ECGs would probably accept it.
    """

    recording: Recording
    warnings: tuple[QualityWarning, ...]
    acceptable: bool
