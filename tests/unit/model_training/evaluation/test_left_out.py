"""The groups of conditions that are left out: chosen by a rule, each condition once."""

import numpy as np
import pytest

from ecg_core.conditions import Catalogue
from model_training.data.labelled import TEST_FOLD, TRAINING_FOLDS, LabelledRecordings
from model_training.evaluation.groups import GROUPS, MIN_POSITIVES, SHARED_POSITIVES


def test_each_condition_is_left_out_once_and_there_are_several_kinds_in_each_group() -> None:
    catalogue = Catalogue.load()
    asked = [name for group in GROUPS for name in group.conditions]
    assert len(asked) == len(set(asked)) >= 15
    for group in GROUPS:
        assert not set(group.conditions) & set(group.nearly_the_same)
        assert len({catalogue.get(name).kind for name in group.conditions}) >= 4
        assert all(catalogue.get(name) for name in group.nearly_the_same)


@pytest.mark.shared
def test_what_says_nearly_the_same_goes_with_it(ptb_xl_recordings: LabelledRecordings) -> None:
    labels = ptb_xl_recordings
    # What only a label that goes has affirmed goes with it: see `LabelledRecordings.without`.
    positive = labels.published == 1
    trained = positive[np.isin(labels.folds, TRAINING_FOLDS)]
    tested = positive[labels.folds == TEST_FOLD].sum(axis=0)
    names = labels.conditions
    for group in GROUPS:
        columns = [names.index(name) for name in group.conditions]
        assert (tested[columns] >= MIN_POSITIVES).all()
        both = np.array([(trained & trained[:, [column]]).sum(axis=0) for column in columns])
        either = np.array([(trained | trained[:, [column]]).sum(axis=0) for column in columns])
        near = (both >= SHARED_POSITIVES * np.maximum(either, 1)).any(axis=0)
        alike = {name for name, is_near in zip(names, near, strict=True) if is_near}
        assert alike - set(group.conditions) == set(group.nearly_the_same)
