"""Ablations and the learning curve: variants of a run, trained with a short budget.

All variants have the same budget, which is smaller than the shipped model's: their figures are to
be compared with one another, not with its. Writes `ablations/<variant>.json` of the run and skips
what is there.
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from model_training.data.ptbxl import TEST_FOLD, TRAINING_FOLDS, VALIDATION_FOLD
from model_training.metrics import macro_result
from model_training.recipes.config import Run, RunConfig, add_run_arguments, run_from
from model_training.recipes.evaluate_wordings import evaluate_wordings, unseen_wordings
from model_training.recipes.fold import TestFold
from model_training.recipes.pretrain import Pretraining
from model_training.recipes.variants import Variant, variants
from model_training.recipes.workbench import Workbench, open_workbench

_FOLDER = "ablations"


def shortened(config: RunConfig, warm_up: int, fusion: int) -> RunConfig:
    """The configuration with so many epochs of each phase."""
    return config.model_copy(
        update={
            "warm_up": config.warm_up.model_copy(update={"epochs": warm_up}),
            "fusion_training": config.fusion_training.model_copy(update={"epochs": fusion}),
        }
    )


def ablate(run: Run, name: str, variant: Variant) -> Path:
    """Train and measure one variant, unless that was done."""
    file = run.folder / _FOLDER / f"{name}.json"
    if file.exists():
        print(f"{file}: is there")
        return file
    own = file.with_suffix("")
    own.mkdir(parents=True, exist_ok=True)
    changed = replace(run, config=variant.config(run.config))
    labelled = open_workbench(changed).recordings.conditions
    bench = open_workbench(changed, relabel=variant.relabel(run))
    bench = variant.bench(replace(bench, run=replace(changed, folder=own)))
    pretraining = Pretraining(bench)
    fixed = pretraining.warm_up()
    network = pretraining.train_fusion(fixed)
    bench.remember(network)
    trained = replace(bench, network=network, fixed=fixed)
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(_figures(trained, variant, len(labelled)), indent=2) + "\n")
    partial.rename(file)
    print(f"{file}: written")
    return file


def _figures(bench: Workbench, variant: Variant, labelled: int) -> dict[str, object]:
    config = bench.run.config
    return {
        "what": variant.what,
        "percent": variant.percent,
        "recordings": len(bench.recordings.rows(*TRAINING_FOLDS)),
        "conditions": len(bench.recordings.conditions),
        "epochs": [config.warm_up.epochs, config.fusion_training.epochs],
        "fold_9": _of_fold(TestFold(bench, VALIDATION_FOLD), labelled),
        "fold_10": _of_fold(TestFold(bench, TEST_FOLD), labelled),
    }


def _of_fold(fold: TestFold, labelled: int) -> dict[str, object]:
    """On the conditions that every variant has: columns that one adds come last."""
    held_out = unseen_wordings()
    worded = evaluate_wordings(fold, lambda c: held_out.get(c.id, ()))
    targets, logits = fold.targets[:, :labelled], fold.known_logits[:, :labelled]
    return {**macro_result(targets, logits).rounded(), "unseen_wording_drop": worded["drop"]}


def read_ablations(run: Run) -> dict[str, object]:
    """What was measured, by variant; empty if nothing was."""
    files = sorted((run.folder / _FOLDER).glob("*.json"))
    found: Mapping[str, object] = {file.stem: json.loads(file.read_text()) for file in files}
    return {"ablations": found} if found else {}


def main() -> None:
    """Train what is asked for; run again to go on after a kill."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_run_arguments(parser)
    parser.add_argument("--variant", action="append", help="all unless given")
    parser.add_argument("--warm-up-epochs", type=int, default=4)
    parser.add_argument("--fusion-epochs", type=int, default=3)
    arguments = parser.parse_args()
    run = run_from(arguments)
    config = shortened(run.config, arguments.warm_up_epochs, arguments.fusion_epochs)
    known = variants(config)
    chosen = arguments.variant or list(known)
    if unknown := sorted(set(chosen) - set(known)):
        parser.error(f"no such variant: {', '.join(unknown)}; there are {', '.join(known)}")
    for name in chosen:
        ablate(replace(run, config=config), name, known[name])


if __name__ == "__main__":
    main()
