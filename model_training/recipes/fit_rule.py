"""How much a measured sign counts by itself in a condition that was never trained: fold 9 says.

The networks that `leave_out` trained are asked again for what each of them was not told of, once
with each weight. Prints the mean AUROC and log loss of fold 9 by the catalogue's signs; the chosen
weight is `CompositionRule.measured_weight`. Nothing is written.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ecg_core.asking.rule import CompositionRule
from ecg_core.statistics.ranking import auroc
from model_training.data.labelled import VALIDATION_FOLD
from model_training.evaluation.five_ways import BY_SIGNS
from model_training.evaluation.groups import GROUPS, MIN_POSITIVES
from model_training.evaluation.left_out import Asked, leave_out_file
from model_training.evaluation.unseen import OURS
from model_training.recipes.leave_out import ask, open_without
from model_training.run.config import Run, add_run_arguments, run_from
from model_training.run.methods import train_ours

WEIGHTS = (0.0, 1.0, 2.0)


def asked_again(run: Run, weight: float) -> Iterator[Asked]:
    """What each network says of its left-out conditions with one weight.

    Args:
        run: Whose `leave_out` trained them; a network that is not there is trained.
        weight: The measured signs'.
    """
    for group in GROUPS:
        bench = open_without(run, group)
        own = leave_out_file(run, group.name, OURS).with_suffix("")
        bench = replace(bench, run=replace(bench.run, folder=own))
        rule = CompositionRule(measured_weight=weight)
        yield ask(bench, train_ours(bench), group, rule)


def evaluate_weight(answers: Iterator[Asked]) -> tuple[float, float]:
    """Mean AUROC in percent and mean log loss over the left-out conditions of fold 9."""
    areas, losses = [], []
    for asked in answers:
        rows = asked.part(f"fold {VALIDATION_FOLD}")
        labels, odds = asked.labels[rows], asked.ways[BY_SIGNS].composed[rows]
        for present, given in zip(labels.T, odds.T, strict=True):
            said = ~(np.isnan(present) | np.isnan(given))
            if (present[said] == 1).sum() >= MIN_POSITIVES:
                areas.append(float(auroc(present[said, None], given[said, None])[0]))
                losses.append(_log_loss(present[said] == 1, given[said]))
    return 100 * float(np.mean(areas)), float(np.mean(losses))


def _log_loss(present: NDArray[np.bool_], odds: NDArray[np.float32]) -> float:
    return float(np.logaddexp(0, np.where(present, -odds, odds)).mean())


def main() -> None:
    """Print what each weight is worth."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_run_arguments(parser)
    run = replace(run_from(parser.parse_args()), resume=True)
    for weight in WEIGHTS:
        area, loss = evaluate_weight(asked_again(run, weight))
        sys.stdout.write(f"measured_weight {weight:g}: AUROC {area:.2f}, log loss {loss:.4f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
