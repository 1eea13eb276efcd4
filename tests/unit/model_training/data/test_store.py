"""The store: what goes in comes out, nothing half-written is read, a kill costs one shard."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ecg_core.conditions import Catalogue
from ecg_core.preprocessing import PreprocessingSpec, prepare
from ecg_core.quality import check_recording
from model_training.data.releases.base import BrokenRelease, ReleaseFaultCode
from model_training.data.store import RecordingStore, StoreError, StoreRequest, build_store
from model_training.data.store import build as building
from model_training.recipes.prepare import main
from tests import release_builders as build

SPEC = PreprocessingSpec()
REPOSITORY = Path(__file__).resolve().parents[4]


def request_of(source: Path, store: Path, **changed) -> StoreRequest:
    settings = {
        "release": "ptb-xl-100",
        "source": source,
        "store": store,
        "preprocessing": SPEC,
        "sample_type": "float32",
        "shard_recordings": 2,
    }
    return StoreRequest(**(settings | changed))


@pytest.fixture(scope="module")
def ptb_xl(tmp_path_factory) -> Path:
    """Seven sound recordings; not to be changed."""
    return build.write_ptb_xl(tmp_path_factory.mktemp("ptb-xl"), count=7)


@pytest.fixture
def in_process(monkeypatch) -> None:
    """Shards are prepared in this process: most tests are not about several."""

    def prepare_all(tasks, workers):
        for task in building._open_tasks(tasks):
            building.prepare_shard(task)

    monkeypatch.setattr(building, "_prepare_all", prepare_all)


def expected_windows(numbers) -> np.ndarray:
    return np.stack(
        [prepare(check_recording(build.at(50 + n)).recording, SPEC).windows[0] for n in numbers]
    )


def test_windows_labels_and_texts_stay_together(ptb_xl, tmp_path, in_process):
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
    assert not (tmp_path / "s/work").exists()


def test_float32_is_exact_and_float16_errs_by_at_most_2_microvolts(ptb_xl, tmp_path, in_process):
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
def test_torch_takes_rows_as_they_are(ptb_xl, tmp_path, in_process):
    torch = pytest.importorskip("torch")
    build_store(request_of(ptb_xl, tmp_path / "s", sample_type="float16"))
    windows = RecordingStore.open(tmp_path / "s").windows
    batch = torch.from_numpy(windows[np.array([4, 0])])
    assert batch.shape == (2, 12, 1000)
    batch += 1  # a copy: the map itself cannot be written
    assert not windows.flags.writeable


def test_nan_stretches_are_left_out_counted_and_named(tmp_path, in_process):
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


def test_sources_of_a_collection_are_labelled_in_their_own_sense(tmp_path, in_process):
    source = build.write_challenge(tmp_path / "training")
    build_store(request_of(source, tmp_path / "s", release="challenge"))
    store = RecordingStore.open(tmp_path / "s")
    labels = store.labels(Catalogue.load())
    assert store.sources.tolist() == ["cpsc_2018", "ptb"]
    assert labels.targets[0, labels.conditions.index("normal-ecg")] == 1
    assert labels.targets[1, labels.conditions.index("myocardial-infarction")] == 1


def test_an_altered_file_refuses_the_release_keeps_what_is_done_and_is_resumed(
    tmp_path, in_process
):
    source = build.write_ptb_xl(tmp_path / "r", count=5)
    path = source / "records100/00000/00004_lr.dat"
    sound = path.read_bytes()
    path.write_bytes(sound[:-1] + b"\x55")
    with pytest.raises(BrokenRelease, match="wrong_checksum: 1") as caught:
        build_store(request_of(source, tmp_path / "s"))
    assert [fault.item for fault in caught.value.faults] == ["4"]
    with pytest.raises(StoreError):
        RecordingStore.open(tmp_path / "s")
    assert sorted(p.name for p in (tmp_path / "s/work").glob("*.json")) == [
        "shard-000000.json",
        "shard-000002.json",
    ]
    path.write_bytes(sound)
    assert build_store(request_of(source, tmp_path / "s")).recordings == 5
    assert RecordingStore.open(tmp_path / "s").ids.tolist() == ["1", "2", "3", "4", "5"]


def test_an_altered_file_may_be_left_out(tmp_path, in_process):
    source = build.write_ptb_xl(tmp_path / "r", count=3)
    path = source / "records100/00000/00002_lr.dat"
    path.write_bytes(path.read_bytes()[:-1] + b"\x55")
    leave_out = frozenset({ReleaseFaultCode.WRONG_CHECKSUM})
    manifest = build_store(request_of(source, tmp_path / "s", leave_out=leave_out))
    assert manifest.left_out == {"wrong_checksum": 1}
    assert RecordingStore.open(tmp_path / "s").ids.tolist() == ["1", "3"]


def test_a_finished_store_is_left_as_it_is(ptb_xl, tmp_path, in_process):
    build_store(request_of(ptb_xl, tmp_path / "s"))
    before = (tmp_path / "s/windows.npy").stat().st_mtime_ns
    build_store(request_of(ptb_xl, tmp_path / "s"))
    assert (tmp_path / "s/windows.npy").stat().st_mtime_ns == before


def test_other_settings_do_not_go_on_with_another_store(ptb_xl, tmp_path, in_process):
    build_store(request_of(ptb_xl, tmp_path / "s"))
    other = PreprocessingSpec(highpass_hz=1.0)
    with pytest.raises(StoreError, match="another store"):
        build_store(request_of(ptb_xl, tmp_path / "s", preprocessing=other))
    (tmp_path / "begun/work").mkdir(parents=True)
    (tmp_path / "begun/work/plan").write_text("other")
    with pytest.raises(StoreError, match="beginnings"):
        build_store(request_of(ptb_xl, tmp_path / "begun"))


def test_two_at_once_are_kept_apart(ptb_xl, tmp_path):
    work = tmp_path / "s/work"
    work.mkdir(parents=True)
    with building._alone(work), pytest.raises(StoreError, match="another process"):
        build_store(request_of(ptb_xl, tmp_path / "s"))


def test_a_full_disk_is_told_before_the_work(ptb_xl, tmp_path, monkeypatch, in_process):
    usage = building.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(building.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StoreError, match="no room"):
        build_store(request_of(ptb_xl, tmp_path / "s"))


@pytest.fixture
def store_folder(ptb_xl, tmp_path, in_process) -> Path:
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


def test_a_shard_that_was_altered_before_the_end_is_made_anew(ptb_xl, tmp_path, in_process):
    request = request_of(ptb_xl, tmp_path / "s")
    work = tmp_path / "s/work"
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


# Each is a place at which the process kills itself, after so many calls.
KILLS = """
import os, signal, sys
from pathlib import Path
from ecg_core.preprocessing import PreprocessingSpec
from model_training.data.store import StoreRequest, build_store
from model_training.data.store import assembly, build, layout, shards

