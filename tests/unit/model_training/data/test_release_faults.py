"""A broken release is refused with all its faults at once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from model_training.data.releases.base import BrokenRelease, ReleaseFaultCode, WrongChecksum
from model_training.data.releases.registry import RELEASES
from tests.support import releases as build

NONE = frozenset[ReleaseFaultCode]()


def edit(path: Path, *edits: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def faults_of(name: str, root: Path) -> set[tuple[str, str]]:
    with pytest.raises(BrokenRelease) as caught:
        RELEASES[name].listing(root).without_faults(NONE)
    return {(fault.code.value, fault.item) for fault in caught.value.faults}


def test_all_faults_of_ptb_xl_are_told_at_once(tmp_path):
    root = build.write_ptb_xl(tmp_path / "r", count=6)
    (root / "SHA256SUMS.txt").unlink()
    (root / "records500/00000/00001_hr.dat").unlink()
    edit(
        root / "ptbxl_database.csv",
        ("sinusrhythmus, nummer 2", " "),
        ("{'NORM': 100.0, 'SR': 0.0}\",4", "oops\",4"),
    )  # fmt: skip
    edit(root / "scp_statements.csv", ("IMI", "XMI"))
    edit(root / "RECORDS", ("records500/00000/00006_hr", "records500/00000/00007_hr"))
    assert faults_of("ptb-xl", root) == {
        ("missing_file", "1"),
        ("empty_report", "2"),
        ("unknown_label", "2"),
        ("malformed_label", "3"),
        ("unknown_label", "4"),
        ("unknown_label", "6"),
        ("not_listed", "records500/00000/00007_hr"),
    }


def test_tables_and_columns_that_are_not_there_are_named(tmp_path):
    root = build.write_ptb_xl(tmp_path / "r")
    (root / "SHA256SUMS.txt").unlink()
    (root / "scp_statements.csv").unlink()
    edit(root / "ptbxl_database.csv", ("report", "befund"), ("scp_codes", "codes"))
    with pytest.raises(BrokenRelease, match="there is no column scp_codes") as caught:
        RELEASES["ptb-xl"].listing(root).without_faults(NONE)
    assert caught.value.counts == {"missing_table": 1, "missing_column": 2}


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00 no text", b'a,b\n"'])
def test_a_table_that_is_no_csv_is_a_fault(tmp_path, content):
    root = build.write_mimic(tmp_path / "r")
    (root / "SHA256SUMS.txt").unlink()
    (root / "record_list.csv").write_bytes(content)
    codes = {code for code, _ in faults_of("mimic-iv-ecg", root)}
    assert codes <= {"malformed_table", "missing_column"}


def test_a_table_that_was_altered_is_told_by_its_checksum(tmp_path):
    root = build.write_mimic(tmp_path / "r")
    edit(root / "machine_measurements.csv", ("Normal ECG", "Abnormal ECG"))
    assert faults_of("mimic-iv-ecg", root) == {("malformed_table", "machine_measurements.csv")}


def test_a_recording_that_was_altered_is_told_by_its_checksum(tmp_path):
    root = build.write_mimic(tmp_path / "r")
    listed = RELEASES["mimic-iv-ecg"].listing(root).recordings[0]
    path = root / (listed.location + ".dat")
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    with pytest.raises(WrongChecksum):
        RELEASES["mimic-iv-ecg"].read(root, listed)


def test_mimics_reports_are_all_empty_or_not_there(tmp_path):
    root = build.write_mimic(tmp_path / "r")
    (root / "SHA256SUMS.txt").unlink()
    edit(
        root / "machine_measurements.csv",
        ("Sinus rhythm,Borderline ECG.", ","),
        ("10000002,40000003", "10000002,40000004"),
    )
    assert faults_of("mimic-iv-ecg", root) == {
        ("empty_report", "40000001"),
        ("empty_report", "40000003"),
    }


def test_the_challenges_faults(tmp_path):
    root = build.write_challenge(tmp_path / "training")
    edit(root / "ptb/g1/S0001.hea", ("#Dx: 164865005", "#Dx: Unknown"))
    (root / "cpsc_2018/g1/A0001.mat").unlink()
    edit(root / "ptb/g1/RECORDS", ("S0001", "S0001\nS0002"))
    assert faults_of("challenge", root) == {
        ("not_labelled", "ptb/g1/S0001"),
        ("missing_file", "cpsc_2018/g1/A0001"),
        ("not_listed", "ptb/g1/S0002"),
    }


def test_cpsc2018s_faults(tmp_path):
    root = build.write_cpsc2018(tmp_path / "r")
    edit(
        root / "REFERENCE.csv",
        ("A0001,5,8,", "A0001,5,12,"),
        ("A0002,1,,", "A0002,,,\nA0003,1,,\nA0003,1,,"),
    )
    (root / "A0009.mat").write_bytes(b"")
    assert faults_of("cpsc2018", root) == {
        ("malformed_label", "A0001"),
        ("not_labelled", "A0002"),
        ("missing_file", "A0003"),
        ("duplicate_id", "A0003"),
        ("not_listed", "A0009"),
    }


def test_chapmans_faults(tmp_path):
    root = build.write_chapman(tmp_path / "r")
    (root / "ConditionNames_SNOMED-CT.csv").unlink()
    (root / "WFDBRecords/01/010/JS00002.mat").unlink()
    assert faults_of("chapman-shaoxing-ningbo", root) == {
        ("missing_table", "ConditionNames_SNOMED-CT.csv"),
        ("missing_file", "WFDBRecords/01/010/JS00002"),
    }


def test_code15s_faults(tmp_path):
    root = build.write_code15(tmp_path / "r")
    (root / "exams_part1.hdf5").unlink()
    edit(root / "exams.csv", ("22,5,exams_part0.hdf5,False", "22,5,exams_part0.hdf5,perhaps"))
    edit(root / "exams.csv", ("11,5,", "12,5,"))
    assert faults_of("code-15", root) == {
        ("missing_file", "33"),
        ("malformed_label", "22"),
        ("missing_file", "12"),
    }
    (root / "exams_part0.hdf5").write_bytes(b"no HDF5")
    assert ("malformed_table", "exams_part0.hdf5") in faults_of("code-15", root)


@pytest.mark.parametrize("name", sorted(RELEASES))
def test_an_empty_folder_is_refused(tmp_path, name):
    assert faults_of(name, tmp_path)


def break_two(root: Path) -> None:
    (root / "SHA256SUMS.txt").unlink()
    edit(root / "ptbxl_database.csv", ("sinusrhythmus, nummer 2", ""))
    (root / "records500/00000/00001_hr.dat").unlink()


def drop_column(root: Path) -> None:
    (root / "SHA256SUMS.txt").unlink()
    edit(root / "ptbxl_database.csv", ("report", "befund"))


@pytest.mark.parametrize(
    ("harm", "left"), [(break_two, ["3"]), (drop_column, None)], ids=["recordings", "table"]
)
def test_only_faults_of_recordings_can_be_left_out(
    tmp_path, harm: Callable[[Path], None], left: list[str] | None
):
    root = build.write_ptb_xl(tmp_path / "r")
    harm(root)
    listing = RELEASES["ptb-xl"].listing(root)
    everything = frozenset(ReleaseFaultCode)
    if left is None:
        with pytest.raises(BrokenRelease):
            listing.without_faults(everything)
    else:
        kept = listing.without_faults(everything).recordings
        assert [recording.source_id for recording in kept] == left


def test_a_doubled_id_is_kept_once_where_that_is_allowed(tmp_path):
    root = build.write_ptb_xl(tmp_path / "r")
    (root / "SHA256SUMS.txt").unlink()
    lines = (root / "ptbxl_database.csv").read_text().splitlines()
    (root / "ptbxl_database.csv").write_text("\n".join([*lines, lines[1]]) + "\n")
    assert faults_of("ptb-xl", root) == {("duplicate_id", "1")}
    kept = (
        RELEASES["ptb-xl"].listing(root).without_faults(frozenset({ReleaseFaultCode.DUPLICATE_ID}))
    )
    assert sorted(recording.source_id for recording in kept.recordings) == ["1", "2", "3"]


def test_the_message_counts_and_names_no_recording(tmp_path):
    root = build.write_mimic(tmp_path / "r")
    (root / "SHA256SUMS.txt").unlink()
    for path in root.rglob("*.dat"):
        path.unlink()
    with pytest.raises(BrokenRelease, match="missing_file: 3") as caught:
        RELEASES["mimic-iv-ecg"].listing(root).without_faults(NONE)
    assert "40000001" not in str(caught.value)
    assert "40000001" not in repr(caught.value.faults)
