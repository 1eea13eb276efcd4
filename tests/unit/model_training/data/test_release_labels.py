import numpy as np
import pytest

from ecg_core.conditions import Catalogue
from model_training.data.releases.labels import Labels, labels_of, pooled, snomed_system
from model_training.data.releases.meanings import (
    CODE15_CLASSES,
    chapman_system,
    code15_system,
    cpsc2018_system,
    sparse_system,
)
from model_training.data.releases.wfdb_files import diagnoses_of

CATALOGUE = Catalogue.load()
FIRST_DEGREE, ATRIAL_FIBRILLATION, SINUS_RHYTHM = "270492004", "164889003", "426783006"
ABNORMAL_ST_INTERVAL, ST_ELEVATION = "164930006", "164931005"


def label(labels: Labels, row: int, condition: str) -> float:
    return float(labels.targets[row, labels.conditions.index(condition)])


def of(*codes, system=None):
    return labels_of(
        [None if held is None else frozenset(held) for held in codes],
        system or snomed_system(CATALOGUE),
        CATALOGUE,
    )


def test_a_code_makes_its_condition_and_every_broader_one_true():
    labels = of({FIRST_DEGREE}, {ATRIAL_FIBRILLATION})
    assert label(labels, 0, "first-degree-av-block") == 1
    assert label(labels, 0, "av-block") == 1
    assert label(labels, 0, "conduction-disturbance") == 1


def test_what_others_of_the_source_have_and_this_one_does_not_is_false():
    labels = of({FIRST_DEGREE}, {ATRIAL_FIBRILLATION})
    assert label(labels, 1, "first-degree-av-block") == 0
    assert label(labels, 0, "atrial-fibrillation") == 0


def test_a_broader_condition_that_the_source_has_no_code_for_is_never_denied():
    labels = of({FIRST_DEGREE}, {ATRIAL_FIBRILLATION})
    assert np.isnan(label(labels, 1, "av-block"))


def test_an_unlabelled_recording_says_nothing():
    labels = of({FIRST_DEGREE}, None)
    assert np.isnan(labels.targets[1]).all()


def test_a_labelled_recording_without_codes_is_denied_everything():
    labels = of({FIRST_DEGREE}, set())
    assert label(labels, 1, "first-degree-av-block") == 0


def test_codes_that_mean_nothing_here_are_counted():
    labels = of({FIRST_DEGREE, "999999999"}, {"999999999", "888888888"})
    assert labels.unmapped == {"999999999": 2, "888888888": 1}


def test_documented_conditions_are_denied_although_nobody_here_has_them():
    labels = of({ATRIAL_FIBRILLATION}, system=cpsc2018_system(CATALOGUE))
    assert label(labels, 0, "st-elevation") == 0
    assert "left-ventricular-hypertrophy" not in labels.conditions


def test_a_rhythm_that_is_mentioned_now_and_then_is_never_denied():
    labels = of({SINUS_RHYTHM}, {FIRST_DEGREE}, system=sparse_system(CATALOGUE))
    assert label(labels, 0, "sinus-rhythm") == 1
    assert np.isnan(label(labels, 1, "sinus-rhythm"))


def test_chapmans_codes_of_st_segments_are_read_in_its_own_sense():
    labels = of({ABNORMAL_ST_INTERVAL}, {ST_ELEVATION}, system=chapman_system(CATALOGUE))
    assert label(labels, 0, "st-elevation") == 1
    assert label(labels, 1, "st-elevation") == 0
    assert label(labels, 1, "upsloping-st-segment") == 1


def test_cpsc2018s_sinus_rhythm_is_its_class_normal():
    labels = of({SINUS_RHYTHM}, {FIRST_DEGREE}, system=cpsc2018_system(CATALOGUE))
    assert label(labels, 0, "normal-ecg") == 1
    assert label(labels, 1, "normal-ecg") == 0
    assert "sinus-rhythm" not in labels.conditions


def test_code15_labels_all_of_its_six_classes():
    labels = of({"1dAVb"}, set(), system=code15_system(CATALOGUE))
    columns = [labels.conditions.index(name) for name in CODE15_CLASSES.values()]
    assert np.nansum(labels.targets[:, columns]) == 1
    assert not np.isnan(labels.targets[:, columns]).any()


def test_pooled_sources_keep_their_rows_and_say_nothing_on_each_others_conditions():
    one, other = of({FIRST_DEGREE}), of({ATRIAL_FIBRILLATION}, set())
    both = pooled([one, other], CATALOGUE)
    assert both.targets.shape[0] == 3
    assert label(both, 0, "first-degree-av-block") == 1
    assert np.isnan(label(both, 1, "first-degree-av-block"))
    assert label(both, 2, "atrial-fibrillation") == 0


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("#Dx: 1,22", {"1", "22"}),
        ("# Dx: 1, 22", {"1", "22"}),
        ("#Dx:1,Unknown", {"1"}),
        ("#Dx: Unknown", None),
        ("#Dx:", None),
        ("#Hx: 1", None),
    ],
)
def test_diagnoses_are_read_from_the_comment_in_every_spelling(line, expected):
    header = f"A1 12 500 5000\nA1.mat 16+24 1000/mV 16 0 0 0 0 I\n#Age: 5\n{line}\n#Rx: 3\n"
    assert diagnoses_of(header.encode()) == expected
