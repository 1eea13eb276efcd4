"""Labels that are taken away."""

import numpy as np

from model_training.data.labelled import LabelledRecordings

CONDITIONS = (
    "supraventricular-arrhythmia",
    "atrial-fibrillation",
    "supraventricular-tachycardia",
    "left-ventricular-hypertrophy",
)
TARGETS = np.array(
    [[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 0, 1], [0, 0, 0, 1]],
    dtype=np.float32,
)


def test_what_only_a_label_that_goes_has_affirmed_is_not_said_any_more() -> None:
    published = TARGETS.copy()
    published[:2, 0] = 0  # affirmed by atrial fibrillation; in the third it is stated
    recordings = LabelledRecordings(
        ecg_ids=np.arange(4), folds=np.ones(4, np.int64),
        windows=np.zeros((4, 12, 10), np.float32), conditions=CONDITIONS, targets=TARGETS.copy(),
        benchmark={}, left_out={}, published_targets=published,
    )  # fmt: skip
    rest = recordings.without({"atrial-fibrillation"})
    assert rest.conditions == (CONDITIONS[0], *CONDITIONS[2:])
    np.testing.assert_array_equal(rest.targets[:, 0], [np.nan, 1, 1, 0])
    np.testing.assert_array_equal(rest.targets[:, 1:], TARGETS[:, 2:])
    np.testing.assert_array_equal(rest.published, published[:, [0, 2, 3]])
    np.testing.assert_array_equal(recordings.targets, TARGETS)
