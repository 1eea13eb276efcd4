"""Figures of the conditions that were trained: discrimination, calibration, abstention."""

from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from ecg_core.statistics.classwise import classwise_calibration
from ecg_core.statistics.ranking import (
    auroc,
    expected_calibration_error,
    macro_result,
    mean_over_classes,
    reliability_bins,
    risk_coverage,
)
from model_training.data.labelled import TRAINING_FOLDS
from model_training.evaluation.calibration import read_calibration
from model_training.evaluation.fold import EvaluatedFold

# method.md's fixed-label ResNet1D on the same recordings: macro AUROC on fold 10.
REFERENCE_AUROC = {
    "ptbxl_super": 90.0,
    "ptbxl_sub": 90.4,
    "ptbxl_form": 81.6,
    "ptbxl_rhythm": 89.8,
}


COVERAGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def evaluate_sets(
    fold: EvaluatedFold, random: NDArray[np.float64], *, everyone: bool
) -> dict[str, dict[str, object]]:
    """Each set, its classes asked as the service asks them, beside models without text.

    Args:
        fold: What is asked.
        random: Logits of a probe on an encoder that was never trained.
        everyone: See `EvaluatedFold.labels`.
    """
    rows: dict[str, dict[str, object]] = {}
    columns = fold.bench.recordings.conditions
    for name in fold.bench.recordings.benchmark:
        labels, inside, conditions = fold.labels(name, everyone=everyone)
        logits = fold.logits(fold.bench.queries.conditions(conditions))
        outputs = [columns.index(condition.id) for condition in conditions]
        rows[name.removeprefix("ptbxl_")] = {
            **macro_result(labels, logits[inside]).rounded(),
            "random_encoder": _macro_auroc(labels, random[inside][:, outputs]),
            "reference": REFERENCE_AUROC[name],
        }
    figures = ("auroc", "random_encoder", "reference")
    mean = {
        figure: round(float(np.mean([float(str(row[figure])) for row in rows.values()])), 2)
        for figure in figures
    }
    return {**rows, "mean": {**mean}}


def _macro_auroc(labels: NDArray[np.bool_], logits: NDArray[np.float64]) -> float:
    return round(100 * float(mean_over_classes(auroc(labels, logits))), 2)


def evaluate_calibration(fold: EvaluatedFold) -> dict[str, object]:
    """Calibration and abstention over all recordings and trained conditions of the fold."""
    said = ~np.isnan(fold.targets)
    logits = fold.known_logits[said]
    known = np.ones(said.sum(), dtype=bool)
    calibrated = read_calibration(fold.bench).probabilities(logits, known)
    labels = fold.targets[said].astype(bool)
    risks = risk_coverage(labels, calibrated, np.array(COVERAGES))
    return {
        "ece": round(expected_calibration_error(labels, calibrated), 4),
        "ece_uncalibrated": round(expected_calibration_error(labels, 1 / (1 + np.exp(-logits))), 4),
        "pairs": int(said.sum()),
        "classwise": _classwise(fold),
        "bins": [
            {name: round(value, 4) for name, value in asdict(one).items()}
            for one in reliability_bins(labels, calibrated)
        ],
        "abstention": [
            {"coverage": coverage, "error": round(float(risk), 4)}
            for coverage, risk in zip(COVERAGES, risks, strict=True)
        ],
    }


def _classwise(fold: EvaluatedFold) -> dict[str, float]:
    """Of the classes that the fold says are there at least once."""
    recordings = fold.bench.recordings
    trained = recordings.targets[recordings.rows(*TRAINING_FOLDS)]
    asked = (fold.targets == 1).any(axis=0)
    known = np.ones(int(asked.sum()), dtype=bool)
    probabilities = read_calibration(fold.bench).probabilities(fold.known_logits[:, asked], known)
    prevalence = np.nan_to_num(np.nanmean(trained[:, asked], axis=0), nan=0.0)
    found = classwise_calibration(fold.targets[:, asked], probabilities, prevalence)
    row = {**asdict(found), "above_floor": found.ece - found.floor}
    return {name: round(value, 4) for name, value in row.items()}


def evaluate_known(fold: EvaluatedFold) -> tuple[dict[str, object], dict[str, float]]:
    """All trained conditions at once: the macro average, and each one's AUROC in percent."""
    areas = 100 * auroc(fold.published, fold.known_logits)
    names = fold.bench.recordings.conditions
    each = {n: round(float(a), 2) for n, a in zip(names, areas, strict=True) if not np.isnan(a)}
    return macro_result(fold.published, fold.known_logits).rounded(), each
