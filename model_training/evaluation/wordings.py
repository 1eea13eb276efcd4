"""The same conditions in other words, as free text past the catalogue."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib import resources

import numpy as np

from ecg_core.conditions import Condition
from ecg_core.statistics.ranking import auroc
from model_training.evaluation.fold import EvaluatedFold

ENGLISH = 2  # of each condition's held-out wordings; those behind them are German

Wordings = Callable[[Condition], Sequence[str]]


def evaluate_wordings(fold: EvaluatedFold, wordings: Wordings) -> dict[str, float]:
    """Macro AUROC when each class is asked by other wordings, as free text past the catalogue.

    The mean is taken over a class's wordings first, then over classes. Beside it stands the AUROC
    of the same classes asked by name.
    """
    by_name, by_wording, asked = [], [], 0
    for name in fold.bench.recordings.benchmark:
        labels, inside, conditions = fold.labels(name)
        named = auroc(labels, fold.logits(fold.bench.queries.conditions(conditions))[inside])
        texts = [wordings(condition) for condition in conditions]
        scores = fold.logits(fold.bench.queries.free_texts([t for group in texts for t in group]))
        counts = [len(group) for group in texts]
        columns = np.split(np.arange(scores.shape[1]), np.cumsum(counts)[:-1])
        repeated = np.repeat(labels, counts, axis=1)
        worded = auroc(repeated, scores[inside])
        for class_name, group in zip(named, columns, strict=True):
            if group.size and not np.isnan(class_name):
                by_name.append(float(class_name))
                by_wording.append(float(worded[group].mean()))
                asked += group.size
    return {
        "classes": len(by_name),
        "wordings": asked,
        "auroc_by_name": round(100 * float(np.mean(by_name)), 2),
        "auroc_by_wording": round(100 * float(np.mean(by_wording)), 2),
        "drop": round(100 * float(np.mean(by_name) - np.mean(by_wording)), 2),
    }


def unseen_wordings() -> Mapping[str, Sequence[str]]:
    """Held-out wordings by condition: in no training wording and not in the catalogue."""
    found: dict[str, Sequence[str]] = {}
    for file in sorted(resources.files("model_training.data").iterdir(), key=lambda f: f.name):
        if file.name.startswith("unseen_wordings") and file.name.endswith(".toml"):
            found |= tomllib.loads(file.read_text(encoding="utf-8"))["wordings"]
    return found
