"""Labels of reports beside others: heard where those say nothing, and in training folds only."""

import numpy as np
import pytest

from ecg_core.conditions import Catalogue
from model_training.data.ptbxl import LabelledRecordings
from model_training.data.report_labels import report_targets, with_report_labels
from model_training.entities import LabelBuilder, Source
from model_training.entities.labels import Statement

CATALOGUE = Catalogue.load()
AF, FLUTTER, LBBB = "atrial-fibrillation", "atrial-flutter", "complete-left-bundle-branch-block"
NAN = float("nan")


@pytest.fixture
def matrix():
    builder = LabelBuilder(CATALOGUE)
    builder.add("1", {Source.RULES: {AF: Statement(True, "r"), FLUTTER: Statement(True, "r")}})
    builder.add("2", {Source.RULES: {AF: Statement(False, "r")}})
    builder.add("3", {Source.SCP: {LBBB: Statement(True, "c")}})
    builder.add("9", {Source.RULES: {AF: Statement(True, "r"), FLUTTER: Statement(True, "r")}})
    return builder.build()


@pytest.fixture
def recordings():
    return LabelledRecordings(
        ecg_ids=np.array([1, 2, 3, 4, 9]),
        folds=np.array([1, 8, 2, 3, 9]),
        windows=np.zeros((5, 12, 10), dtype=np.float32),
        conditions=(AF,),
        targets=np.array([[NAN], [1], [0], [NAN], [NAN]], dtype=np.float32),
        benchmark={},
        left_out={},
    )


def column(recordings, condition_id):
    return recordings.targets[:, recordings.conditions.index(condition_id)]


def test_reports_are_heard_where_the_labels_at_hand_say_nothing(recordings, matrix):
    merged = with_report_labels(recordings, matrix, CATALOGUE)
    # 1: from its report; 2: its label, against its report; 4 has no report; 9 is not for training.
    np.testing.assert_array_equal(column(merged, AF), [1, 1, 0, NAN, NAN])
    assert merged.targets.dtype == np.float32
    np.testing.assert_array_equal(recordings.targets[:1], [[NAN]])


def test_conditions_that_only_reports_know_are_added_in_the_catalogues_order(recordings, matrix):
    merged = with_report_labels(recordings, matrix, CATALOGUE)
    order = [c.id for c in CATALOGUE.conditions]
    assert sorted(merged.conditions, key=order.index) == list(merged.conditions)
    np.testing.assert_array_equal(column(merged, FLUTTER), [1, NAN, NAN, NAN, NAN])
    assert LBBB not in merged.conditions  # said by a code, which is not for reports to bring


def test_silence_may_be_a_no_where_only_reports_know(recordings, matrix):
    merged = with_report_labels(recordings, matrix, CATALOGUE, silence="no")
    np.testing.assert_array_equal(column(merged, FLUTTER), [1, 0, 0, NAN, NAN])
    np.testing.assert_array_equal(column(merged, AF), [1, 1, 0, NAN, NAN])


def test_recordings_without_other_labels_have_those_of_their_reports(matrix):
    place = matrix.conditions.index(FLUTTER)
    ids = ["2", "1", "77"]
    np.testing.assert_array_equal(report_targets(matrix, ids)[:, place], [NAN, 1, NAN])
    np.testing.assert_array_equal(report_targets(matrix, ids, "no")[:, place], [0, 1, NAN])
