"""How much a measured sign counts by itself in a condition that was never trained: fold 9 says.

The networks that `leave_out` trained are asked again, by the catalogue's signs, for what each of
them was not told of; their answers are composed by several rules. Prints the mean AUROC and log
loss of each over the left-out conditions of fold 9. Of those that rank alike, and list few
untrained pathologies in normal recordings (`tests/benchmarks/fit_composition.py`), the one with the
least log loss is `CompositionRule`. Nothing is written.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from ecg_core.asking.rule import CompositionRule
from ecg_core.conditions import Catalogue
from ecg_core.statistics.calibration_fit import fit_calibration
from ecg_core.statistics.ranking import auroc
from model_training.data.labelled import VALIDATION_FOLD
from model_training.evaluation.five_ways import BY_SIGNS, FiveWays, OnDemand
from model_training.evaluation.groups import GROUPS, MIN_POSITIVES, Group
from model_training.evaluation.left_out import leave_out_file
from model_training.evaluation.unseen import OURS
from model_training.recipes.leave_out import open_without, scored
from model_training.run.config import Run, add_run_arguments, run_from
from model_training.run.methods import train_ours

# Weight of the measured signs, then scale and bias of untrained conditions.
TRIED = (
    *((0, 0.5, -2.0), (0, 0.35, -2.0)),
    *((1, 0.25, -2.25), (1, 0.35, -2.75), (1, 0.5, -3.0)),
    *((2, 0.25, -2.75), (2, 0.35, -3.0), (2, 0.5, -3.75)),
)
Answers = tuple[NDArray[np.float32], NDArray[np.float32]]  # labels and log odds of a condition


def answers_of(run: Run, group: Group, rules: Sequence[CompositionRule]) -> Iterator[list[Answers]]:
    """For each rule, labels and log odds of each left-out condition on fold 9.

    Args:
        run: Whose `leave_out` trained the network; one that is not there is trained.
        group: What was left out.
        rules: How parts make a whole.
    """
    bench = open_without(run, group)
    own = leave_out_file(run, group.name, OURS).with_suffix("")
    bench = replace(bench, run=replace(bench.run, folder=own))
    scorer = train_ours(bench)
    whole = bench.whole or bench.recordings
    names = [name for name in group.conditions if name in whole.conditions]
    rows = whole.rows(VALIDATION_FOLD)
    five = FiveWays(bench.recordings.conditions, bench.hidden, {})
    asked = five.askings([*map(Catalogue.load().get, names)])[BY_SIGNS]
    needed = five.needs({BY_SIGNS: asked})
    put = {
        "trained": bench.queries.conditions(bench.conditions),
        "leaves": five.rows(needed, bench.queries),
    }
    given = scored(scorer, torch.from_numpy(whole.windows[rows]), put)
    targets = bench.recordings.targets[rows].astype(float)
    calibration = fit_calibration(given["trained"].astype(np.float64), targets)
    measured = [OnDemand(window, run.config.preprocessing) for window in whole.windows[rows]]
    labels = whole.published[rows][:, [whole.conditions.index(name) for name in names]]
    for rule in rules:
        composing = FiveWays(bench.recordings.conditions, bench.hidden, {}, rule)
        odds = composing.answers(asked, needed, given["leaves"], calibration, measured)
        yield list(zip(labels.T, odds.T, strict=True))


def worth(answers: Sequence[Answers]) -> tuple[float, float]:
    """Mean AUROC in percent and mean log loss over the conditions with enough positives."""
    areas, losses = [], []
    for labels, odds in answers:
        said = ~(np.isnan(labels) | np.isnan(odds))
        present = labels[said] == 1
        if present.sum() >= MIN_POSITIVES:
            areas.append(float(auroc(labels[said, None], odds[said, None])[0]))
            losses.append(float(np.logaddexp(0, np.where(present, -odds[said], odds[said])).mean()))
    return 100 * float(np.mean(areas)), float(np.mean(losses))


def main() -> None:
    """Print what each rule is worth."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_run_arguments(parser)
    run = replace(run_from(parser.parse_args()), resume=True)
    rules = [
        CompositionRule(measured_weight=weight, untrained_scale=scale, untrained_bias=bias)
        for weight, scale, bias in TRIED
    ]
    by_rule: list[list[Answers]] = [[] for _ in rules]
    for group in GROUPS:
        for found, answers in zip(by_rule, answers_of(run, group, rules), strict=True):
            found += answers
    for (weight, scale, bias), answers in zip(TRIED, by_rule, strict=True):
        area, loss = worth(answers)
        tried = f"measured {weight}, scale {scale}, bias {bias}"
        sys.stdout.write(f"{tried}: AUROC {area:.2f}, log loss {loss:.4f}\n")


if __name__ == "__main__":
    main()
