"""Numbers with their quantity, comparator and unit, as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_core.conditions.quantities import quantities, read_measurement
from ecg_core.conditions.question import AllOf, Comparator, Measured


@pytest.mark.parametrize(
    ("text", "quantity", "comparator", "value"),
    [
        ("QTc over 480 ms", "qtc_bazett", Comparator.ABOVE, 480),
        ("rate of 150", "heart_rate", Comparator.ABOUT, 150),
        ("Frequenz über 100", "heart_rate", Comparator.ABOVE, 100),
        ("HR>120", "heart_rate", Comparator.ABOVE, 120),
        ("HR 150/min", "heart_rate", Comparator.ABOUT, 150),
        ("120 bpm", "heart_rate", Comparator.ABOUT, 120),
        ("PR 0,2 s or more", "pr_interval", Comparator.AT_LEAST, 200),
        ("PR interval above 0.2 s", "pr_interval", Comparator.ABOVE, 200),
        ("QRS duration of 120 ms or more", "qrs_duration", Comparator.AT_LEAST, 120),
        ("heart rate not above 40", "heart_rate", Comparator.AT_MOST, 40),
        ("intervalle QT supérieur à 450 ms", "qt_interval", Comparator.ABOVE, 450),
        ("frecuencia cardíaca mayor de 100", "heart_rate", Comparator.ABOVE, 100),
        ("frequenza cardiaca superiore a 100", "heart_rate", Comparator.ABOVE, 100),
        ("hartfrequentie boven 100", "heart_rate", Comparator.ABOVE, 100),
        ("frequência cardíaca acima de 100", "heart_rate", Comparator.ABOVE, 100),
        ("axis of -45 degrees", "qrs_axis", Comparator.ABOUT, -45),
        ("pause of more than 2 s", "longest_rr_interval", Comparator.ABOVE, 2000),
    ],
)
def test_measurement_is_read(
    text: str, quantity: str, comparator: Comparator, value: float
) -> None:
    unit = quantities()[quantity].unit
    assert read_measurement(text) == Measured(quantity, comparator, value, unit)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("PR 120–200 ms", 120, 200),
        ("PR interval of 120 to 200 ms", 120, 200),
        ("PR zwischen 120 und 200 ms", 120, 200),
        ("QRS between 110 and 120 ms", 110, 120),
    ],
)
def test_range_is_read(text: str, low: float, high: float) -> None:
    measured = read_measurement(text)
    assert isinstance(measured, Measured)
    assert (measured.comparator, measured.value, measured.upper) == (
        Comparator.BETWEEN,
        low,
        high,
    )


def test_amplitude_is_read_in_each_lead_in_millivolts() -> None:
    one = read_measurement("ST elevation of more than 2 mm in V2")
    assert one == Measured("st_elevation", Comparator.ABOVE, 0.2, "mV", "V2")
    two = read_measurement("ST elevation of at least 1 mm in V1 and V2")
    assert two is None or isinstance(two, AllOf)


@pytest.mark.parametrize(
    "text",
    [
        "AF",
        "PR 200 furlongs",
        "axis 45",
        "axis between -90 and 180 degrees",
        "ST elevation of 2 mm",
        "heart rate 5000",
        "PR > 200 ms and QRS > 120 ms",
        "QTc 480 ms 500 ms 520 ms",
        "V2",
        "",
    ],
)
def test_what_is_no_one_measurement_is_not_read(text: str) -> None:
    assert read_measurement(text) is None
    assert read_measurement(f"{text} ", lenient=True) is None or text.startswith("PR >")


@given(
    st.sampled_from([q for q in quantities().values() if not q.per_lead and "ms" in q.units]),
    st.integers(min_value=200, max_value=450),
)
def test_milliseconds_and_seconds_say_the_same(quantity: object, value: int) -> None:
    name = quantity.names[0]  # type: ignore[attr-defined]
    in_ms = read_measurement(f"{name} above {value} ms")
    assert in_ms is not None
    assert in_ms == read_measurement(f"{name} > {value / 1000:.3f} s")
    assert in_ms == read_measurement(f"{name} über {value / 1000:.3f}".replace(".", ",") + " s")
