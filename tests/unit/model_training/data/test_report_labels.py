"""Labels of reports beside others: heard where those say nothing, and in training folds only."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg_core.conditions import Catalogue
from model_training.data.releases.labels import UNCERTAIN, Labels, heard_first, settled
from model_training.data.report_labels import report_labels
from model_training.entities import LabelBuilder, Source
from model_training.entities.labels.merging import Statement

CATALOGUE = Catalogue.load()
RAPID_AF = "atrial-fibrillation-with-rapid-ventricular-response"
BROADER = "supraventricular-arrhythmia"
AF, FLUTTER, LBBB = "atrial-fibrillation", "atrial-flutter", "complete-left-bundle-branch-block"
NAN = float("nan")


@pytest.fixture
def matrix():
    builder = LabelBuilder(CATALOGUE)
    builder.add("1", {Source.RULES: {AF: Statement(True, "r"), FLUTTER: Statement(True, "r")}})
    builder.add("2", {Source.RULES: {AF: Statement(False, "r")}})
    builder.add("3", {Source.RULES: {LBBB: Statement(False, "r")}})
    builder.add("9", {Source.RULES: {AF: Statement(True, "r"), FLUTTER: Statement(True, "r")}})
    return builder.build()


IDS, FOLDS = [1, 2, 3, 4, 9], np.array([1, 8, 2, 3, 9])


@pytest.fixture
def at_hand():
    return Labels((AF,), np.array([[NAN], [1], [0], [NAN], [NAN]], dtype=np.float32))


def heard(at_hand, matrix, silence="not_said"):
    reports = report_labels(matrix, IDS, FOLDS, at_hand.conditions, silence)
    return heard_first([at_hand, *reports], CATALOGUE)


def column(labels, condition_id):
    return labels.targets[:, labels.conditions.index(condition_id)]


def test_reports_are_heard_where_the_labels_at_hand_say_nothing(at_hand, matrix):
    merged = heard(at_hand, matrix)
    # 1: from its report; 2: its label, against its report; 4 has no report; 9 is not for training.
    np.testing.assert_array_equal(column(merged, AF), [1, 1, 0, NAN, NAN])
    assert merged.targets.dtype == np.float32
    np.testing.assert_array_equal(at_hand.targets[:1], [[NAN]])


def test_conditions_that_only_reports_know_are_added_in_the_catalogues_order(at_hand, matrix):
    merged = heard(at_hand, matrix)
    order = [c.id for c in CATALOGUE.conditions]
    assert sorted(merged.conditions, key=order.index) == list(merged.conditions)
    np.testing.assert_array_equal(column(merged, FLUTTER), [1, NAN, NAN, NAN, NAN])
    assert LBBB not in merged.conditions  # affirmed of no training recording


def test_silence_may_be_a_no_where_only_reports_know(at_hand, matrix):
    merged = heard(at_hand, matrix, silence="no")
    np.testing.assert_array_equal(column(merged, FLUTTER), [1, 0, 0, NAN, NAN])
    np.testing.assert_array_equal(column(merged, AF), [1, 1, 0, NAN, NAN])


def test_recordings_without_other_labels_have_those_of_their_reports_in_every_fold(matrix):
    for silence, expected in (("not_said", [NAN, 1, NAN]), ("no", [0, 1, NAN])):
        said = report_labels(matrix, ["2", "1", "77"], np.array([9, 10, 1]), (), silence)
        labels = heard_first(said, CATALOGUE)
        np.testing.assert_array_equal(column(labels, FLUTTER), expected)


def test_codes_among_the_labels_of_reports_are_refused():
    builder = LabelBuilder(CATALOGUE)
    builder.add("3", {Source.SCP: {LBBB: Statement(True, "c")}})
    with pytest.raises(ValueError, match="extract them without"):
        report_labels(builder.build(), IDS, FOLDS, ())


@given(st.lists(st.lists(st.sampled_from([0.0, 1.0, NAN]), min_size=3, max_size=3), min_size=1))
def test_of_many_sources_the_first_that_says_something_is_heard(said):
    sources = [Labels((AF,), np.array(values, dtype=np.float32)[:, None]) for values in said]
    merged = heard_first(sources, CATALOGUE)
    for row in range(3):
        first = next((values[row] for values in said if not np.isnan(values[row])), NAN)
        np.testing.assert_array_equal(merged.targets[row], [first])


def rows(*values, denies=False, names=(BROADER,)):
    return Labels(names, np.array(values, dtype=np.float32), denies=denies)


def test_silence_gives_way_to_words_and_a_denial_is_counted():
    classes = rows([0], [0], [1], [NAN])
    words = rows([1, NAN], [UNCERTAIN, NAN], [1, 0], [1, 0], denies=True, names=(AF, BROADER))
    found = settled([classes, words], CATALOGUE)
    np.testing.assert_array_equal(column(found.labels, BROADER), [1, NAN, 1, NAN])
    np.testing.assert_array_equal(column(found.labels, AF), [1, NAN, 1, 1])
    assert found.contradicted == {BROADER: 1}


CELL = st.sampled_from([0.0, 1.0, float(UNCERTAIN), NAN])
SAID = st.tuples(st.booleans(), st.lists(CELL, min_size=3, max_size=3))


@given(st.lists(SAID, min_size=1, max_size=4))
def test_nowhere_is_a_narrower_condition_yes_and_a_broader_one_no(said):
    sources = [rows(cells, denies=d, names=(RAPID_AF, AF, BROADER)) for d, cells in said]
    labels = settled(sources, CATALOGUE).labels
    value = {name: labels.targets[0, place] for place, name in enumerate(labels.conditions)}
    for narrow, wide in ((RAPID_AF, AF), (RAPID_AF, BROADER), (AF, BROADER)):
        assert (value.get(narrow), value.get(wide)) != (1, 0)
    assert not (labels.targets == UNCERTAIN).any()
