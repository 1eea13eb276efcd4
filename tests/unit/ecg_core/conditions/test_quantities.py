"""Numbers with their quantity, comparator and unit, as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_core.conditions.comparisons import read_measurement
from ecg_core.conditions.quantities import Quantity, quantities
from ecg_core.conditions.question import AllOf, Comparator, Measured, Question


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
        ("axis of +120 degrees", "qrs_axis", Comparator.ABOUT, 120),
        ("QRS axis < -30", "qrs_axis", Comparator.BELOW, -30),
        ("heart rate greater than or equal to 100", "heart_rate", Comparator.AT_LEAST, 100),
        ("QTc larger or equal 500 ms", "qtc_bazett", Comparator.AT_LEAST, 500),
        ("QTc less than or equal to 440 ms", "qtc_bazett", Comparator.AT_MOST, 440),
        ("PR equal to or longer than 200 ms", "pr_interval", Comparator.AT_LEAST, 200),
        ("QTc größer gleich 500 ms", "qtc_bazett", Comparator.AT_LEAST, 500),
        ("pause of more than 2 s", "longest_rr_interval", Comparator.ABOVE, 2000),
        ("QT-Zeit über 480 ms", "qt_interval", Comparator.ABOVE, 480),
        ("R-R interval longer than 1.5 s", "rr_interval", Comparator.ABOVE, 1500),
        ("P axis above 75 degrees", "p_axis", Comparator.ABOVE, 75),
        ("resting heart rate above 110", "heart_rate", Comparator.ABOVE, 110),
        ("SDNN below 20 ms", "rr_sdnn", Comparator.BELOW, 20),
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
        "pattern as in lead 3",
        "as of 45",
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


NAMES = [(quantity, name) for quantity in quantities().values() for name in quantity.names]


def asked(name: str, quantity: Quantity, comparison: str = "above") -> Question | None:
    """A number of the quantity that it can have, with its unit, in a lead if it is of leads."""
    unit = next(unit for unit, factor in quantity.units.items() if factor == 1 and unit)
    return read_measurement(
        f"{name} {comparison} {quantity.high / 2:g} {unit}{' in V2' if quantity.per_lead else ''}"
    )


@given(st.sampled_from(NAMES))
def test_hyphens_between_the_words_of_a_name_are_blanks(named: tuple[Quantity, str]) -> None:
    quantity, name = named
    found = asked(name, quantity)
    assert isinstance(found, Measured)
    assert found.quantity == quantity.id
    assert asked(name.replace(" ", "-"), quantity) == found
    assert asked(name.upper(), quantity) == found


@pytest.mark.parametrize(
    ("comparator", "words"),
    [
        (
            Comparator.ABOVE,
            "taller deeper higher larger greater bigger broader wider longer",
        ),
        (Comparator.BELOW, "shorter lower smaller slower narrower shallower"),
    ],
)
def test_every_comparison_is_read_as_what_it_is(comparator: Comparator, words: str) -> None:
    for word in words.split():
        for name, quantity in (("R wave", "r_amplitude"), ("S wave", "s_amplitude")):
            measured = Measured(quantity, comparator, 2.0, "mV", "aVL")
            assert read_measurement(f"{name} {word} than 2 mV in aVL") == measured
            assert read_measurement(f"a {name} {word} than 2 mV in aVL", lenient=True) == measured


@given(st.text("bcdfgh", min_size=3, max_size=8), st.sampled_from(["than", "als", "que", "dan"]))
def test_a_comparison_that_is_not_read_is_no_equality(word: str, end: str) -> None:
    text = f"R wave {word} {end} 2 mV in aVL"
    assert read_measurement(text, lenient=True) is None


@pytest.mark.parametrize("formula", ["Fridericia", "Bazett"])
def test_the_formula_of_a_corrected_qt_counts_wherever_it_stands(formula: str) -> None:
    measured = Measured(f"qtc_{formula.lower()}", Comparator.ABOVE, 460, "ms")
    for text in (
        f"QTc ({formula}) > 460 ms",
        f"QTc{formula[0]} > 460",
        f"QTc > 460 ms ({formula})",
        f"{formula} QTc over 460 ms",
        f"QTc by {formula} above 0.46 s",
        f"QTc-{formula} > 460",
    ):
        assert read_measurement(text) == measured


@pytest.mark.parametrize(
    "text",
    [
        "atrial rate above 250",
        "atrial rate of 300 and ventricular rate of 150",
        "JT interval above 300 ms",
        "QTc by Hodges above 460 ms",
        "QTc (Framingham) > 460 ms",
        "QRS-T angle > 100 degrees",
        "QT dispersion over 60 ms",
    ],
)
def test_a_number_of_what_is_not_measured_is_none_of_what_sounds_alike(text: str) -> None:
    assert read_measurement(text, lenient=True) is None


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
