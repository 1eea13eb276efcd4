"""Measurements in the form that questions ask."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from ecg_core.asking.measuring import MeasuredValue
from ecg_core.asking.recorded_measurements import RecordedMeasurements
from ecg_core.conditions.question import UnanswerableReason
from ecg_core.signs import SIGNS
from ecg_core.signs.quantities import (
    Beat,
    LeadQuantity,
    Measurement,
    Measurements,
    Quantity,
    Reason,
    Unit,
)


def in_mv(value: float) -> Measurement:
    return Measurement(Unit.MILLIVOLTS, value, 0.03)


def signs_of_two_windows() -> NDArray[np.float32]:
    """The first sign is measured in both windows, the second in one, the others in none."""
    signs = np.full((2, len(SIGNS)), np.nan, np.float32)
    signs[:, 0] = 1.0, 3.0
    signs[0, 1] = -40.0
    return signs


MEASUREMENTS = RecordedMeasurements(
    Measurements(
        values={
            Quantity.HEART_RATE: Measurement(Unit.PER_MINUTE, 72.0, 1.0),
            Quantity.PR_INTERVAL: Measurement(Unit.MILLISECONDS, reason=Reason.NO_P_WAVES),
            Quantity.QRS_AXIS: Measurement(Unit.DEGREES, reason=Reason.MISSING_LEAD),
        },
        by_lead={
            "V1": {LeadQuantity.S_AMPLITUDE: in_mv(1.5), LeadQuantity.ST_LEVEL: in_mv(0.2)},
            "V3": {LeadQuantity.S_AMPLITUDE: in_mv(1.0), LeadQuantity.T_AMPLITUDE: in_mv(-0.3)},
            "V5": {LeadQuantity.R_AMPLITUDE: in_mv(1.0)},
            "V6": {LeadQuantity.R_AMPLITUDE: in_mv(2.5)},
            "aVL": {LeadQuantity.R_AMPLITUDE: in_mv(0.4)},
        },
        beats=tuple(Beat(at_s, ectopic=False) for at_s in (0.5, 1.3, 3.8, 4.6)),
        measured_s=10.0,
    ),
    signs_of_two_windows(),
)


@pytest.mark.parametrize(
    ("quantity", "lead", "value"),
    [
        ("heart_rate", None, 72.0),
        ("st_elevation", "V1", 0.2),
        ("st_depression", "V1", -0.2),
        ("sokolow_lyon", None, 4.0),
        ("cornell_voltage", None, 1.4),
        ("longest_rr_interval", None, 2500.0),
        ("rr_interval", None, 60_000 / 72),
        ("t_inversion", "V3", 0.3),
    ],
)
def test_measurement_is_found(quantity: str, lead: str | None, value: float) -> None:
    found = MEASUREMENTS.get(quantity, lead)
    assert isinstance(found, MeasuredValue)
    assert found.value == pytest.approx(value)
    assert found.uncertainty > 0


def test_what_is_not_measured_says_why() -> None:
    assert MEASUREMENTS.get("pr_interval", None) is UnanswerableReason.NOT_MEASURABLE
    assert MEASUREMENTS.get("qrs_axis", None) is UnanswerableReason.MISSING_LEADS
    assert MEASUREMENTS.get("p_amplitude", "II") is UnanswerableReason.NOT_MEASURABLE
    nothing = RecordedMeasurements(Measurements({}, {}, (), 0.0), np.zeros((0, len(SIGNS))))
    for quantity in ("longest_rr_interval", "sokolow_lyon", "heart_rate"):
        assert nothing.get(quantity, None) is UnanswerableReason.NOT_MEASURABLE


def test_a_sign_is_the_mean_of_the_windows_in_which_it_was_measured() -> None:
    first, second, third = (sign.name for sign in SIGNS[:3])
    assert MEASUREMENTS.sign(first) == pytest.approx(2 * math.tanh(1))
    assert MEASUREMENTS.sign(second) == pytest.approx(-2)
    assert MEASUREMENTS.sign(third) is None
