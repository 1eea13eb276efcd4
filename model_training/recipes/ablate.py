"""Ablations and the learning curve: variants of a run, trained with a short budget.

All variants have the same budget, which is smaller than the shipped model's: their figures are to
be compared with one another, not with its. Writes `ablations/<variant>.json` of the run and skips
what is there.
"""

import argparse
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ecg_core.files import whole_file
from ecg_core.statistics.ranking import macro_result
from model_training.data.labelled import (
    TEST_FOLD,
    TRAINING_FOLDS,
    VALIDATION_FOLD,
    LabelledRecordings,
)
from model_training.evaluation.fold import EvaluatedFold
from model_training.evaluation.wordings import evaluate_wordings, unseen_wordings
from model_training.recipes.variants import Variant, variants
from model_training.reporting.pages import write_figures, write_page
from model_training.reporting.plots import draw_plot
from model_training.reporting.report_more import render_ablations
from model_training.reporting.tables import BASE
from model_training.run.config import (
    Run,
    RunConfig,
    add_run_arguments,
    command_of,
    figures_argument,
    run_from,
)
from model_training.run.provenance import (
    OF_RECORDINGS,
    Provenance,
    WrongRun,
    differences,
    provenance_of,
)
from model_training.run.recordings import load_recordings
from model_training.run.token_training import train_network
from model_training.run.workbench import Workbench, open_workbench

_FOLDER = "ablations"


def shortened(config: RunConfig, epochs: int) -> RunConfig:
    """The configuration with so many epochs of the phase that reads waveforms.

    The further phases of a fusion of tokens take seconds, and stay as they are.
    """
    fewer = config.fusion_training.model_copy(update={"epochs": epochs})
    return config.model_copy(update={"fusion_training": fewer})


def ablate(run: Run, name: str, variant: Variant) -> Path:
    """Train and measure one variant, unless that was done.

    Raises:
        WrongRun: What is there is of another configuration, other recordings or other labels.
    """
    file = run.folder / _FOLDER / f"{name}.json"
    changed = replace(run, config=variant.config(run.config))
    recordings = load_recordings(changed)
    origin = provenance_of(changed, recordings, None)
    if file.exists():
        if faults := differences(str(file), _origin(json.loads(file.read_text())), origin):
            raise WrongRun([*faults, "remove it to make it anew"])
        print(f"{file}: is there")
        return file
    own = file.with_suffix("")
    own.mkdir(parents=True, exist_ok=True)
    if variant.same_branches:
        for kept in (run.folder / _FOLDER / BASE).glob("branch_*.pt"):
            shutil.copy(kept, own)
    bench = open_workbench(changed, relabel=variant.relabel(run))
    bench = variant.bench(
        replace(bench, run=replace(changed, folder=own, resume=variant.same_branches))
    )
    bench = replace(bench, network=train_network(bench))
    bench.listen()
    figures = _figures(bench, variant, len(recordings.conditions))
    text = json.dumps({**figures, "provenance": origin.model_dump(mode="json")}, indent=2) + "\n"
    with whole_file(file) as stream:
        stream.write(text.encode())
    print(f"{file}: written")
    return file


def _origin(figures: Mapping[str, object]) -> Provenance | None:
    stated = figures.get("provenance")
    return None if stated is None else Provenance.model_validate(stated)


def _figures(bench: Workbench, variant: Variant, labelled: int) -> dict[str, object]:
    return {
        "what": variant.what,
        "percent": variant.percent,
        "recordings": len(bench.recordings.rows(*TRAINING_FOLDS)),
        "conditions": len(bench.recordings.conditions),
        "epochs": bench.run.config.fusion_training.epochs,
        "fold_9": _of_fold(EvaluatedFold(bench, VALIDATION_FOLD), labelled),
        "fold_10": _of_fold(EvaluatedFold(bench, TEST_FOLD), labelled),
    }


def _of_fold(fold: EvaluatedFold, labelled: int) -> dict[str, object]:
    """On the conditions that every variant has: columns that one adds come last."""
    held_out = unseen_wordings()
    worded = evaluate_wordings(fold, lambda c: held_out.get(c.id, ()))
    targets, logits = fold.published[:, :labelled], fold.known_logits[:, :labelled]
    return {**macro_result(targets, logits).rounded(), "unseen_wording_drop": worded["drop"]}


def read_ablations(run: Run, recordings: LabelledRecordings) -> dict[str, object]:
    """What was measured, by variant; empty if nothing was.

    Args:
        run: Whose variants.
        recordings: Those that they must have been trained on, or some of them.

    Raises:
        WrongRun: One was made of other recordings or labels, or nothing says of which.
    """
    files = sorted((run.folder / _FOLDER).glob("*.json"))
    found = {file.stem: json.loads(file.read_text()) for file in files}
    expected = provenance_of(run, recordings, None)
    faults = [
        fault
        for name, figures in found.items()
        for fault in differences(f"the ablation {name}", _origin(figures), expected, OF_RECORDINGS)
    ]
    if faults:
        raise WrongRun(faults)
    return {"ablations": found} if found else {}


def write_report(run: Run, recordings: LabelledRecordings, command: str, file: Path) -> None:
    """Write all that was measured, as JSON and beside it as tables and the learning curve.

    Raises:
        WrongRun: Nothing was, or of other recordings or labels.
    """
    found = read_ablations(run, recordings)
    if not found:
        raise WrongRun(["nothing was ablated"])
    write_figures(file, {"command": command, "run": run.folder.name, **found})
    write_page(file, "Ablations", command, [render_ablations(found)])
    draw_plot("learning_curve", found, file.parent)


def main() -> None:
    """Train what is asked for; run again to go on after a kill."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_run_arguments(parser, trains=True)
    parser.add_argument("--variant", action="append", help="all unless given")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--figures", type=Path, help="file for the figures of all there are")
    arguments = parser.parse_args()
    run = run_from(arguments)
    config = shortened(run.config, arguments.epochs)
    known = variants(config)
    chosen = arguments.variant or list(known)
    if unknown := sorted(set(chosen) - set(known)):
        parser.error(f"no such variant: {', '.join(unknown)}; there are {', '.join(known)}")
    for name in chosen:
        ablate(replace(run, config=config), name, known[name])
    if arguments.figures:
        further = ("--epochs", str(arguments.epochs), *figures_argument(arguments.figures))
        command = command_of("ablate", arguments.config, *further)
        write_report(run, load_recordings(run), command, arguments.figures)


if __name__ == "__main__":
    main()
