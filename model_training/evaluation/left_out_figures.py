"""Ours and every peer that answered all left-out groups, as figures."""

from collections.abc import Sequence

from model_training.evaluation.groups import Group
from model_training.evaluation.left_out import told_of
from model_training.evaluation.unseen import (
    MIN_POSITIVES,
    OURS,
    evaluate_unseen,
    own_signs,
    read_left_out,
    without_own_signs,
)
from model_training.evaluation.unseen_ways import evaluate_ways, over_seeds
from model_training.run.config import Run


def left_out_figures(run: Run, groups: Sequence[Group]) -> dict[str, dict[str, object]]:
    """Figures of fold 10, of fold 9 and of other hospitals; empty unless ours has every group.

    Args:
        run: Whose conditions were left out.
        groups: What was left out.
    """
    fold_10 = read_left_out(run, ["fold 10"], groups)
    if fold_10 is None or not fold_10.tested(MIN_POSITIVES).conditions:
        return {}
    found: dict[str, dict[str, object]] = {
        "unseen": {
            **evaluate_unseen(fold_10),
            **evaluate_ways(run, ["fold 10"], groups),
            "without_own_signs": without_own_signs(fold_10, own_signs(groups)),
            "seeds": over_seeds(run, ["fold 10"], groups),
            "run": run.folder.name,
            "provenance": told_of(run, OURS, groups),
        }
    }
    for name, parts in (("unseen_fold_9", ["fold 9"]), ("unseen_external", None)):
        answers = read_left_out(run, parts, groups)
        if answers is not None and answers.tested(1).conditions:
            ways = evaluate_ways(run, parts, groups, least=1)
            found[name] = {**evaluate_unseen(answers, least=1), **ways}
    return found
