"""What devices send, through the service: the same answer as from WFDB, with what was left out."""

import pytest
from starlette.testclient import TestClient

import api_schemas as wire
from ecg_core.leads import LEADS
from ecg_core.readers import UploadedFile
from tests.support.philips_files import make_philips
from tests.support.recordings import make_wfdb, make_zip
from tests.support.scp_files import make_scp
from tests.support.service import as_upload
from tests.support.xml_files import make_aecg, make_cardiosoft, make_muse, stored_units, tag

QUERIES = ["atrial fibrillation", "LBBB", "left ventricular hypertrophy"]
CHILD = {"PatientAge": "9", "AgeUnits": "YEARS", "PatientLastName": "Meier"}
# A file, and the codes of the warnings that it brings along.
FILES = {
    "aecg": (make_aecg(), set()),
    "muse": (make_muse(patient=CHILD), {"waveform_left_out", "outside_training_population"}),
    "cardiosoft": (make_cardiosoft(patient=tag("PaceMaker", "yes")), {"paced_patient"}),
    "philips": (make_philips(), {"calibration_pulse_removed"}),
    "scp": (make_scp(stored_units(), changed={5: bytes(40)}), {"waveform_left_out"}),
}


def post(client: TestClient, files: list[UploadedFile]) -> wire.Diagnosis:
    response = client.post("/diagnose", files=as_upload(files), data={"queries": QUERIES})
    assert response.status_code == 200, response.text
    return wire.Diagnosis.model_validate_json(response.content)


@pytest.mark.parametrize("name", FILES)
def test_every_format_gets_the_answer_of_the_same_recording_as_wfdb(
    client: TestClient, name: str
) -> None:
    content, codes = FILES[name]
    answer = post(client, [UploadedFile("ecg", content)])
    assert answer.recording.format == name
    assert set(answer.recording.leads) <= set(LEADS)
    assert {warning.code for warning in answer.warnings} >= codes
    assert "Meier" not in answer.model_dump_json()
    expected = {
        finding.query: finding.probability for finding in post(client, make_wfdb()).findings
    }
    for finding in answer.findings:
        # They are stored in steps of 5 uV, WFDB's in steps of 1.
        assert finding.probability == pytest.approx(expected[finding.query], abs=0.05)


def test_batch_takes_every_format_out_of_one_zip(client: TestClient) -> None:
    zipped = make_zip({f"{name}/ecg": content for name, (content, _) in FILES.items()})
    response = client.post("/diagnose/batch", files=as_upload([zipped]), data={"queries": QUERIES})
    assert response.status_code == 200, response.text
    answer = wire.BatchDiagnosis.model_validate_json(response.content)
    assert {one.diagnosis.recording.format for one in answer.items if one.diagnosis} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_file_that_is_cut_off_is_refused_with_its_faults(client: TestClient, name: str) -> None:
    content = FILES[name][0][:-3000]
    response = client.post("/diagnose", files=as_upload([UploadedFile("ecg", content)]))
    assert response.status_code in {400, 422}
    problem = wire.Problem.model_validate_json(response.content)
    assert problem.errors
    assert problem.errors[0].code == "malformed_file"


def test_xml_of_something_else_is_told_what_is_read(client: TestClient) -> None:
    response = client.post("/diagnose", files=as_upload([UploadedFile("a.xml", b"<svg/>")]))
    assert response.status_code == 415
    assert "HL7 aECG" in response.text
