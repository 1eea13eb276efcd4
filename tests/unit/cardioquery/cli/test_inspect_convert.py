"""`cardioquery inspect`, `cardioquery convert`, and recordings on standard input."""

import json
from pathlib import Path

import numpy as np
import pytest
import wfdb
from typer.testing import CliRunner, Result

from cardioquery.cli.app import app
from cardioquery.cli.exits import ExitCode
from ecg_core.leads import LEADS
from ecg_core.readers import UploadedFile, read_recording
from ecg_core.recording import Recording
from tests.support.philips_files import make_philips
from tests.support.reading import read
from tests.support.recordings import make_csv, make_recording, make_wfdb
from tests.support.scp_files import make_scp
from tests.support.xml_files import make_aecg, make_cardiosoft, make_muse, tag
from tests.unit.cardioquery.fakes import DIAGNOSIS, StubService, answer

BUILT = {
    "aecg": make_aecg(),
    "muse": make_muse(),
    "cardiosoft": make_cardiosoft(),
    "philips": make_philips(),
    "scp": make_scp(nv_per_unit=3750, interval_us=1667),
}


def run(*arguments: object, content: bytes | None = None) -> Result:
    environment = {"COLUMNS": "200", "NO_COLOR": "1"}
    return CliRunner().invoke(app, [str(one) for one in arguments], input=content, env=environment)


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def written(header: Path) -> Recording:
    files = [header, header.with_suffix(".dat")]
    return read_recording([UploadedFile(path.name, path.read_bytes()) for path in files])


@pytest.mark.parametrize("name", BUILT)
def test_recording_is_shown_without_a_model(tmp_path: Path, name: str) -> None:
    result = run("inspect", put(tmp_path / "any name", BUILT[name]))
    assert result.exit_code == ExitCode.OK
    facts = result.stdout.partition("Warnings:")[0].splitlines()
    lines = dict(line.split(maxsplit=1) for line in facts)
    recording = read(BUILT[name])
    assert lines["format"].strip() == name
    assert lines["rate"].split() == [f"{recording.sampling_rate_hz:.8g}", "Hz"]
    assert lines["leads"].strip() == ", ".join(recording.leads)
    assert all(f"{note.code}: {note.detail}" in result.stdout for note in recording.notes)


def test_json_is_the_inspection_and_nothing_else(tmp_path: Path) -> None:
    result = run("inspect", put(tmp_path / "a", BUILT["philips"]), "--json")
    found = json.loads(result.stdout)
    recording = read(BUILT["philips"])
    assert found["leads"] == list(LEADS)
    assert found["duration_s"] == 10.0
    assert found["faults"] == []
    least, largest = found["ranges_mv"]["II"]
    assert (least, largest) == pytest.approx(
        (recording.lead("II").min(), recording.lead("II").max())
    )
    assert [warning.split(":")[0] for warning in found["warnings"]] == ["calibration_pulse_removed"]


def test_pair_needs_its_header_only(tmp_path: Path) -> None:
    for file in make_wfdb():
        put(tmp_path / file.name, file.content)
    result = run("inspect", tmp_path / "record.hea")
    assert result.exit_code == ExitCode.OK
    assert "wfdb" in result.stdout


def test_facts_of_a_table_can_be_stated(tmp_path: Path) -> None:
    recording = make_recording(duration_s=3.0)
    (table,) = make_csv(recording, header=False, time_unit=None, units="uV")
    path = put(tmp_path / "a.csv", table.content)
    said = ["--sampling-rate-hz", 500, "--units", "uV", "--lead-order", ",".join(LEADS)]
    result = run("inspect", path, *said)
    assert result.exit_code == ExitCode.OK, result.stderr
    assert run("inspect", path).exit_code == ExitCode.REFUSED
    for option, value in (("--units", "volts?"), ("--lead-order", "I,Meier")):
        assert run("inspect", path, option, value).exit_code == ExitCode.USAGE


def test_refusal_names_every_fault_and_nothing_of_the_patient(tmp_path: Path) -> None:
    patient = {"PatientLastName": "Meier"}
    broken = make_muse(patient=patient).replace(b"MICROVOLTS", b"FURLONGS")
    result = run("inspect", put(tmp_path / "a", broken))
    assert result.exit_code == ExitCode.REFUSED
    assert result.stdout == ""
    assert "unknown_units [I]" in result.stderr
    assert "unknown_units [V6]" in result.stderr
    assert "Meier" not in result.stderr


def test_recording_that_would_not_be_scored_is_shown_and_says_so(tmp_path: Path) -> None:
    rows = {"I": np.zeros(5000, np.int64), "II": np.arange(5000) % 700}
    result = run("inspect", put(tmp_path / "a", make_cardiosoft(rows)))
    assert result.exit_code == ExitCode.REFUSED
    assert "Not to be scored:" in result.stdout
    assert "flat_lead [I]" in result.stdout
    assert "missing_lead [V6]" in result.stdout


