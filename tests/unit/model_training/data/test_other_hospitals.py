"""The pooled external test, on a small copy of its layout and on the real recordings."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from ecg_core.conditions import Catalogue
from ecg_core.preprocessing import PreprocessingSpec, prepare
from ecg_core.recording import Recording
from model_training.data.other_hospitals import OtherHospitals, load_other_hospitals
from tests.support.recordings import make_recording
from tests.support.releases import write_record

SPEC = PreprocessingSpec()


def at(bpm: float, rate_hz: float = 500.0) -> Recording:
    return make_recording(heart_rate_bpm=bpm, sampling_rate_hz=rate_hz)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "other-hospitals"
    chapman = root / "chapman-ningbo"
    write_record(chapman / "JS1", at(50), matlab=True, comments=["#Dx: 164889003,999999999"])
    write_record(chapman / "JS2", at(60), matlab=True, comments=["# Dx: 270492004"])
    write_record(chapman / "JS3", at(70), matlab=True, comments=["#Dx: Unknown"])
    write_record(chapman / "JS4", at(80), matlab=True, comments=["#Dx: 270492004"])
    (chapman / "JS4.mat").unlink()
    write_code15(root / "code15")
    write_sph(root / "sph")
    write_brugada(root / "brugada-huca")
    return tmp_path


def write_code15(folder: Path) -> None:
    folder.mkdir()
    columns = "exam_id,1dAVb,RBBB,LBBB,SB,ST,AF,save_file,sample_rate"
    rows = ["7,True,False,False,False,False,False,seven.mat,400"]
    rows += ["5,False,False,False,False,False,False,five.mat,400"]
    (folder / "meta.csv").write_text("\n".join([columns, *rows]) + "\n")
    savemat(folder / "seven.mat", {"feats": at(90, 400).samples_mv})
    savemat(folder / "five.mat", {"feats": np.full((12, 4000), np.nan)})


def write_sph(folder: Path) -> None:
    folder.mkdir()
    (folder / "metadata.csv").write_text('ECG_ID,SNOMEDCTCode\nS1.h5,"426783006"\n')
    for name in ("S1.h5", "S2.h5"):
        with h5py.File(folder / name, "w") as file:
            file["ecg"] = at(65).samples_mv.astype(np.float16)


def write_brugada(folder: Path) -> None:
    rows = ["11,1,0,1", "22,0,0,0", "33,0,0,1"]
    for row in rows:
        name = row[:2]
        write_record(folder / name / name, at(75, 100))
    table = "\n".join(["patient_id,basal_pattern,sudden_death,brugada", *rows])
    (folder / "metadata.csv").write_text(table + "\n")


def load(data: Path) -> OtherHospitals:
    return load_other_hospitals(data, SPEC, Catalogue.load())


def label(pool: OtherHospitals, recording_id: str, condition: str) -> float:
    row = pool.recording_ids.index(recording_id)
    return float(pool.targets[row, pool.conditions.index(condition)])


def test_every_row_has_its_own_windows_labels_and_hospital(data):
    pool = load(data)
    assert pool.recording_ids == ("JS1", "JS2", "S1", "7", "11", "22")
    assert pool.hospitals == (*["chapman-ningbo"] * 2, "sph", "code15", *["brugada-huca"] * 2)
    assert pool.windows.shape == (6, 12, 1000)
    assert len(pool.targets) == 6
    for row, recording in enumerate([at(50), at(60), at(65), at(90, 400), at(75, 100)]):
        expected = prepare(recording, SPEC).windows[0]
        np.testing.assert_allclose(pool.windows[row], expected, atol=0.02)
    assert label(pool, "JS1", "atrial-fibrillation") == 1
    assert label(pool, "JS2", "atrial-fibrillation") == 0
    assert label(pool, "JS2", "first-degree-av-block") == 1
    assert label(pool, "7", "first-degree-av-block") == 1
    assert label(pool, "7", "atrial-fibrillation") == 0
    assert label(pool, "S1", "normal-ecg") == 1
    assert np.isnan(label(pool, "S1", "atrial-fibrillation"))


def test_brugada_is_labelled_by_the_pattern_not_by_the_disease(data):
    pool = load(data)
    assert label(pool, "11", "brugada-pattern") == 1
    assert label(pool, "22", "brugada-pattern") == 0
    assert "33" not in pool.recording_ids


def test_what_is_left_out_is_counted_with_its_reason(data):
    pool = load(data)
    assert pool.left_out == {
        "chapman-ningbo": {"not_labelled": 1, "missing_file": 1},
        "sph": {"not_labelled": 1},
        "code15": {"non_finite": 1},
        "brugada-huca": {"not_labelled": 1},
    }
    assert pool.unmapped["chapman-ningbo"] == {"999999999": 1}


def test_rows_of_a_hospital_are_found_by_its_name(data):
    assert load(data).rows("code15", "sph").tolist() == [2, 3]


def test_no_recordings_at_all_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path)


@pytest.mark.shared
def test_real_recordings_are_all_there_or_counted(shared):
    pool = load(shared / "data")
    left_out = sum(count for reasons in pool.left_out.values() for count in reasons.values())
    assert len(pool.recording_ids) + left_out == 119
    assert len(set(pool.hospitals)) == 7
    assert pool.windows.shape == (len(pool.recording_ids), 12, SPEC.window_samples)
    assert not any(pool.unmapped.values())
    assert label(pool, "JS00001", "atrial-fibrillation") == 1
    assert label(pool, "JS00008", "sinus-rhythm") == 1
