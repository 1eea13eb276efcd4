"""A store of prepared recordings with its labels, as the training recipes take it."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.conditions import Catalogue
from ecg_core.preprocessing import PreprocessingSpec
from model_training.data.labelled import LabelledRecordings
from model_training.data.releases.benchmark import class_labels, read_sets
from model_training.data.releases.labels import UNCERTAIN, Labels, heard_first, settled
from model_training.data.report_labels import Silence, report_labels
from model_training.data.store import RecordingStore
from model_training.entities.labels.matrix import LabelMatrix


def load_stored(
    folder: Path,
    spec: PreprocessingSpec,
    catalogue: Catalogue,
    *,
    benchmark: Path | None = None,
    matrix: LabelMatrix | None = None,
    silence: Silence = "not_said",
) -> LabelledRecordings:
    """Map a store and label its rows; of its windows nothing is read yet.

    Two matrices are made of what the release's codes, the benchmark's classes and the reports say:
    the labels that teach (`settled`), and those that judge: as they are published, the classes
    first, then the codes, whatever their likelihood, then the reports.

    Args:
        folder: A finished store; see `model_training.data.store`.
        spec: Preprocessing of the bundle to be.
        catalogue: Maps classes and codes to conditions.
        benchmark: Folder of the benchmark; None: none of its classes is heard.
        matrix: Labels of reports by the release's own ids; None: no report is heard.
        silence: What a report that does not mention a condition says of it.

    Raises:
        StoreError: It is not finished, or its index is altered.
        FileNotFoundError: A file of the benchmark is not there.
        ValueError: The store was prepared otherwise; a class or code stands for no condition;
            nothing labels any of the recordings.
    """
    store = RecordingStore.open(folder)
    if store.manifest.preprocessing != spec:
        raise ValueError("the store was prepared with another preprocessing than this run's")
    ids = _numbered(store.ids)
    sources = frozenset(store.sources.tolist())
    tables = read_sets(benchmark, sources, store.ids.tolist()) if benchmark else {}
    classes = class_labels(tables, ids.tolist(), catalogue)
    published = [*classes, store.labels(catalogue, doubt_is_yes=True)]
    reports: list[Labels] = []
    if matrix is not None:
        at_hand = {name for labels in published for name in labels.conditions}
        reports = report_labels(matrix, ids.tolist(), store.folds, at_hand, silence)
    taught = settled([store.labels(catalogue), *classes, *reports], catalogue)
    labels = taught.labels
    if not labels.conditions:
        raise ValueError("nothing labels any recording of the store")
    return LabelledRecordings(
        ecg_ids=ids,
        folds=store.folds,
        windows=store.windows,
        conditions=labels.conditions,
        targets=labels.targets,
        published_targets=_judging([*published, *reports], labels.conditions, catalogue),
        contradicted=dict(taught.contradicted),
        benchmark=tables,
        left_out=store.manifest.left_out,
        reports=tuple(store.reports.tolist()),
        release=store.manifest.release,
        sources=sources,
        digest=hashlib.sha256(store.manifest.model_dump_json().encode()).hexdigest(),
    )


def _judging(
    said: list[Labels], conditions: tuple[str, ...], catalogue: Catalogue
) -> NDArray[np.float32]:
    """The labels as they are published, of these conditions."""
    labels = heard_first(said, catalogue)
    chosen = labels.targets[:, [labels.conditions.index(name) for name in conditions]]
    return np.where(chosen == UNCERTAIN, np.float32("nan"), chosen)


def _numbered(ids: NDArray[np.object_]) -> NDArray[Any]:
    """The release's own ids, as numbers where all of them are."""
    return ids.astype(np.int64 if all(map(str.isdecimal, ids)) else np.str_)
