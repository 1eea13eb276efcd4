"""Bundles made of wire answers of every kind."""

import json
import re
from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import api_schemas as wire
from api_schemas.diagnosis import EXAMPLE, UnanswerableReason
from api_schemas.measurements import Reason
from service.api.answers import fhir
from service.api.answers.fhir_measurements import QUANTITIES
from tests.support.fhir_example import example
from tests.support.fhir_r4 import component, faults, resources
from tests.support.paths import REPOSITORY

ANSWER = wire.Diagnosis.model_validate(EXAMPLE)
FINDING = ANSWER.findings[0]
REASONS = get_args(UnanswerableReason)
MEASUREMENT_REASONS = get_args(get_args(Reason)[0])


def made(**changed: Any) -> dict[str, Any]:
    answer = ANSWER.model_copy(update=changed)
    document = fhir.bundle(answer, [()] * len(answer.findings))
    return dict(json.loads(document.to_json()))


def finding(**changed: Any) -> dict[str, Any]:
    document = made(findings=[FINDING.model_copy(update=changed)])
    assert faults(document) == []
    return resources(document, "Observation")[1]


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_given_in_the_standards_words_and_in_ours(
    reason: UnanswerableReason,
) -> None:
    read = wire.Interpretation(kind="not_answerable")
    observation = finding(
        probability=None, rank=None, reason=reason, answerable=False, interpreted_as=read
    )
    standard, own = observation["dataAbsentReason"]["coding"]
    assert standard["system"] == "http://terminology.hl7.org/CodeSystem/data-absent-reason"
    assert own["code"] == reason
    assert "component" not in observation


@given(st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_probabilities_have_four_decimals(probability: float) -> None:
    value = component(finding(probability=probability), "probability")["valueQuantity"]["value"]
    assert abs(value - probability) <= 0.00005 + 1e-12
    assert float(f"{value:.4f}") == value


def test_a_sum_of_tenths_has_no_tail() -> None:
    document = made(findings=[FINDING.model_copy(update={"probability": 0.1 + 0.2})])
    assert '"value": 0.3,' in json.dumps(document)


@pytest.mark.parametrize("reason", MEASUREMENT_REASONS)
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_measurement_may_be_absent_for_every_reason(quantity: str, reason: str) -> None:
    absent = wire.Measurement.model_validate({"value": None, "unit": "ms", "reason": reason})
    measurements = ANSWER.measurements.model_copy(update={quantity: absent})
    document = made(measurements=measurements)
    assert faults(document) == []
    part = component(resources(document, "Observation")[0], quantity)
    assert reason in [each["code"] for each in part["dataAbsentReason"]["coding"]]


def test_every_scalar_of_the_wires_measurements_is_handed_on() -> None:
    fields = wire.Measurements.model_fields
    assert {name for name, f in fields.items() if f.annotation is wire.Measurement} == set(
        QUANTITIES
    )


def test_a_measurement_that_answers_is_handed_on_with_its_quantity() -> None:
    read = wire.Interpretation(
        kind="measurement", quantity="st_elevation", comparator="above", value=0.1, unit="mV",
        lead="V1",
    )  # fmt: skip
    measured = wire.MeasuredValue(value=0.2, unit="mV", uncertainty=0.01)
    part = component(finding(interpreted_as=read, measured=measured), "st_elevation")
    assert part["code"]["text"] == "st elevation in V1"
    assert part["valueQuantity"]["value"] == 0.2


def test_an_answer_without_findings_is_still_a_report() -> None:
    document = made(findings=[])
    assert faults(document) == []
    assert len(resources(document, "DiagnosticReport")[0]["result"]) == 1


def test_a_problem_without_faults_is_an_outcome_of_its_title() -> None:
    problem = wire.Problem(type="urn:x", title="Too late", status=504, request_id="R")
    (issue,) = fhir.outcome(problem).issue
    assert (issue.code, issue.details.text) == ("processing", "Too late")


def test_the_documented_example_is_what_is_made_and_sound() -> None:
    page = (REPOSITORY / "docs" / "use" / "fhir.md").read_text("utf-8")
    (shown,) = re.findall(r"```json\n(.*?)\n```", page, re.DOTALL)
    assert shown == example()
    assert faults(json.loads(shown)) == []


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    "broken",
    [
        lambda b: b["entry"][2]["resource"].update(status="prelim"),
        lambda b: b["entry"][1]["resource"].pop("code"),
        lambda b: b["entry"][1]["resource"]["result"].clear(),
        lambda b: b["entry"][1]["resource"]["result"][0].update(reference="urn:uuid:0"),
        lambda b: b["entry"][3]["resource"].pop("component"),
        lambda b: b["entry"][3]["resource"].update(effectiveDateTime="2025-01-31T09:30:00"),
        lambda b: b["entry"][3]["resource"].update(probability=0.5),
        lambda b: b["entry"][3]["resource"].update(note=None),
        lambda b: b["entry"][3].update(fullUrl=b["entry"][2]["fullUrl"]),
        lambda b: b["entry"][2]["resource"]["component"][0].pop("valueQuantity"),
        lambda b: b["entry"][3]["resource"].update(
            valueBoolean=True, dataAbsentReason={"text": "none"}
        ),
    ],
)
def test_the_judges_find_what_is_broken(broken: Change) -> None:
    document = made()
    assert faults(document) == []
    broken(document)
    assert faults(document) != []
