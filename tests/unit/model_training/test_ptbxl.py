import csv

import numpy as np
import pytest

from ecg_core.conditions import Catalogue
from ecg_core.preprocessing import PreprocessingSpec, prepare
from ecg_core.recording import Recording
from model_training.data.ptbxl import BENCHMARK_SETS, load_ptbxl
from tests.builders import make_recording, make_wfdb

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


def write_labels(folder, name, part, reverse):
    classes = CLASSES[name][::-1] if reverse else CLASSES[name]
    column = {"ptbxl_super": 3, "ptbxl_sub": 4, "ptbxl_rhythm": 5}.get(name)
    path = folder / "zero-shot-benchmark/ptbxl" / BENCHMARK_SETS[name]
    path.mkdir(parents=True, exist_ok=True)
    file = path / f"ptbxl_{BENCHMARK_SETS[name]}_{part}.csv"
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        head = ["ecg_id", "patient_id", "strat_fold", "filename_lr", "filename_hr", "labels"]
        writer.writerow([*head, *classes])
        for row in ROWS:
            held = row[column] if column else set()
            if row[2] == part and held:
                writer.writerow(
                    [row[0], row[0], row[1], "", "", "", *(int(c in held) for c in classes)]
                )


@pytest.fixture
def release(tmp_path):
    for number, name in enumerate(BENCHMARK_SETS):
        for part in ("train", "val", "test"):
            write_labels(tmp_path, name, part, reverse=part == "test" and number < 2)
    folder = tmp_path / "ptb-xl/records100/00000"
    folder.mkdir(parents=True)
    for row in ROWS:
        for file in make_wfdb(recording_of(row[0])):
            (folder / f"{row[0]:05d}_lr{file.suffix}").write_bytes(
                file.content.replace(b"record", b"%05d_lr" % row[0])
                if file.suffix == ".hea"
                else file.content
            )
    with (tmp_path / "ptb-xl/ptbxl_database.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["ecg_id", "strat_fold", "scp_codes"])
        writer.writerows([row[0], row[1], row[6]] for row in ROWS if row[6])
    return tmp_path


def load(release, tmp_path):
    return load_ptbxl(release, SPEC, Catalogue.load(), tmp_path / "cache")


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


def test_pairing_survives_a_broken_recording_which_is_counted(release, tmp_path):
    (release / "ptb-xl/records100/00000/00002_lr.dat").write_bytes(b"too short")
    recordings = load(release, tmp_path)
    assert recordings.ecg_ids.tolist() == [1, 3, 4]
    assert recordings.left_out == {"signal_file_mismatch": 1}
    assert label(recordings, 3, "complete-left-bundle-branch-block") == 1
    np.testing.assert_allclose(
        recordings.windows[1], prepare(recording_of(3), SPEC).windows[0], atol=0.02
    )


def test_the_cache_answers_the_same_and_notices_another_preprocessing(release, tmp_path):
    first, second = load(release, tmp_path), load(release, tmp_path)
    np.testing.assert_array_equal(first.windows, second.windows)
    other = load_ptbxl(
        release, PreprocessingSpec(highpass_hz=1.0), Catalogue.load(), tmp_path / "cache"
    )
    assert not np.array_equal(first.windows, other.windows)


def test_a_label_that_stands_for_no_condition_is_refused(release, tmp_path):
    file = release / "zero-shot-benchmark/ptbxl/form/ptbxl_form_train.csv"
    for part in ("train", "val", "test"):
        other = file.with_name(f"ptbxl_form_{part}.csv")
        other.write_text(other.read_text().replace("PVC", "NOVEL"))
    with pytest.raises(ValueError, match="NOVEL"):
        load(release, tmp_path)


def test_a_release_without_recordings_is_refused(tmp_path, release):
    for file in (release / "ptb-xl/records100/00000").iterdir():
        file.unlink()
    with pytest.raises(FileNotFoundError):
        load(release, tmp_path)


def test_labels_that_are_left_out_are_gone_and_all_else_is_as_it_was(release, tmp_path):
    recordings = load(release, tmp_path)
    without = recordings.without(("normal-ecg", "brugada-pattern"))
    assert without.conditions == tuple(c for c in recordings.conditions if c != "normal-ecg")
    assert label(without, 2, "inferolateral-myocardial-infarction") == 1
    assert without.targets.shape == (4, len(recordings.conditions) - 1)
    assert without.windows is recordings.windows
