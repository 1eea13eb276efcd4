"""Base rates are counted where something is said, and never made up."""

from dataclasses import replace

import numpy as np

from model_training.evaluation.base_rates import prevalences
from tests.support.token_networks import CONDITIONS, planted_recordings

NAN = np.nan


def test_a_prevalence_is_a_share_of_the_training_recordings_that_are_labelled():
    recordings = replace(
        planted_recordings(5),
        folds=np.array([1, 2, 8, 9, 10]),
        targets=np.array(
            [[1, 0, NAN], [NAN, 1, NAN], [0, 0, NAN], [1, 1, 1], [1, 1, 1]], dtype=np.float32
        ),
    )
    assert prevalences(recordings) == {CONDITIONS[0]: 1 / 2, CONDITIONS[1]: 1 / 3}