def test_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    assert run("inspect", tmp_path / "none").exit_code == ExitCode.USAGE


@pytest.mark.parametrize("name", BUILT)
def test_converted_to_wfdb_and_to_a_table_it_is_the_same_recording(
    tmp_path: Path, name: str
) -> None:
    recording = read(BUILT[name])
    header, table = tmp_path / "out-1.hea", tmp_path / "out.csv"
    assert run("convert", "-", header, content=BUILT[name]).exit_code == ExitCode.OK
    assert run("convert", header, table).exit_code == ExitCode.OK
    as_table = read_recording([UploadedFile("out.csv", table.read_bytes())])
    # The reader of tables takes times for rounded, and a rate near a whole one for that.
    for back, tolerance in ((written(header), 1e-12), (as_table, 3e-4)):
        assert back.leads == recording.leads
        rate_hz = pytest.approx(recording.sampling_rate_hz, rel=tolerance)
        assert back.sampling_rate_hz == rate_hz
        np.testing.assert_array_equal(back.samples_mv, recording.samples_mv)


def test_wfdb_is_read_by_its_own_library(tmp_path: Path) -> None:
    header = tmp_path / "r.hea"
    run("convert", "-", header, content=BUILT["scp"])
    record = wfdb.rdrecord(str(header.with_suffix("")))
    recording = read(BUILT["scp"])
    assert tuple(record.sig_name) == recording.leads
    np.testing.assert_allclose(record.p_signal.T, recording.samples_mv, atol=1e-6)


def test_samples_without_a_value_stay_such(tmp_path: Path) -> None:
    table = b"time (s),I (mV),II (mV)\n" + b"".join(
        b"%g,%s,0.5\n" % (n / 500, b"" if n == 7 else b"0.25") for n in range(2000)
    )
    header, back = tmp_path / "r.hea", tmp_path / "b.csv"
    assert run("convert", put(tmp_path / "a.csv", table), header).exit_code == ExitCode.OK
    assert run("convert", header, back).exit_code == ExitCode.OK
    for recording in (written(header), read_recording([UploadedFile("b.csv", back.read_bytes())])):
        assert np.flatnonzero(np.isnan(recording.lead("I"))).tolist() == [7]
        assert recording.lead("I")[8] == 0.25


def test_nothing_of_the_patient_is_written(tmp_path: Path) -> None:
    content = make_philips(patient=tag("patientid", "PHI-4711"))
    run("convert", "-", tmp_path / "r.hea", content=content)
    run("convert", "-", tmp_path / "r.csv", content=content)
    for path in tmp_path.iterdir():
        assert b"4711" not in path.read_bytes()


@pytest.mark.parametrize("name", ["out.edf", "out", "two words.hea", "\u00e4.hea"])
def test_target_that_cannot_be_written_so_is_wrong_usage(tmp_path: Path, name: str) -> None:
    result = run("convert", "-", tmp_path / name, content=BUILT["aecg"])
    assert result.exit_code == ExitCode.USAGE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out.csv", "out.hea", "out.dat"])
def test_no_file_is_written_over(tmp_path: Path, name: str) -> None:
    kept = put(tmp_path / name, b"kept")
    target = tmp_path / ("out.csv" if name == "out.csv" else "out.hea")
    result = run("convert", "-", target, content=BUILT["aecg"])
    assert result.exit_code == ExitCode.USAGE
    assert kept.read_bytes() == b"kept"
    assert list(tmp_path.iterdir()) == [kept]


def test_folder_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    result = run("convert", "-", tmp_path / "none" / "a.csv", content=BUILT["aecg"])
    assert result.exit_code == ExitCode.USAGE


def test_refused_recording_is_not_converted(tmp_path: Path) -> None:
    result = run("convert", "-", tmp_path / "a.csv", content=b"<RestingECG/>")
    assert result.exit_code == ExitCode.REFUSED
    assert list(tmp_path.iterdir()) == []


def test_diagnose_sends_what_comes_in_on_standard_input(stub: StubService) -> None:
    stub.answers["POST /diagnose"] = answer(DIAGNOSIS)
    environment = {"CARDIOQUERY_URL": stub.url, "NO_COLOR": "1"}
    result = CliRunner().invoke(app, ["diagnose", "-"], input=BUILT["aecg"], env=environment)
    assert result.exit_code == ExitCode.OK, result.output
    assert BUILT["aecg"] in stub.bodies[0]
    assert b'filename="-"' in stub.bodies[0]
