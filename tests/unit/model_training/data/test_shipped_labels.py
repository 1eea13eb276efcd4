"""Golden digests: what the shipped run is trained on is what it always was."""

import json

import pytest

from ecg_core.conditions import Catalogue
from tests.benchmarks.compare_labels import BEFORE, digests_of

pytestmark = pytest.mark.shared


def test_recordings_folds_labels_and_windows_are_those_of_the_shipped_bundle(ptb_xl_recordings):
    assert digests_of(ptb_xl_recordings) == json.loads(BEFORE.read_text())
    assert not ptb_xl_recordings.contradicted
    assert ptb_xl_recordings.left_out == {"missing_file": 17_493}


def test_no_recording_has_a_narrower_condition_and_not_the_broader(ptb_xl_recordings):
    catalogue = Catalogue.load()
    columns = dict(zip(ptb_xl_recordings.conditions, ptb_xl_recordings.targets.T, strict=True))
    pairs = [
        (columns[name] == 1) & (columns[wider.id] == 0)
        for name in columns
        for wider in catalogue.ancestors(name)
        if wider.id in columns
    ]
    assert len(pairs) > 50
    assert sum(int(pair.sum()) for pair in pairs) == 0
