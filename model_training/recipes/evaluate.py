"""Evaluation on fold 10 by text query. Writes `results/` of the run: figures, report, plots.

Nothing is chosen here: no threshold, no prompt, no epoch. Each class of a benchmark set is one
text query; the figures are macro averages with bootstrap confidence intervals over recordings.
Figures that other programs measured are taken from `docs/measured/results`. Nothing is written
before all is measured; `--publish` copies the results of the run to a folder then.
"""

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from model_training.data.labelled import TEST_FOLD, TRAINING_FOLDS, VALIDATION_FOLD
from model_training.data.other_hospitals import has_other_hospitals
from model_training.data.releases.attributions import title_of
from model_training.data.releases.base import OF_RECORDINGS
from model_training.evaluation.cuts import evaluate_cuts, evaluate_left_out_cuts
from model_training.evaluation.external import evaluate_external
from model_training.evaluation.familiarity import near_similarity
from model_training.evaluation.fold import EvaluatedFold
from model_training.evaluation.groups import GROUPS, Group
from model_training.evaluation.known import evaluate_calibration, evaluate_known, evaluate_sets
from model_training.evaluation.lead_sets import evaluate_lead_sets
from model_training.evaluation.left_out import refuse_foreign, run_with_left_out
from model_training.evaluation.left_out_figures import left_out_figures
from model_training.evaluation.probes import RANDOM, evaluate_probes, probe_logits
from model_training.evaluation.unseen import (
    by_familiarity,
    own_signs,
    per_condition,
    read_left_out,
)
from model_training.evaluation.unseen_calibration import evaluate_unseen_calibration
from model_training.evaluation.wordings import ENGLISH, evaluate_wordings, unseen_wordings
from model_training.recipes.ablate import read_ablations
from model_training.recipes.measure_bundle import read_bundle_figures
from model_training.reporting.plots import draw_plots
from model_training.reporting.report import AUPRC_INTERVALS, PUBLISHED, render_results
from model_training.reporting.report_lead_sets import render_verdicts
from model_training.run.config import Run, add_run_arguments, command_of, run_from
from model_training.run.provenance import Provenance, read_provenance
from model_training.run.results import results_folder, write_results
from model_training.run.workbench import Workbench, restored_workbench


def evaluate_left_out(
    fold: EvaluatedFold, known: Mapping[str, float], groups: Sequence[Group]
) -> dict[str, object]:
    """All that is said of conditions kept from training; empty if the run left none out."""
    run = run_with_left_out(fold.bench.run)
    refuse_foreign(fold.bench, groups)
    figures = left_out_figures(run, groups)
    fold_10 = read_left_out(run, ["fold 10"], groups)
    if not figures or fold_10 is None:
        return {}
    best, near = figures["unseen"].get("best_peer"), near_similarity(fold.bench)
    return {
        **figures,
        "near_similarity": near,
        "unseen_familiarity": by_familiarity(fold_10, near),
        "unseen_conditions": per_condition(
            fold_10, str(best) if best else None, known, own_signs(groups)
        ),
        "unseen_calibration": evaluate_unseen_calibration(fold, groups),
    }


def evaluate(bench: Workbench, groups: Sequence[Group] = GROUPS) -> dict[str, object]:
    """All figures of the report; those of the benchmark's sets only where the run has any."""
    fold = EvaluatedFold(bench)
    recordings = bench.recordings
    known, each = evaluate_known(fold)
    return {
        "model": {"name": bench.run.config.name, "version": bench.run.config.version},
        "data": {
            "release": title_of(recordings.release),
            "training": len(recordings.rows(*TRAINING_FOLDS)),
            "validation": len(recordings.rows(VALIDATION_FOLD)),
            "test": len(fold.rows),
            "left_out": {r: n for r, n in recordings.left_out.items() if r not in OF_RECORDINGS},
            "faults": {r: n for r, n in recordings.left_out.items() if r in OF_RECORDINGS},
            "conditions": len(recordings.conditions),
        },
        "auprc_intervals": AUPRC_INTERVALS,
        "known": known,
        "known_conditions": each,
        **(_of_sets(fold) if recordings.benchmark else {}),
        **evaluate_left_out(fold, each, groups),
        **_external(bench),
        "calibration": evaluate_calibration(fold),
        "cuts": {
            **{f"fold_{n}": evaluate_cuts(bench, n) for n in (VALIDATION_FOLD, TEST_FOLD)},
            "left_out": evaluate_left_out_cuts(bench, groups),
        },
        **_of_lead_sets(fold),
        **read_ablations(run_with_left_out(bench.run), recordings),
        **read_as_published(PUBLISHED / "supreme", bench.run),
        **read_entities(PUBLISHED / "entities.json"),
        **read_bundle_figures(bench.run),
    }


