"""The wire says every measurement that the core takes, by the same names."""

from dataclasses import asdict

from api_schemas.measurements import LeadMeasurements, Measurement, Measurements
from cardioquery.demo.simulator import simulate
from ecg_core.preprocessing import PreprocessingSpec, prepare
from ecg_core.recording import Recording
from ecg_core.signs.measurements import measure
from ecg_core.signs.quantities import LeadQuantity, Quantity, Reason, Unit


def test_every_quantity_has_its_field() -> None:
    others = {"leads", "beats", "measured_s"}
    assert set(Measurements.model_fields) - others == {quantity.value for quantity in Quantity}
    assert set(LeadMeasurements.model_fields) == {quantity.value for quantity in LeadQuantity}


def test_every_unit_and_reason_can_be_sent() -> None:
    for unit in Unit:
        for reason in Reason:
            sent = Measurement(value=None, unit=unit.value, reason=reason.value)
            assert (sent.unit, sent.reason) == (unit.value, reason.value)


def test_measurements_of_a_recording_without_a_lead_are_sent() -> None:
    recording = simulate()
    eleven = Recording(recording.samples_mv[:11], recording.leads[:11], 500.0, "csv")
    spec = PreprocessingSpec()
    found = measure(prepare(eleven, spec), spec)
    sent = Measurements.model_validate(
        {
            **{quantity.value: asdict(one) for quantity, one in found.values.items()},
            "leads": {
                lead: {quantity.value: asdict(one) for quantity, one in row.items()}
                for lead, row in found.by_lead.items()
            },
            "beats": [asdict(beat) for beat in found.beats],
            "measured_s": found.measured_s,
        }
    )
    assert sent.pr_interval.unit == "ms"
    assert sent.leads["V6"].r_amplitude.reason == "missing_lead"
    assert Measurements.model_validate_json(sent.model_dump_json()) == sent
