"""The recordings of a run with the labels that its configuration asks for."""

from pathlib import Path

from ecg_core.conditions import Catalogue
from model_training.data.ptbxl import LabelledRecordings, load_ptbxl
from model_training.data.report_labels import with_report_labels
from model_training.data.stored import load_stored
from model_training.entities.config import load_entities_config
from model_training.entities.matrix import LabelMatrix
from model_training.entities.pipeline import extract_labels
from model_training.entities.storage import load_label_matrix
from model_training.recipes.config import Run, StoreConfig

CONFIGS = Path(__file__).with_name("configs")


def load_recordings(run: Run) -> LabelledRecordings:
    """Load what the run's configuration names.

    Raises:
        FileNotFoundError: A file of the release or the store is not there.
        ValueError: A label column stands for no condition; the store is not the run's.
    """
    config, catalogue = run.config, Catalogue.load()
    labels = config.labels
    if isinstance(config.data, StoreConfig):
        store = run.shared / config.data.folder
        return load_stored(store, config.preprocessing, _matrix(run), labels.silence)
    recordings = load_ptbxl(run.shared, config.preprocessing, catalogue, run.cache)
    if labels.reports:
        return with_report_labels(recordings, _matrix(run), catalogue, labels.silence)
    return recordings


def _matrix(run: Run) -> LabelMatrix:
    """The labels of reports; made now unless they are there already."""
    config = load_entities_config(CONFIGS / run.config.labels.extraction)
    parent = run.folder.parent / "entities" / config.name
    return load_label_matrix(extract_labels(config, run.shared, parent).folder)
