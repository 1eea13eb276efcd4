import pytest

from ecg_core.calibration import Calibration
from model_training.export.bundle import write_bundle


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """The folder of a calibrated run."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    folder.mkdir()
    (folder / "calibration.json").write_text(Calibration(temperature=1.3).model_dump_json())
    return folder


@pytest.fixture(scope="module")
def exported(bench, tmp_path_factory):
    """The module's `bench` as a bundle: its folder, and how far each graph is from torch."""
    folder = tmp_path_factory.mktemp("bundle")
    return folder, write_bundle(bench, folder)
