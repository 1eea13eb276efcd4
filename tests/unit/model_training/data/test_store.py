"""The store: what goes in comes out, nothing half-written is read, a kill costs one shard."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

from ecg_core.conditions import Catalogue
from ecg_core.preprocessing import PreprocessingSpec, prepare
from ecg_core.quality import check_recording
from model_training.data.releases.base import BrokenRelease, ReleaseFaultCode
from model_training.data.store import RecordingStore, StoreError, build_store
from model_training.data.store import build as building
from model_training.data.store import plan as planning
from tests.support import releases as build
from tests.support.releases import request_of

SPEC = PreprocessingSpec()
REPOSITORY = Path(__file__).resolve().parents[4]


def expected_windows(numbers) -> np.ndarray:
    return np.stack(
        [prepare(check_recording(build.at(50 + n)).recording, SPEC).windows[0] for n in numbers]
    )


def test_windows_labels_and_texts_stay_together(ptb_xl, tmp_path):
    manifest = build_store(request_of(ptb_xl, tmp_path / "s"))
    store = RecordingStore.open(tmp_path / "s")
    assert manifest.recordings == len(store.ids) == 7
    assert store.ids.tolist() == ["1", "2", "3", "4", "5", "6", "7"]
    np.testing.assert_allclose(store.windows, expected_windows(range(1, 8)), atol=0.02)
    assert store.folds.tolist() == [2, 3, 4, 5, 6, 7, 8]
    assert store.rows(3, 8).tolist() == [1, 6]
    assert store.patient_ids[0] == "3"
    assert store.reports[3] == "sinusrhythmus, nummer 4"
    labels = store.labels(Catalogue.load())
    column = labels.conditions.index("inferior-myocardial-infarction")
    assert labels.targets[:, column].tolist() == [0, 1, 0, 1, 0, 1, 0]
    store.verify()
    assert not (tmp_path / "s/unfinished").exists()


def test_float32_is_exact_and_float16_errs_by_at_most_2_microvolts(ptb_xl, tmp_path):
    for sample_type in ("float32", "float16"):
        build_store(request_of(ptb_xl, tmp_path / sample_type, sample_type=sample_type))
    exact = RecordingStore.open(tmp_path / "float32").windows
    half = RecordingStore.open(tmp_path / "float16").windows
    assert half.dtype == np.float16
    assert half.nbytes * 2 == exact.nbytes
    error_mv = np.abs(half.astype(np.float32) - exact).max() * SPEC.millivolts_per_unit
    assert error_mv < 0.002
    recording = building.RELEASES["ptb-xl-100"].listing(ptb_xl).recordings[0]
    read = building.RELEASES["ptb-xl-100"].read(ptb_xl, recording)
    np.testing.assert_array_equal(exact[0], prepare(read, SPEC).windows[0])


def test_several_processes_make_the_same_store_as_one(ptb_xl, tmp_path):
    build_store(request_of(ptb_xl, tmp_path / "one"), workers=1)
    build_store(request_of(ptb_xl, tmp_path / "two"), workers=2)
    for name in ("windows.npy", "index.csv", "manifest.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.torch
def test_torch_takes_rows_as_they_are(ptb_xl, tmp_path):
    torch = pytest.importorskip("torch")
    build_store(request_of(ptb_xl, tmp_path / "s", sample_type="float16"))
    windows = RecordingStore.open(tmp_path / "s").windows
    batch = torch.from_numpy(windows[np.array([4, 0])])
    assert batch.shape == (2, 12, 1000)
    batch += 1  # a copy: the map itself cannot be written
    assert not windows.flags.writeable


def test_nan_stretches_are_left_out_counted_and_named(tmp_path):
    source = build.write_mimic(tmp_path / "r")
    manifest = build_store(request_of(source, tmp_path / "s", release="mimic-iv-ecg"))
    store = RecordingStore.open(tmp_path / "s")
    assert manifest.left_out == {"non_finite": 1}
    assert (manifest.recordings, manifest.listed) == (2, 3)
    with (tmp_path / "s/left_out.csv").open(newline="") as stream:
        assert [*csv.reader(stream)][1:] == [["40000003", "non_finite"]]
    assert store.folds[0] == store.folds[1]  # both of one patient
    assert store.codes == (None, None)
    assert store.reports.tolist() == ["Sinus rhythm. Borderline ECG", "Normal ECG"]
    assert np.isnan(store.labels(Catalogue.load()).targets).all()


def test_sources_of_a_collection_are_labelled_in_their_own_sense(tmp_path):
    source = build.write_challenge(tmp_path / "training")
    build_store(request_of(source, tmp_path / "s", release="challenge"))
    store = RecordingStore.open(tmp_path / "s")
    labels = store.labels(Catalogue.load())
    assert store.sources.tolist() == ["cpsc_2018", "ptb"]
    assert labels.targets[0, labels.conditions.index("normal-ecg")] == 1
    assert labels.targets[1, labels.conditions.index("myocardial-infarction")] == 1


def test_an_altered_file_refuses_the_release_keeps_what_is_done_and_is_resumed(tmp_path):
    source = build.write_ptb_xl(tmp_path / "r", count=5)
    path = source / "records100/00000/00004_lr.dat"
    sound = path.read_bytes()
    path.write_bytes(sound[:-1] + b"\x55")
    with pytest.raises(BrokenRelease, match="wrong_checksum: 1") as caught:
        build_store(request_of(source, tmp_path / "s"))
    assert [fault.item for fault in caught.value.faults] == ["4"]
    with pytest.raises(StoreError):
        RecordingStore.open(tmp_path / "s")
    assert sorted(p.name for p in (tmp_path / "s/unfinished").glob("*.json")) == [
        "shard-000000.json",
        "shard-000002.json",
    ]
    path.write_bytes(sound)
    assert build_store(request_of(source, tmp_path / "s")).recordings == 5
    assert RecordingStore.open(tmp_path / "s").ids.tolist() == ["1", "2", "3", "4", "5"]


def test_an_altered_file_may_be_left_out(tmp_path):
    source = build.write_ptb_xl(tmp_path / "r", count=3)
    path = source / "records100/00000/00002_lr.dat"
    path.write_bytes(path.read_bytes()[:-1] + b"\x55")
    leave_out = frozenset({ReleaseFaultCode.WRONG_CHECKSUM})
    manifest = build_store(request_of(source, tmp_path / "s", leave_out=leave_out))
    assert manifest.left_out == {"wrong_checksum": 1}
    assert RecordingStore.open(tmp_path / "s").ids.tolist() == ["1", "3"]


def test_a_finished_store_is_left_as_it_is(ptb_xl, tmp_path):
    build_store(request_of(ptb_xl, tmp_path / "s"))
    before = (tmp_path / "s/windows.npy").stat().st_mtime_ns
    build_store(request_of(ptb_xl, tmp_path / "s"))
    assert (tmp_path / "s/windows.npy").stat().st_mtime_ns == before


def test_other_settings_do_not_go_on_with_another_store(ptb_xl, tmp_path):
    build_store(request_of(ptb_xl, tmp_path / "s"))
    other = PreprocessingSpec(highpass_hz=1.0)
    with pytest.raises(StoreError, match="another store"):
        build_store(request_of(ptb_xl, tmp_path / "s", preprocessing=other))
    (tmp_path / "begun/unfinished").mkdir(parents=True)
    (tmp_path / "begun/unfinished/plan").write_text("other")
    with pytest.raises(StoreError, match="beginnings"):
        build_store(request_of(ptb_xl, tmp_path / "begun"))


def test_two_at_once_are_kept_apart(ptb_xl, tmp_path):
    work = tmp_path / "s/unfinished"
    work.mkdir(parents=True)
    with building._alone(work), pytest.raises(StoreError, match="another process"):
        build_store(request_of(ptb_xl, tmp_path / "s"))


def test_a_full_disk_is_told_before_the_work(ptb_xl, tmp_path, monkeypatch):
    usage = planning.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(planning.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StoreError, match="no room"):
        build_store(request_of(ptb_xl, tmp_path / "s"))


@pytest.fixture
def store_folder(ptb_xl, tmp_path) -> Path:
    build_store(request_of(ptb_xl, tmp_path / "s"))
    return tmp_path / "s"


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def reword(path: Path) -> None:
    path.write_text(path.read_text().replace("nummer 4", "nummer 5"))


def count_more(path: Path) -> None:
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"recordings": 8}))


def another_version(path: Path) -> None:
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"format_version": 0}))


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("manifest.json", Path.unlink),
        ("manifest.json", cut),
        ("manifest.json", count_more),
        ("manifest.json", another_version),
        ("windows.npy", Path.unlink),
        ("windows.npy", cut),
        ("index.csv", Path.unlink),
        ("index.csv", reword),
    ],
)
def test_what_is_not_whole_is_not_opened(store_folder, name, harm):
    harm(store_folder / name)
    with pytest.raises(StoreError):
        RecordingStore.open(store_folder)


def test_verifying_names_the_rows_that_were_altered(store_folder):
    path = store_folder / "windows.npy"
    content = bytearray(path.read_bytes())
    content[-5 * 12 * 1000 * 4 + 100] ^= 1  # of row 2, in the second shard of two
    path.write_bytes(content)
    with pytest.raises(StoreError, match="rows 2 to 3"):
        RecordingStore.open(store_folder).verify()


def test_a_shard_that_was_altered_before_the_end_is_made_anew(ptb_xl, tmp_path):
    request = request_of(ptb_xl, tmp_path / "s")
    work = tmp_path / "s/unfinished"
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patched:
        patched.setattr(building, "assemble", interrupt)
        with pytest.raises(KeyboardInterrupt):
            build_store(request)
    samples = work / "shard-000001.samples"
    samples.write_bytes(samples.read_bytes()[:-4] + b"\0\0\1\0")
    with pytest.raises(StoreError, match="1 prepared shards were altered"):
        build_store(request)
    build_store(request)
    store = RecordingStore.open(tmp_path / "s")
    store.verify()
    np.testing.assert_allclose(store.windows, expected_windows(range(1, 8)), atol=0.02)


def interrupt(*_) -> None:
    raise KeyboardInterrupt
