"""PTB-XL with the benchmark's labels: from the two downloads to the labels of a run."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from ecg_core.conditions import Catalogue
from ecg_core.preprocessing import PreprocessingSpec, prepare
from ecg_core.recording import Recording
from model_training.data.releases.base import BrokenRelease, ReleaseFaultCode
from model_training.data.releases.benchmark import PTB_XL_SETS, SPLITS, split_file
from model_training.data.releases.registry import RELEASES
from model_training.data.store import prepared_store
from model_training.data.stored import load_stored
from tests.support.recordings import make_recording
from tests.support.releases import request_of, write_record, write_table

NAME, CATALOGUE = "ptb-xl-benchmark", Catalogue.load()
SPEC = PreprocessingSpec()
# ecg_id, fold, part, super classes, sub classes, rhythm; each recording has its own heart rate.
ROWS = (
    (1, 1, "train", {"NORM"}, {"NORM"}, {"SR"}, "{'NORM': 100.0, 'SR': 0.0}"),
    (2, 8, "train", {"MI"}, {"IMI"}, {"AFIB"}, "{'ILMI': 50.0, 'AFIB': 0.0}"),
    (3, 9, "val", {"CD"}, {"CLBBB"}, {"SR"}, "{'CLBBB': 100.0, 'SR': 0.0}"),
    (4, 10, "test", {"MI", "CD"}, {"IMI", "CLBBB"}, set(), None),
)
CLASSES = {
    "ptbxl_super": ["NORM", "MI", "CD"],
    "ptbxl_sub": ["NORM", "IMI", "CLBBB"],
    "ptbxl_form": ["PVC"],
    "ptbxl_rhythm": ["SR", "AFIB"],
}


def recording_of(ecg_id: int) -> Recording:
    return make_recording(sampling_rate_hz=100.0, heart_rate_bpm=50.0 + 10 * ecg_id)


def location(ecg_id: int) -> str:
    return f"records100/00000/{ecg_id:05d}_lr"


def write_labels(folder, name, part, reverse):
    classes = CLASSES[name][::-1] if reverse else CLASSES[name]
    column = {"ptbxl_super": 3, "ptbxl_sub": 4, "ptbxl_rhythm": 5}.get(name)
    file = folder / "zero-shot-benchmark" / split_file(name, part)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        head = ["ecg_id", "patient_id", "strat_fold", "filename_lr", "filename_hr", "labels"]
        writer.writerow([*head, *classes])
        for row in ROWS:
            held = row[column] if column else set()
            if row[2] == part and held:
                facts = (row[0], f"{row[0]}.0", row[1], location(row[0]), "", "")
                writer.writerow([*facts, *(int(c in held) for c in classes)])


@pytest.fixture
def release(tmp_path):
    for number, name in enumerate(PTB_XL_SETS):
        for part in SPLITS:
            write_labels(tmp_path, name, part, reverse=part == "test" and number < 2)
    folder = tmp_path / "ptb-xl"
    for row in ROWS:
        write_record(folder / location(row[0]), recording_of(row[0]))
    table = [
        {
            "ecg_id": row[0],
            "patient_id": f"{row[0]}.0",
            "strat_fold": row[1],
            "scp_codes": row[6],
            "report": "" if row[0] == 1 else "befund",
            "filename_lr": location(row[0]),
        }
        for row in ROWS
        if row[6]
    ]
    write_table(folder / "ptbxl_database.csv", table)
    codes = ("NORM", "SR", "ILMI", "AFIB", "CLBBB")
    write_table(folder / "scp_statements.csv", [{"": c, "description": c} for c in codes])
    return tmp_path


def load(release, tmp_path, spec=SPEC):
    request = request_of(release, tmp_path / "stores", release=NAME, preprocessing=spec)
    folder = prepared_store(replace(request, leave_out=frozenset({ReleaseFaultCode.MISSING_FILE})))
    return load_stored(folder, spec, CATALOGUE, benchmark=release / "zero-shot-benchmark")


def faults_of(release):
    listing = RELEASES[NAME].listing(release)
    return {(fault.code, fault.item) for fault in listing.faults}


def label(recordings, ecg_id, condition):
    row = recordings.ecg_ids.tolist().index(ecg_id)
    return recordings.targets[row, recordings.conditions.index(condition)]


def test_each_recording_keeps_its_own_labels_and_fold(release, tmp_path):
    recordings = load(release, tmp_path)
    assert recordings.ecg_ids.tolist() == [1, 2, 3, 4]
    assert recordings.folds.tolist() == [1, 8, 9, 10]
    for row, ecg_id in enumerate(recordings.ecg_ids.tolist()):
        expected = prepare(recording_of(ecg_id), SPEC).windows[0]
        np.testing.assert_allclose(recordings.windows[row], expected, atol=0.02)
    assert label(recordings, 1, "normal-ecg") == 1
    assert label(recordings, 2, "normal-ecg") == 0


def test_columns_in_another_order_are_read_by_name(release, tmp_path):
    recordings = load(release, tmp_path)
    assert label(recordings, 4, "myocardial-infarction") == 1
    assert label(recordings, 4, "normal-ecg") == 0
    assert label(recordings, 4, "complete-left-bundle-branch-block") == 1


def test_a_recording_without_any_rhythm_statement_has_no_rhythm_label(release, tmp_path):
    recordings = load(release, tmp_path)
    assert np.isnan(label(recordings, 4, "sinus-rhythm"))
    assert label(recordings, 2, "sinus-rhythm") == 0


def test_no_form_statement_means_none_of_the_forms(release, tmp_path):
    assert label(load(release, tmp_path), 4, "premature-ventricular-beat") == 0


def test_fine_codes_are_unknown_where_the_release_has_no_statement_row(release, tmp_path):
    recordings = load(release, tmp_path)
    assert label(recordings, 2, "inferolateral-myocardial-infarction") == 1
    assert label(recordings, 1, "inferolateral-myocardial-infarction") == 0
    assert np.isnan(label(recordings, 4, "inferolateral-myocardial-infarction"))


def test_doubt_does_not_teach_but_judges_as_published(release, tmp_path):
    table = release / "ptb-xl/ptbxl_database.csv"
    table.write_text(table.read_text().replace("'ILMI': 50.0", "'ILMI': 15.0"))
    recordings = load(release, tmp_path)
    row = recordings.ecg_ids.tolist().index(2)
    for name in ("inferolateral", "inferior"):
        column = recordings.conditions.index(f"{name}-myocardial-infarction")
        assert np.isnan(recordings.targets[row, column])
        assert recordings.published[row, column] == 1
    assert np.isnan(label(recordings, 2, "myocardial-infarction"))
    assert recordings.without(["normal-ecg"]).published.shape == (4, len(recordings.conditions) - 1)


def test_codes_without_a_rhythm_deny_none(release, tmp_path):
    table = release / "ptb-xl/ptbxl_database.csv"
    table.write_text(table.read_text().replace(", 'AFIB': 0.0", ""))
    for part in SPLITS:
        file = release / "zero-shot-benchmark" / split_file("ptbxl_rhythm", part)
        kept = [line for line in file.read_text().splitlines() if not line.startswith("2,")]
        file.write_text("\n".join(kept) + "\n")
    recordings = load(release, tmp_path)
    assert np.isnan(label(recordings, 2, "sinus-rhythm"))
    assert label(recordings, 3, "sinus-rhythm") == 1


def test_pairing_survives_a_broken_recording_which_is_counted(release, tmp_path):
    (release / "ptb-xl/records100/00000/00002_lr.dat").write_bytes(b"too short")
    recordings = load(release, tmp_path)
    assert recordings.ecg_ids.tolist() == [1, 3, 4]
    assert recordings.left_out == {"signal_file_mismatch": 1}
    assert label(recordings, 3, "complete-left-bundle-branch-block") == 1
    np.testing.assert_allclose(
        recordings.windows[1], prepare(recording_of(3), SPEC).windows[0], atol=0.02
    )


def test_a_second_load_answers_the_same_and_notices_another_preprocessing(release, tmp_path):
    first, second = load(release, tmp_path), load(release, tmp_path)
    np.testing.assert_array_equal(first.windows, second.windows)
    other = load(release, tmp_path, PreprocessingSpec(highpass_hz=1.0))
    assert not np.array_equal(first.windows, other.windows)


def test_a_label_that_stands_for_no_condition_is_refused(release, tmp_path):
    for part in SPLITS:
        other = release / "zero-shot-benchmark" / split_file("ptbxl_form", part)
        other.write_text(other.read_text().replace("PVC", "NOVEL"))
    with pytest.raises(ValueError, match="NOVEL"):
        load(release, tmp_path)


def test_a_release_without_recordings_is_refused(tmp_path, release):
    for file in (release / "ptb-xl/records100/00000").iterdir():
        file.unlink()
    with pytest.raises(BrokenRelease, match="no recording is left"):
        load(release, tmp_path)


def test_what_only_the_benchmark_lists_is_read_without_codes_and_report(release):
    listing = RELEASES[NAME].listing(release)
    assert not listing.faults
    assert [listed.source_id for listed in listing.recordings] == ["1", "2", "3", "4"]
    known, other = listing.recordings[2:]
    assert (known.codes, known.report) == (frozenset({"CLBBB", "SR"}), "befund")
    assert (other.codes, other.report, other.patient_id) == (None, None, "4")


def test_a_waveform_that_is_not_there_is_a_fault_of_its_recording(release, tmp_path):
    (release / "ptb-xl" / f"{location(4)}.dat").unlink()
    assert faults_of(release) == {(ReleaseFaultCode.MISSING_FILE, "4")}
    recordings = load(release, tmp_path)
    assert recordings.ecg_ids.tolist() == [1, 2, 3]
    assert recordings.left_out == {"missing_file": 1}


def test_two_tables_that_say_two_folds_are_a_fault(release):
    file = release / "zero-shot-benchmark" / split_file("ptbxl_super", "train")
    file.write_text(file.read_text().replace("2,2.0,8,", "2,2.0,7,"))
    assert faults_of(release) == {(ReleaseFaultCode.MALFORMED_FOLD, "2")}


def test_a_recording_in_two_parts_of_a_set_is_a_fault(release):
    train, test = (
        release / "zero-shot-benchmark" / split_file("ptbxl_form", part)
        for part in ("train", "test")
    )
    row = f"4,4.0,10,{location(4)},,,1\n"
    for file in (train, test):
        file.write_text(file.read_text() + row)
    assert faults_of(release) == {(ReleaseFaultCode.DUPLICATE_ID, "4")}


def test_a_table_of_the_benchmark_that_is_not_there_refuses_the_release(release):
    name = split_file("ptbxl_rhythm", "val")
    (release / "zero-shot-benchmark" / name).unlink()
    assert faults_of(release) == {(ReleaseFaultCode.MISSING_TABLE, name)}


def test_a_code_that_stands_for_no_condition_is_refused(release, tmp_path):
    for name in ("ptbxl_database.csv", "scp_statements.csv"):
        file = release / "ptb-xl" / name
        file.write_text(file.read_text().replace("ILMI", "NOVEL"))
    with pytest.raises(ValueError, match="NOVEL"):
        load(release, tmp_path)


def test_labels_that_are_left_out_are_gone_and_all_else_is_as_it_was(release, tmp_path):
    recordings = load(release, tmp_path)
    without = recordings.without(("normal-ecg", "brugada-pattern"))
    assert without.conditions == tuple(c for c in recordings.conditions if c != "normal-ecg")
    assert label(without, 2, "inferolateral-myocardial-infarction") == 1
    assert without.targets.shape == (4, len(recordings.conditions) - 1)
    assert without.windows is recordings.windows
