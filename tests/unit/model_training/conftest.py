"""What tests of training share."""

from pathlib import Path

import pytest

from model_training.data.labelled import LabelledRecordings
from tests.benchmarks.compare_labels import shipped_recordings


@pytest.fixture(scope="session")
def ptb_xl_recordings(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> LabelledRecordings:
    """The shipped run's recordings and labels; preparing them takes half a minute."""
    return shipped_recordings(shared / "data", tmp_path_factory.mktemp("runs"))