def _of_sets(fold: EvaluatedFold) -> dict[str, object]:
    """What needs the benchmark's own recordings and classes."""
    held_out = unseen_wordings()
    probes = probe_logits(fold)
    wording = {
        "synonyms": evaluate_wordings(fold, lambda c: c.synonyms),
        "abbreviations": evaluate_wordings(fold, lambda c: c.abbreviations),
        "german": evaluate_wordings(fold, lambda c: c.german),
        "held_out": evaluate_wordings(fold, lambda c: held_out.get(c.id, ())),
        "held_out_english": evaluate_wordings(fold, lambda c: held_out.get(c.id, ())[:ENGLISH]),
        "held_out_german": evaluate_wordings(fold, lambda c: held_out.get(c.id, ())[ENGLISH:]),
    }
    return {
        "seen": evaluate_sets(fold, probes[RANDOM][100], everyone=False),
        "seen_all_recordings": evaluate_sets(fold, probes[RANDOM][100], everyone=True),
        "probe": evaluate_probes(fold, probes),
        # The target is about wordings that no list has; the others are there to compare.
        "wording": {"drop": wording["held_out"]["drop"], **wording},
    }


def _of_lead_sets(fold: EvaluatedFold) -> dict[str, object]:
    """Recordings that are not whole, if the network was calibrated for them."""
    found = evaluate_lead_sets(fold)
    return {"lead_sets": found} if found else {}


def _external(bench: Workbench) -> dict[str, object]:
    """Other hospitals, where their excerpts are."""
    if not has_other_hospitals(bench.run.shared):
        return {}
    return {"external": evaluate_external(bench)}


def read_entities(file: Path) -> dict[str, object]:
    """The figures of `evaluate_entities` that belong here; empty if it was not run."""
    if not file.exists():
        return {}
    measured = json.loads(file.read_text())
    return {"entities": {name: measured[name] for name in ("micro_f1", "reports_per_s")}}


def read_as_published(folder: Path, run: Run) -> dict[str, object]:
    """The figures of SuPreME as published that belong here.

    Args:
        folder: Where they were published to.
        run: A trained run.

    Returns:
        Empty if they are of other recordings or labels, or if this is that very run.
    """
    theirs, ours = read_provenance(folder), read_provenance(run.folder)
    if theirs is None or ours is None or (theirs.data, theirs.labels) != (ours.data, ours.labels):
        return {}
    measured = json.loads((folder / "results.json").read_text())
    if measured["model"]["name"] == run.config.name or "seen" not in measured:
        return {}
    sets = {
        key: {name: _area(row) for name, row in measured[key].items()}
        for key in ("seen", "seen_all_recordings")
    }
    drop = measured["wording"]["drop"]
    found = {**sets, "known": _area(measured["known"]), "wording_drop": drop}
    left_out = left_out_as_published(folder / "left_out.json", ours)
    return {"as_published": {**found, "left_out": left_out}}


def left_out_as_published(file: Path, ours: Provenance) -> dict[str, object]:
    """By way of asking, if it was measured on the same recordings (`leave_out --figures`)."""
    if not file.is_file():
        return {}
    measured = json.loads(file.read_text())
    told = measured["provenance"].values()
    if any((each["data"], each["labels"]) != (ours.data, ours.labels) for each in told):
        return {}
    return {way: _area(row) for way, row in measured["ways"].items()}


def _area(row: Mapping[str, object]) -> dict[str, object]:
    return {name: row[name] for name in ("auroc", "ci95") if name in row}


def evaluate_run(bench: Workbench, command: str, groups: Sequence[Group] = GROUPS) -> None:
    """Evaluate, and write the run's results when all of them are there."""
    results = {"command": command, **json.loads(json.dumps(evaluate(bench, groups)))}
    report = render_results(results)

    def write_rest(folder: Path) -> None:
        (folder / "results.md").write_text(report)
        if "lead_sets" in results:
            (folder / "lead_sets.md").write_text(render_verdicts(results["lead_sets"]))
        draw_plots(results, folder)

    write_results(bench.run, results, write_rest)


def main() -> None:
    """Evaluate a trained and calibrated run."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_run_arguments(parser)
    parser.add_argument("--publish", type=Path, help="folder to copy the results to")
    arguments = parser.parse_args()
    run = run_from(arguments)
    evaluate_run(restored_workbench(run), command_of("evaluate", arguments.config))
    if arguments.publish:
        shutil.copytree(results_folder(run), arguments.publish, dirs_exist_ok=True)


if __name__ == "__main__":
    main()
