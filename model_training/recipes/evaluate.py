"""Evaluation on fold 10 by text query. Writes `docs/results/results.json` and `results.md`.

Nothing is chosen here: no threshold, no prompt, no epoch. Each class of a benchmark set is one
text query; the figures are macro averages with bootstrap confidence intervals over recordings.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_training.data.ptbxl import TRAINING_FOLDS, VALIDATION_FOLD
from model_training.leave_out import GROUPS, Group
from model_training.metrics import (
    auroc,
    expected_calibration_error,
    macro_result,
    mean_over_classes,
    reliability_bins,
    risk_coverage,
)
from model_training.recipes.ablate import read_ablations
from model_training.recipes.calibrate import read_calibration
from model_training.recipes.calibrate_unseen import evaluate_unseen_calibration
from model_training.recipes.config import read_run
from model_training.recipes.evaluate_external import evaluate_external
from model_training.recipes.evaluate_probes import RANDOM, evaluate_probes, probe_logits
from model_training.recipes.evaluate_unseen import (
    MIN_POSITIVES,
    by_familiarity,
    evaluate_unseen,
    per_condition,
    read_left_out,
)
from model_training.recipes.evaluate_wordings import ENGLISH, evaluate_wordings, unseen_wordings
from model_training.recipes.familiarity import near_similarity
from model_training.recipes.fold import TestFold
from model_training.recipes.leave_out import run_with_left_out
from model_training.recipes.measure_bundle import read_bundle_figures
from model_training.recipes.plots import draw_plots
from model_training.recipes.report import RESULTS, render_results
from model_training.recipes.workbench import Workbench, restored_workbench

# method.md's fixed-label ResNet1D on the same recordings: macro AUROC on fold 10.
REFERENCE_AUROC = {
    "ptbxl_super": 90.0,
    "ptbxl_sub": 90.4,
    "ptbxl_form": 81.6,
    "ptbxl_rhythm": 89.8,
}

COVERAGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def evaluate_sets(
    fold: TestFold, random: NDArray[np.float64], *, everyone: bool
) -> dict[str, dict[str, object]]:
    """Each set, its classes asked as the service asks them, beside models without text.

    Args:
        fold: What is asked.
        random: Logits of a probe on an encoder that was never trained.
        everyone: See `TestFold.labels`.
    """
    rows: dict[str, dict[str, object]] = {}
    columns = fold.bench.recordings.conditions
    for name in fold.bench.recordings.benchmark:
        labels, inside, conditions = fold.labels(name, everyone=everyone)
        logits = fold.logits(fold.bench.embedder.conditions(conditions))
        outputs = [columns.index(condition.id) for condition in conditions]
        rows[name.removeprefix("ptbxl_")] = {
            **macro_result(labels, logits[inside]).rounded(),
            "fixed_outputs": _macro_auroc(labels, fold.fixed_logits[inside][:, outputs]),
            "random_encoder": _macro_auroc(labels, random[inside][:, outputs]),
            "reference": REFERENCE_AUROC[name],
        }
    figures = ("auroc", "fixed_outputs", "random_encoder", "reference")
    mean = {f: round(float(np.mean([float(str(r[f])) for r in rows.values()])), 2) for f in figures}
    return {**rows, "mean": {**mean}}


def _macro_auroc(labels: NDArray[np.bool_], logits: NDArray[np.float64]) -> float:
    return round(100 * float(mean_over_classes(auroc(labels, logits))), 2)


def evaluate_calibration(fold: TestFold) -> dict[str, object]:
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
        "bins": [
            {name: round(value, 4) for name, value in asdict(one).items()}
            for one in reliability_bins(labels, calibrated)
        ],
        "abstention": [
            {"coverage": coverage, "error": round(float(risk), 4)}
            for coverage, risk in zip(COVERAGES, risks, strict=True)
        ],
    }


def evaluate_known(fold: TestFold) -> tuple[dict[str, object], dict[str, float]]:
    """All trained conditions at once: the macro average, and each one's AUROC in percent."""
    areas = 100 * auroc(fold.targets, fold.known_logits)
    names = fold.bench.recordings.conditions
    each = {n: round(float(a), 2) for n, a in zip(names, areas, strict=True) if not np.isnan(a)}
    return macro_result(fold.targets, fold.known_logits).rounded(), each


