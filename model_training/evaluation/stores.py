"""A trained run on any release's store: by the release's own labels and the benchmark's classes."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecg_core.conditions import Catalogue, Condition
from ecg_core.statistics.ranking import macro_result
from model_training.data.labelled import TEST_FOLD, LabelledRecordings
from model_training.data.releases.attributions import title_of
from model_training.data.releases.benchmark import read_sets
from model_training.data.stored import load_stored
from model_training.models.windows import Windows
from model_training.run.workbench import Workbench


def evaluate_store(
    bench: Workbench, folder: Path, benchmark: Path | None = None
) -> dict[str, object]:
    """Figures on a store; each says on how many recordings it was made.

    Of the release that the run was trained on, only fold 10 is scored; of another, all. A set of
    the benchmark is scored on those recordings of its test part that are there; of a release that
    was not trained on, also on those of all its parts.

    Args:
        bench: A trained run's.
        folder: A finished store of the same preprocessing.
        benchmark: Folder of the benchmark; None: only the release's own labels judge.

    Raises:
        StoreError: It is not finished or altered.
        FileNotFoundError: A file of the benchmark is not there.
        ValueError: The store was prepared otherwise; nothing labels it; nothing is left to score.
    """
    catalogue = Catalogue.load()
    store = load_stored(folder, bench.run.config.preprocessing, catalogue)
    is_own = title_of(store.release) == title_of(bench.recordings.release)
    rows = store.rows(TEST_FOLD) if is_own else np.arange(len(store.ecg_ids))
    if not len(rows):
        raise ValueError(f"the store has no recording in fold {TEST_FOLD}")
    sets = _sets(store, benchmark, is_own=is_own)
    meant = {name: _conditions(name, table, catalogue) for name, table in sets.values()}
    asked = [catalogue.get(name) for name in store.conditions]
    asked += {
        c.id: c for conditions in meant.values() for c in conditions if c not in asked
    }.values()
    windows = Windows(store.windows, rows)
    logits: NDArray[np.float32] = bench.network.score(windows, bench.put(asked)).numpy()
    column = {condition.id: number for number, condition in enumerate(asked)}
    found: dict[str, object] = {
        "release": title_of(store.release),
        "folds": [TEST_FOLD] if is_own else "all",
        "recordings": len(rows),
        "of": len(store.ecg_ids),
        "own_labels": _own(bench, store, rows, logits[:, : len(store.conditions)]),
    }
    ids = store.ecg_ids[rows]
    for name, (set_name, table) in sets.items():
        inside = np.flatnonzero(np.isin(ids, table.index.to_numpy()))
        labels = table.loc[ids[inside]].to_numpy().astype(np.float32)
        columns = np.array([column[condition.id] for condition in meant[set_name]])
        chosen = logits[np.ix_(inside, columns)]
        found[name] = {"listed": len(table), **_scored(labels, chosen)}
    return found


def _sets(
    store: LabelledRecordings, benchmark: Path | None, *, is_own: bool
) -> dict[str, tuple[str, pd.DataFrame]]:
    """Tables of classes by the name of their figures, each with its set's name."""
    found: dict[str, tuple[str, pd.DataFrame]] = {}
    if benchmark is None:
        return found
    ids = [*map(str, store.ecg_ids)]
    for name, table in read_sets(benchmark, store.sources, ids, parts=("test",)).items():
        found[name] = (name, table)
    if not is_own:  # nothing of it was trained on
        for name, table in read_sets(benchmark, store.sources, ids).items():
            found[f"{name}_all_parts"] = (name, table)
    return found


def _conditions(name: str, table: pd.DataFrame, catalogue: Catalogue) -> list[Condition]:
    found = [catalogue.by_class(name, class_name) for class_name in table.columns]
    known = [condition for condition in found if condition is not None]
    if len(known) < len(found):
        raise ValueError(f"{name}: a class stands for no condition")
    return known


def _own(
    bench: Workbench,
    store: LabelledRecordings,
    rows: NDArray[np.intp],
    logits: NDArray[np.float32],
) -> dict[str, object]:
    targets = store.published[rows]
    trained = np.isin(store.conditions, bench.recordings.conditions)
    parts = {"trained": trained, "not_trained": ~trained}
    return {name: _scored(targets[:, part], logits[:, part]) for name, part in parts.items()}


def _scored(labels: NDArray[np.float32], logits: NDArray[np.float32]) -> dict[str, object]:
    """Macro figures of the classes that some recordings have and others have not."""
    mixed = (labels == 1).any(axis=0) & (labels == 0).any(axis=0)
    counts = {"recordings": len(labels), "classes": int(mixed.sum()), "of_classes": len(mixed)}
    if not mixed.any():
        return {**counts, "auroc": None}
    return {**macro_result(labels[:, mixed], logits[:, mixed]).rounded(), **counts}
