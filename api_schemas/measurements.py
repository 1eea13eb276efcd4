"""Measurements in the answer of `POST /diagnose`."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.config import JsonDict

from api_schemas.base import WireModel

Reason = Annotated[
    Literal["no_p_waves", "missing_lead", "too_few_beats", "at_search_limit"],
    Field(
        description="Why there is no value. `no_p_waves`: nothing constant stands before the QRS "
        "complexes; `missing_lead`: a lead that it needs was not recorded; `too_few_beats`: fewer "
        "than three that are alike; `at_search_limit`: an onset or an end was not found where it "
        "can be."
    ),
]


_HEIGHTS: JsonDict = {
    "r_amplitude": {"value": 1.12, "unit": "mV", "uncertainty": 0.034},
    "s_amplitude": {"value": 0.18, "unit": "mV", "uncertainty": 0.006},
    "q_amplitude": {"value": 0.06, "unit": "mV", "uncertainty": 0.004},
    "st_level": {"value": 0.02, "unit": "mV", "uncertainty": 0.004},
    "t_amplitude": {"value": 0.31, "unit": "mV", "uncertainty": 0.01},
}
EXAMPLE: JsonDict = {
    "heart_rate": {"value": 81.0, "unit": "/min", "uncertainty": 0.8},
    "rr_sdnn": {"value": 92.0, "unit": "ms", "uncertainty": 8.0},
    "rr_rmssd": {"value": 118.0, "unit": "ms", "uncertainty": 11.0},
    "p_duration": {"value": None, "unit": "ms", "reason": "no_p_waves"},
    "pr_interval": {"value": None, "unit": "ms", "reason": "no_p_waves"},
    "qrs_duration": {"value": 96.0, "unit": "ms", "uncertainty": 8.0},
    "qt_interval": {"value": 372.0, "unit": "ms", "uncertainty": 13.0},
    "qtc_bazett": {"value": 432.2, "unit": "ms", "uncertainty": 15.1},
    "qtc_fridericia": {"value": 411.1, "unit": "ms", "uncertainty": 14.4},
    "p_axis": {"value": None, "unit": "degrees", "reason": "no_p_waves"},
    "qrs_axis": {"value": 34.0, "unit": "degrees", "uncertainty": 5.0},
    "t_axis": {"value": 41.0, "unit": "degrees", "uncertainty": 6.0},
    "leads": {"II": _HEIGHTS},
    "beats": [{"r_peak_s": 0.42, "ectopic": False}, {"r_peak_s": 1.18, "ectopic": False}],
    "measured_s": 10.0,
}


class Measurement(WireModel):
    """A measured value, or the reason why there is none.

    Attributes:
        value: None where it is not measured.
        unit: Of value and uncertainty.
        uncertainty: One standard deviation; None with the value.
        reason: None where it is measured.
    """

    value: float | None
    unit: Literal["/min", "ms", "mV", "degrees"]
    uncertainty: Annotated[float | None, Field(ge=0)] = None
    reason: Reason | None = None


class LeadMeasurements(WireModel):
    """Heights in one lead's median beat, over the level before the QRS complex.

    Attributes:
        r_amplitude: Height of the R wave; 0 in a QS complex.
        s_amplitude: Depth of the S wave, or of a QS complex, positive.
        q_amplitude: Depth of the Q wave, or of a QS complex, positive.
        st_level: Level 60 ms after the J point, signed.
        t_amplitude: The T wave's largest deflection, signed.
    """

    r_amplitude: Measurement
    s_amplitude: Measurement
    q_amplitude: Measurement
    st_level: Measurement
    t_amplitude: Measurement


class Beat(WireModel):
    """One QRS complex.

    Attributes:
        r_peak_s: Its peak, seconds from the recording's beginning.
        ectopic: Whether it is unlike the usual beat, or early in a regular rhythm, and was left
            out of the median beat.
    """

    r_peak_s: Annotated[float, Field(ge=0)]
    ectopic: bool


class Measurements(WireModel):
    """What was measured on the median beat and the beats' times.

    Intervals are what a reader would mark as the median over leads, not the earliest onset to the
    latest end over leads, which is longer.

    Attributes:
        heart_rate: From the mean R-R interval.
        rr_sdnn: Standard deviation of the R-R intervals between usual beats.
        rr_rmssd: Root mean square of their successive differences.
        p_duration: From the P wave's onset to its end.
        pr_interval: From the P wave's onset to the QRS onset.
        qrs_duration: From the QRS onset to the J point.
        qt_interval: From the QRS onset to the end of the T wave.
        qtc_bazett: QT over the square root of the mean R-R interval in seconds.
        qtc_fridericia: QT over its cube root.
        p_axis: Frontal axis of the P wave.
        qrs_axis: Frontal axis of the QRS complex.
        t_axis: Frontal axis of the T wave.
        leads: Heights by lead, missing leads too.
        beats: The QRS complexes in order.
        measured_s: How much of the recording was measured, from its beginning.
    """

    heart_rate: Measurement
    rr_sdnn: Measurement
    rr_rmssd: Measurement
    p_duration: Measurement
    pr_interval: Measurement
    qrs_duration: Measurement
    qt_interval: Measurement
    qtc_bazett: Measurement
    qtc_fridericia: Measurement
    p_axis: Measurement
    qrs_axis: Measurement
    t_axis: Measurement
    leads: dict[str, LeadMeasurements]
    beats: list[Beat]
    measured_s: Annotated[float, Field(ge=0)]
