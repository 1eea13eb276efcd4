"""What an ECG can be, asked in one place."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_core.errors import FaultCode
from ecg_core.plausibility import (
    amplitude_fault,
    duplicate_faults,
    excess_faults,
    gain_faults,
    rate_faults,
    shortage_faults,
    units_per_mv,
)
from ecg_core.readers import ReadLimits


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("mV", 1.0), ("MV", 1.0), ("uV", 1e3), ("\u00b5V", 1e3), ("\u03bcV", 1e3), ("nV", 1e6)]
    + [("V", 1e-3), (" uV ", 1e3), ("microvolt", 1e3)]
    + [(other, None) for other in ("", "mmHg", "counts", "kV", "mVs", "1", "dB")],
)
def test_units_of_voltage_are_known_and_no_others(unit: str, expected: float | None) -> None:
    assert units_per_mv(unit) == expected


@pytest.mark.parametrize("rate_hz", [50.0, 257.5, 2000.0])
def test_rates_of_recorders_pass(rate_hz: float) -> None:
    assert rate_faults(rate_hz) == []


@pytest.mark.parametrize("rate_hz", [49.99, 2000.1, 0.0, -500.0, 1e-7, nan, inf, -inf])
def test_other_rates_are_refused(rate_hz: float) -> None:
    (fault,) = rate_faults(rate_hz, field="sampling_rate_hz")
    assert (fault.code, fault.field) == (
        FaultCode.IMPLAUSIBLE_SAMPLING_RATE,
        "sampling_rate_hz",
    )


def test_lengths_are_refused_beyond_their_bounds_and_not_at_them() -> None:
    assert shortage_faults(1250, 500.0) == excess_faults(900_000, 500.0) == []
    assert [fault.code for fault in shortage_faults(1249, 500.0)] == [FaultCode.TOO_SHORT]
    assert [fault.code for fault in excess_faults(900_001, 500.0)] == [FaultCode.TOO_LONG]


@given(st.floats(10, 6e5))
def test_gains_of_converters_of_sixteen_bits_pass(gain: float) -> None:
    assert gain_faults("I", gain, 16) == []


@pytest.mark.parametrize("gain", [None, 0.0, -200.0, 9.9, 1e-300, 1e300, nan, inf])
def test_other_gains_are_refused_by_lead(gain: float | None) -> None:
    (fault,) = gain_faults("V3", gain, 16)
    assert (fault.code, fault.lead) == (FaultCode.IMPLAUSIBLE_GAIN, "V3")


def test_each_lead_that_is_there_twice_is_named_once() -> None:
    faults = duplicate_faults(["I", "II", "I", "V1", "II", "I"])
    assert [(fault.lead, "3" in fault.detail) for fault in faults] == [("I", True), ("II", False)]


@pytest.mark.parametrize(
    ("typical_mv", "largest_mv", "refused"),
    [(2.0, 300.0, False), (20.0, 1000.0, False), (20.1, 25.0, True), (2.0, 1000.1, True)],
)
def test_amplitudes_that_no_electrode_gives_are_refused(
    typical_mv: float, largest_mv: float, refused: bool
) -> None:
    assert (amplitude_fault("I", typical_mv, largest_mv) is not None) == refused


def test_the_readers_bounds_are_those_of_the_quality_check() -> None:
    limits = ReadLimits()
    assert (
        rate_faults(limits.min_sampling_rate_hz) == rate_faults(limits.max_sampling_rate_hz) == []
    )
    assert excess_faults(1, 1 / limits.max_duration_s) == []
