"""Measurements as components of an observation."""

from api_schemas.diagnosis import Interpretation, MeasuredValue
from api_schemas.fhir import CodeableConcept, Coding, Extension, ObservationComponent, Quantity
from api_schemas.measurements import Measurement, Measurements, Reason
from service.api.answers.fhir_codes import LOINC, OWN_SYSTEM, reason_concept

# Name for people, and LOINC codes. A corrected QT without a formula is commonly Bazett's: only that
# one has the general code (8636-3) too, so that no code stands for two values.
QUANTITIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "heart_rate": ("heart rate", ("76282-3",)),
    "rr_sdnn": ("standard deviation of R-R intervals", ()),
    "rr_rmssd": ("root mean square of successive R-R differences", ()),
    "p_duration": ("P wave duration", ()),
    "pr_interval": ("PR interval", ("8625-6",)),
    "qrs_duration": ("QRS duration", ("8633-0",)),
    "qt_interval": ("QT interval", ("8634-8",)),
    "qtc_bazett": ("QT interval corrected after Bazett", ("8636-3", "76635-2")),
    "qtc_fridericia": ("QT interval corrected after Fridericia", ("76634-5",)),
    "p_axis": ("P axis", ("9924-2",)),
    "qrs_axis": ("QRS axis", ("8632-2",)),
    "t_axis": ("T axis", ("8638-9",)),
}

_UCUM = {"degrees": "deg"}
_STANDARD_DEVIATION = "http://hl7.org/fhir/StructureDefinition/iso21090-uncertainty"
_STANDARD_REASONS: dict[Reason, tuple[str, str]] = {
    "no_p_waves": ("not-applicable", "no P waves"),
    "missing_lead": ("not-performed", "a lead that it needs was not recorded"),
    "too_few_beats": ("unknown", "fewer than three beats that are alike"),
    "at_search_limit": ("unknown", "an onset or an end was not found where it can be"),
}


def measurement_components(measurements: Measurements) -> tuple[ObservationComponent, ...]:
    """What was measured once for the recording, or why it was not; heights by lead are left out."""
    return tuple(
        _component(_quantity_code(name), getattr(measurements, name)) for name in QUANTITIES
    )


def measured_component(read: Interpretation, measured: MeasuredValue) -> ObservationComponent:
    """The measurement that answers a query."""
    quantity = read.quantity if read.kind == "measurement" and read.quantity else "measured"
    code = _quantity_code(quantity, f" in {read.lead}" if read.lead else "")
    value = _quantity(measured.value, measured.unit, measured.uncertainty)
    return ObservationComponent(code=code, value_quantity=value)


def _component(code: CodeableConcept, one: Measurement) -> ObservationComponent:
    if one.value is not None:
        value = _quantity(one.value, one.unit, one.uncertainty)
        return ObservationComponent(code=code, value_quantity=value)
    # Without a reason of its own the value is merely unknown.
    if one.reason is None:
        reason = reason_concept("unknown", "not_measured", "not measured")
    else:
        standard, text = _STANDARD_REASONS[one.reason]
        reason = reason_concept(standard, one.reason, text)
    return ObservationComponent(code=code, data_absent_reason=reason)


def _quantity_code(quantity: str, place: str = "") -> CodeableConcept:
    text, loinc = QUANTITIES.get(quantity, (quantity.replace("_", " "), ()))
    codes = [Coding(system=LOINC, code=code) for code in loinc]
    own = Coding(system=OWN_SYSTEM, code=quantity)
    return CodeableConcept(coding=(*codes, own), text=f"{text}{place}")


def _quantity(value: float, unit: str, uncertainty: float | None) -> Quantity:
    """A value in UCUM, with its standard deviation as FHIR's own extension."""
    deviation = (
        None
        if uncertainty is None
        else (Extension(url=_STANDARD_DEVIATION, value_decimal=uncertainty),)
    )
    return Quantity(extension=deviation, value=value, unit=unit, code=_UCUM.get(unit, unit))
