"""Evaluation on fold 10 by text query. Writes `docs/results/results.json` and `results.md`.

Nothing is chosen here: no threshold, no prompt, no epoch. Each class of a benchmark set is one
text query; the figures are macro averages with bootstrap confidence intervals over recordings.
"""

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecg_core.conditions import Catalogue, Condition
from model_training.data.ptbxl import TEST_FOLD, TRAINING_FOLDS, VALIDATION_FOLD
from model_training.metrics import (
    auroc,
    expected_calibration_error,
    macro_result,
)
from model_training.models.ecg_encoder import EcgEncoder
from model_training.probes import linear_probe, pooled_features
from model_training.recipes.calibrate import read_calibration
from model_training.recipes.config import read_run
from model_training.recipes.report import render_results
from model_training.recipes.workbench import Workbench, restored_workbench, seed_everything

RESULTS = Path("docs/results/results.json")
# method.md's fixed-label ResNet1D on the same recordings: macro AUROC on fold 10.
REFERENCE_AUROC = {
    "ptbxl_super": 90.0,
    "ptbxl_sub": 90.4,
    "ptbxl_form": 81.6,
    "ptbxl_rhythm": 89.8,
}

Wordings = Callable[[Condition], Sequence[str]]


class TestFold:
    """A fold's recordings and label sets; fold 10 but where something is still to be chosen."""

    __test__ = False  # not a pytest class

    def __init__(self, bench: Workbench, number: int = TEST_FOLD) -> None:
        self.bench = bench
        self.catalogue = Catalogue.load()
        recordings = bench.recordings
        self.rows = recordings.rows(number)
        self.ecg_ids = recordings.ecg_ids[self.rows]
        self.windows = torch.from_numpy(recordings.windows[self.rows])
        self.fixed_logits = bench.fixed.score(self.windows).double().numpy()
        self.random_logits = random_encoder_logits(bench, self.windows)

    def logits(self, query_embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Shape (recording, query)."""
        queries = torch.from_numpy(query_embeddings)
        return self.bench.network.score(self.windows, queries).double().numpy()

    def labels(
        self, name: str, *, everyone: bool = False
    ) -> tuple[NDArray[np.bool_], NDArray[np.intp], list[Condition]]:
        """A set's labels (recording, class), its recordings' rows in this fold, its conditions.

        Args:
            name: The set.
            everyone: Take the fold's recordings that are not in the set as negative, too.

        Raises:
            ValueError: A recording of the set with a waveform here would not be evaluated.
        """
        table = self.bench.recordings.benchmark[name]
        if everyone:
            table = table.reindex(table.index.union(pd.Index(self.ecg_ids)), fill_value=0)
        inside = np.flatnonzero(np.isin(self.ecg_ids, table.index.to_numpy()))
        labels = table.loc[self.ecg_ids[inside]].to_numpy().astype(bool)
        conditions = [self.catalogue.by_class(name, column) for column in table.columns]
        if None in conditions or len(labels) != len(inside):
            raise ValueError(f"{name}: not every recording and class would be evaluated")
        return labels, inside, [condition for condition in conditions if condition]


def evaluate_sets(fold: TestFold, *, everyone: bool) -> dict[str, dict[str, object]]:
    """Each set, its classes asked as the service asks them, beside models without text."""
    rows: dict[str, dict[str, object]] = {}
    columns = fold.bench.recordings.conditions
    for name in fold.bench.recordings.benchmark:
        labels, inside, conditions = fold.labels(name, everyone=everyone)
        logits = fold.logits(fold.bench.embedder.conditions(conditions))
        outputs = [columns.index(condition.id) for condition in conditions]
        rows[name.removeprefix("ptbxl_")] = {
            **macro_result(labels, logits[inside]).rounded(),
            "fixed_outputs": _macro_auroc(labels, fold.fixed_logits[inside][:, outputs]),
            "random_encoder": _macro_auroc(labels, fold.random_logits[inside][:, outputs]),
            "reference": REFERENCE_AUROC[name],
        }
    figures = ("auroc", "fixed_outputs", "random_encoder", "reference")
    mean = {f: round(float(np.mean([float(str(r[f])) for r in rows.values()])), 2) for f in figures}
    return {**rows, "mean": {**mean}}


def _macro_auroc(labels: NDArray[np.bool_], logits: NDArray[np.float64]) -> float:
    return round(100 * float(np.nanmean(auroc(labels, logits))), 2)


def random_encoder_logits(bench: Workbench, windows: Tensor) -> NDArray[np.float64]:
    """A linear probe on the features of an encoder that was never trained."""
    seed_everything(bench.run.config.seed)
    encoder = EcgEncoder(bench.run.config.ecg_encoder, leads=windows.shape[1])
    rows = bench.recordings.rows(*TRAINING_FOLDS)
    training = pooled_features(encoder, bench.windows(*TRAINING_FOLDS))
    probe = linear_probe(training, torch.from_numpy(bench.recordings.targets[rows]))
    with torch.inference_mode():
        logits: NDArray[np.float64] = probe(pooled_features(encoder, windows)).double().numpy()
    return logits


def evaluate_wordings(fold: TestFold, wordings: Wordings) -> dict[str, float]:
    """Macro AUROC when each class is asked by other wordings, as free text past the catalogue.

    The mean is taken over a class's wordings first, then over classes. Beside it stands the AUROC
    of the same classes asked by name.
    """
    by_name, by_wording, asked = [], [], 0
    for name in fold.bench.recordings.benchmark:
        labels, inside, conditions = fold.labels(name)
        named = auroc(labels, fold.logits(fold.bench.embedder.conditions(conditions))[inside])
        texts = [wordings(condition) for condition in conditions]
        scores = fold.logits(fold.bench.embedder.free_texts([t for group in texts for t in group]))
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


def evaluate_calibration(fold: TestFold) -> dict[str, float]:
    """Expected calibration error over all recordings and labelled conditions of fold 10."""
    calibration = read_calibration(fold.bench)
    logits = fold.logits(fold.bench.canonical.numpy())
    targets = fold.bench.recordings.targets[fold.rows]
    said = ~np.isnan(targets)
    known = np.ones(said.sum(), dtype=bool)
    calibrated = calibration.probabilities(logits[said], known)
    raw = 1 / (1 + np.exp(-logits[said]))
    labels = targets[said].astype(bool)
    return {
        "ece": round(expected_calibration_error(labels, calibrated), 4),
        "ece_uncalibrated": round(expected_calibration_error(labels, raw), 4),
        "pairs": int(said.sum()),
    }


def unseen_wordings() -> Mapping[str, Sequence[str]]:
    """Held-out wordings: in no training wording and not in the catalogue."""
    found: dict[str, Sequence[str]] = {}
    for file in sorted(resources.files("model_training.data").iterdir(), key=lambda f: f.name):
        if file.name.startswith("unseen_wordings") and file.name.endswith(".toml"):
            found |= tomllib.loads(file.read_text(encoding="utf-8"))["wordings"]
    return found


def evaluate(bench: Workbench) -> dict[str, object]:
    """All figures of the report."""
    fold = TestFold(bench)
    held_out = unseen_wordings()
    recordings = bench.recordings
    return {
        "model": {"name": bench.run.config.name, "version": bench.run.config.version},
        "data": {
            "training": len(recordings.rows(*TRAINING_FOLDS)),
            "validation": len(recordings.rows(VALIDATION_FOLD)),
            "test": len(fold.rows),
            "left_out": recordings.left_out,
            "conditions": len(recordings.conditions),
        },
        "seen": evaluate_sets(fold, everyone=False),
        "seen_all_recordings": evaluate_sets(fold, everyone=True),
        "wording": {
            "synonyms": evaluate_wordings(fold, lambda c: c.synonyms),
            "abbreviations": evaluate_wordings(fold, lambda c: c.abbreviations),
            "german": evaluate_wordings(fold, lambda c: c.german),
            "held_out": evaluate_wordings(fold, lambda c: held_out.get(c.id, ())),
        },
        "calibration": evaluate_calibration(fold),
    }


def main() -> None:
    """Evaluate a trained and calibrated run."""
    results = evaluate(restored_workbench(read_run(__doc__)))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    RESULTS.with_suffix(".md").write_text(render_results(results))


if __name__ == "__main__":
    main()
