"""What is measured of a recording, in which unit, and why it may not be."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    """Units of measurements."""

    PER_MINUTE = "/min"
    MILLISECONDS = "ms"
    MILLIVOLTS = "mV"
    DEGREES = "degrees"


class Quantity(StrEnum):
    """What is measured once for a recording."""

    HEART_RATE = "heart_rate"
    RR_SDNN = "rr_sdnn"
    RR_RMSSD = "rr_rmssd"
    P_DURATION = "p_duration"
    PR_INTERVAL = "pr_interval"
    QRS_DURATION = "qrs_duration"
    QT_INTERVAL = "qt_interval"
    QTC_BAZETT = "qtc_bazett"
    QTC_FRIDERICIA = "qtc_fridericia"
    P_AXIS = "p_axis"
    QRS_AXIS = "qrs_axis"
    T_AXIS = "t_axis"

    @property
    def unit(self) -> Unit:
        """What it is measured in."""
        if self is Quantity.HEART_RATE:
            return Unit.PER_MINUTE
        return Unit.DEGREES if self.endswith("axis") else Unit.MILLISECONDS


class LeadQuantity(StrEnum):
    """What is measured in each lead, in millivolts."""

    R_AMPLITUDE = "r_amplitude"
    S_AMPLITUDE = "s_amplitude"
    Q_AMPLITUDE = "q_amplitude"
    ST_LEVEL = "st_level"
    T_AMPLITUDE = "t_amplitude"

    @property
    def unit(self) -> Unit:
        """What it is measured in."""
        return Unit.MILLIVOLTS


class Reason(StrEnum):
    """Why something is not measured."""

    NO_P_WAVES = "no_p_waves"
    MISSING_LEAD = "missing_lead"
    TOO_FEW_BEATS = "too_few_beats"
    AT_SEARCH_LIMIT = "at_search_limit"


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measured value, or the reason why there is none.

    Attributes:
        unit: Of both numbers.
        value: None where it is not measured.
        uncertainty: One standard deviation; None with the value.
        reason: None where it is measured.
    """

    unit: Unit
    value: float | None = None
    uncertainty: float | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Beat:
    """One QRS complex.

    Attributes:
        r_peak_s: Its peak, seconds from the recording's beginning.
        ectopic: Whether it is unlike the usual beat, or comes early in a regular rhythm; it is
            left out of the median beat, of `rr_sdnn` and of `rr_rmssd`.
    """

    r_peak_s: float
    ectopic: bool


@dataclass(frozen=True, slots=True)
class Measurements:
    """All measurements of one recording.

    Attributes:
        values: Every `Quantity`.
        by_lead: Every `LeadQuantity` in each lead of the model, missing ones too. Heights and
            depths are positive, ST level (60 ms after the J point) and T wave are signed; a QS
            complex counts as Q and as S, its R is 0.
        beats: The QRS complexes, in order.
        measured_s: How much of the recording was measured.
    """

    values: Mapping[Quantity, Measurement]
    by_lead: Mapping[str, Mapping[LeadQuantity, Measurement]]
    beats: tuple[Beat, ...]
    measured_s: float
