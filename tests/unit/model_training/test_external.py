import numpy as np
import pytest

from ecg_core.conditions import Catalogue
from ecg_core.preprocessing import PreprocessingSpec
from model_training.data.external import ExternalRecordings, load_external
from tests.mini_release import write_other_hospital

CONDITIONS = ("atrial-fibrillation", "complete-left-bundle-branch-block", "bundle-branch-block")


def test_coded_conditions_and_what_is_broader_are_present_and_unknown_codes_are_none(tmp_path):
    write_other_hospital(tmp_path, "164909002, 999999999")
    folder = tmp_path / "other-hospitals"
    recordings = load_external(folder, PreprocessingSpec(), Catalogue.load())
    assert recordings.hospitals == ("chapman-ningbo",)
    assert recordings.present[0] >= {CONDITIONS[1], CONDITIONS[2]}
    assert recordings.windows[0].shape[1:] == (12, PreprocessingSpec().window_samples)


def test_a_recording_that_is_refused_is_counted(tmp_path):
    write_other_hospital(tmp_path, "164909002")
    folder = tmp_path / "other-hospitals"
    next(folder.rglob("*.mat")).write_bytes(b"broken")
    recordings = load_external(folder, PreprocessingSpec(), Catalogue.load())
    assert recordings.ids == ()
    assert sum(recordings.left_out.values()) == 1
    assert recordings.labels(CONDITIONS).shape == (0, 3)


def test_what_a_hospital_never_says_is_not_known_to_be_absent():
    recordings = ExternalRecordings(
        ids=("a", "b", "c"),
        hospitals=("one", "one", "other"),
        windows=(),
        present=(frozenset({CONDITIONS[0]}), frozenset(), frozenset({CONDITIONS[1]})),
        left_out={},
    )
    nan = np.nan
    assert recordings.labels(CONDITIONS[:2]) == pytest.approx(
        np.array([[1, nan], [0, nan], [nan, 1]]), nan_ok=True
    )
