"""The recordings of a run with the labels that its configuration asks for."""

import warnings
from pathlib import Path

from ecg_core.conditions import Catalogue
from model_training.data.labelled import LabelledRecordings
from model_training.data.store import StoreRequest, prepared_store
from model_training.data.stored import load_stored
from model_training.entities.config import load_entities_config
from model_training.entities.labels.matrix import LabelMatrix
from model_training.entities.labels.storage import load_label_matrix
from model_training.entities.pipeline import extract_labels
from model_training.run.config import Run, StoreConfig

CONFIGS = Path(__file__).parents[1] / "recipes" / "configs"


def load_recordings(run: Run) -> LabelledRecordings:
    """Load what the run's configuration names; a release is prepared first, unless it was.

    Raises:
        BrokenRelease: The release has faults that are not to be left out; all are listed.
        StoreError: The store is not finished, altered, or cannot be made.
        FileNotFoundError: A file of the benchmark is not there.
        ValueError: A label stands for no condition; the store is not the run's.
    """
    data, labels = run.config.data, run.config.labels
    return load_stored(
        _store(run),
        run.config.preprocessing,
        Catalogue.load(),
        benchmark=data.benchmark and run.shared / data.benchmark,
        matrix=_matrix(run) if labels.reports else None,
        silence=labels.silence,
    )


def _store(run: Run) -> Path:
    data = run.config.data
    if isinstance(data, StoreConfig):
        return run.shared / data.folder
    request = StoreRequest(
        release=data.release,
        source=run.shared / data.source,
        store=run.cache / "stores",
        preprocessing=run.config.preprocessing,
        sample_type=data.sample_type,
        leave_out=data.leave_out,
    )
    return prepared_store(request)


def _matrix(run: Run) -> LabelMatrix:
    """The labels of reports; made now unless they are there already. Codes are no report.

    Reports that failed are unlabelled in every step alike, so no step asks for them again; only
    `extract_entities` does.
    """
    config = load_entities_config(CONFIGS / run.config.labels.extraction)
    parent = run.folder.parent / "entities" / config.name
    of_reports = config.model_copy(update={"scp": None})
    labels = extract_labels(of_reports, run.shared, parent, ask_again=False)
    if labels.failed:
        told = f"{labels.failed} reports could not be read: {labels.folder / 'failures.csv'}"
        warnings.warn(told, stacklevel=2)
    return load_label_matrix(labels.folder)