def evaluate_left_out(
    fold: TestFold, known: Mapping[str, float], groups: Sequence[Group]
) -> dict[str, object]:
    """All that is said of conditions kept from training; empty if the run left none out."""
    run = run_with_left_out(fold.bench.run)
    fold_10 = read_left_out(run, ["fold 10"], groups)
    if fold_10 is None or not fold_10.tested(MIN_POSITIVES).conditions:
        return {}
    unseen = evaluate_unseen(fold_10)
    best = unseen.get("best_peer")
    near = near_similarity(fold.bench)
    found: dict[str, object] = {
        "unseen": {**unseen, "run": run.folder.name},
        "near_similarity": near,
        "unseen_familiarity": by_familiarity(fold_10, near),
        "unseen_conditions": per_condition(fold_10, str(best) if best else None, known),
        "unseen_calibration": evaluate_unseen_calibration(fold, groups),
    }
    for name, parts in (("unseen_fold_9", ["fold 9"]), ("unseen_external", None)):
        answers = read_left_out(run, parts, groups)
        if answers is not None and answers.tested(1).conditions:
            found[name] = evaluate_unseen(answers, least=1)
    return found


def evaluate(bench: Workbench, groups: Sequence[Group] = GROUPS) -> dict[str, object]:
    """All figures of the report."""
    fold = TestFold(bench)
    held_out = unseen_wordings()
    recordings = bench.recordings
    probes = probe_logits(fold)
    known, each = evaluate_known(fold)
    wording = {
        "synonyms": evaluate_wordings(fold, lambda c: c.synonyms),
        "abbreviations": evaluate_wordings(fold, lambda c: c.abbreviations),
        "german": evaluate_wordings(fold, lambda c: c.german),
        "held_out": evaluate_wordings(fold, lambda c: held_out.get(c.id, ())),
        "held_out_english": evaluate_wordings(fold, lambda c: held_out.get(c.id, ())[:ENGLISH]),
        "held_out_german": evaluate_wordings(fold, lambda c: held_out.get(c.id, ())[ENGLISH:]),
    }
    return {
        "model": {"name": bench.run.config.name, "version": bench.run.config.version},
        "data": {
            "training": len(recordings.rows(*TRAINING_FOLDS)),
            "validation": len(recordings.rows(VALIDATION_FOLD)),
            "test": len(fold.rows),
            "left_out": recordings.left_out,
            "conditions": len(recordings.conditions),
        },
        "seen": evaluate_sets(fold, probes[RANDOM][100], everyone=False),
        "seen_all_recordings": evaluate_sets(fold, probes[RANDOM][100], everyone=True),
        "known": known,
        "known_conditions": each,
        **evaluate_left_out(fold, each, groups),
        "external": evaluate_external(bench),
        "probe": evaluate_probes(fold, probes),
        # The target is about wordings that no list has; the others are there to compare.
        "wording": {"drop": wording["held_out"]["drop"], **wording},
        "calibration": evaluate_calibration(fold),
        **read_ablations(run_with_left_out(bench.run)),
        **read_entities(RESULTS.with_name("entities.json")),
        **read_bundle_figures(bench.run),
    }


def read_entities(file: Path) -> dict[str, object]:
    """The figures of `evaluate_entities` that belong here; empty if it was not run."""
    if not file.exists():
        return {}
    measured = json.loads(file.read_text())
    return {"entities": {name: measured[name] for name in ("micro_f1", "reports_per_s")}}


def main() -> None:
    """Evaluate a trained and calibrated run."""
    results = evaluate(restored_workbench(read_run(__doc__)))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    RESULTS.with_suffix(".md").write_text(render_results(results))
    draw_plots(results, RESULTS.parent)


if __name__ == "__main__":
    main()