def deadly(module, name, calls):
    inner, left = getattr(module, name), [calls]
    def outer(*arguments, **named):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return inner(*arguments, **named)
    setattr(module, name, outer)

if __name__ == "__main__":
    def prepare_all(tasks, workers):
        for task in build._open_tasks(tasks):
            build.prepare_shard(task)
    build._prepare_all = prepare_all
    modules = {"assembly": assembly, "build": build, "layout": layout, "shards": shards}
    source, store, module, name, calls = sys.argv[1:]
    deadly(modules[module], name, int(calls))
    build_store(StoreRequest("ptb-xl-100", Path(source), Path(store), PreprocessingSpec(),
                             "float32", shard_recordings=2))
"""


@pytest.mark.parametrize(
    ("module", "name", "calls"),
    [
        ("shards", "prepare", 3),
        ("shards", "whole_file", 5),  # a shard's samples are there, its record is not
        ("layout", "publish", 4),  # written, but not under its name
        ("assembly", "_write_all", 2),
        ("assembly", "publish", 0),  # all is there but windows.npy and the manifest
        ("assembly", "whole_file", 2),  # only the manifest is lacking
    ],
)
def test_a_kill_at_any_place_leaves_no_store_and_the_next_run_the_same_one(
    ptb_xl, tmp_path, in_process, module, name, calls
):
    script = tmp_path / "kill.py"
    script.write_text(KILLS)
    killed = subprocess.run(
        [sys.executable, script, ptb_xl, tmp_path / "s", module, name, str(calls)],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(StoreError):
        RecordingStore.open(tmp_path / "s")
    build_store(request_of(ptb_xl, tmp_path / "s"))
    build_store(request_of(ptb_xl, tmp_path / "whole"))
    RecordingStore.open(tmp_path / "s").verify()
    for file in ("windows.npy", "index.csv", "manifest.json"):
        assert (tmp_path / "s" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert not (tmp_path / "s/work").exists()


def test_the_recipe_killed_from_outside_leaves_no_process_and_is_resumed(tmp_path):
    source = build.write_ptb_xl(tmp_path / "r", count=40)
    store = tmp_path / "s"
    arguments = ["--release", "ptb-xl-100", "--source", str(source), "--store", str(store)]
    arguments += ["--workers", "2", "--shard-recordings", "1"]
    command = [sys.executable, "-m", "model_training.recipes.prepare", *arguments]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    reading, writing = os.pipe()  # workers hold its other end: it ends when all are gone
    running = subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=writing, stderr=writing
    )
    os.close(writing)
    while not [*(store / "work").glob("*.json")]:
        assert running.poll() is None
    running.kill()
    running.wait()
    with os.fdopen(reading, "rb") as output:
        output.read()
    done = len([*(store / "work").glob("*.json")])
    assert done >= 1
    with pytest.raises(StoreError):
        RecordingStore.open(store)
    assert main(arguments) == 0
    opened = RecordingStore.open(store)
    assert opened.manifest.recordings == 40
    opened.verify()


def test_the_recipe_lists_faults_and_counts_what_is_left_out(tmp_path, capsys, in_process):
    source = build.write_ptb_xl(tmp_path / "r", count=4)
    (source / "SHA256SUMS.txt").unlink()
    (source / "records100/00000/00002_lr.dat").unlink()
    config = tmp_path / "run.yaml"
    config.write_text("preprocessing: {highpass_hz: 0.4}\nname: other\n")
    arguments = ["--release", "ptb-xl-100", "--source", str(source), "--store"]
    arguments += [str(tmp_path / "s"), "--config", str(config), "--verify"]
    assert main(arguments) == 2
    assert "missing_file: 1" in capsys.readouterr().err
    assert (tmp_path / "s/faults.csv").read_text() == "code,item,detail\nmissing_file,2,\n"
    assert main([*arguments, "--leave-out", "missing_file"]) == 0
    told = capsys.readouterr().out
    assert "3 recordings of 4" in told
    assert "left out, missing_file: 1" in told
    assert not (tmp_path / "s/faults.csv").exists()
    manifest = RecordingStore.open(tmp_path / "s").manifest
    assert manifest.preprocessing.highpass_hz == 0.4
