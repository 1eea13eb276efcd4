"""Left-out conditions by each way of asking: ours beside the rules and beside the best peers.

Ours is asked as the service asks. The rules and each peer are asked in the way that suits them
better on fold 9: by the text alone, or read and composed as ours is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.statistics.ranking import auroc, macro_result, mean_over_classes
from ecg_core.statistics.significance import paired_bootstrap
from model_training.data.labelled import VALIDATION_FOLD
from model_training.evaluation.five_ways import WAYS
from model_training.evaluation.groups import MIN_POSITIVES, Group
from model_training.evaluation.left_out import Asked, other_seeds, read_asked
from model_training.evaluation.unseen import OURS
from model_training.run.config import Run
from model_training.run.methods import METHODS, RULES, SUPREME, WITH_SIGNS


@dataclass(frozen=True, eq=False)
class _Way:
    """One way on one part of the recordings: labels and each method's scores, (recording, text)."""

    conditions: int
    labels: NDArray[np.float32]
    scores: Mapping[str, NDArray[np.float32]]
    unanswered: float

    def figures(self) -> dict[str, Any]:
        """Ours, the rules, and the best peers: the best by this very figure."""
        ours = self.scores[OURS]
        areas = {name: mean_over_classes(auroc(self.labels, s)) for name, s in self.scores.items()}
        row: dict[str, Any] = {
            **macro_result(self.labels, ours).rounded(),
            "conditions": self.conditions,
            "texts": self.labels.shape[1],
            "unanswered": round(self.unanswered, 4),
            "each": {name: round(100 * float(area), 2) for name, area in areas.items()},
        }
        rivals = [name for name in areas if name not in (OURS, RULES)]
        beside = {
            **{name: [name] for name in (SUPREME, RULES) if name in areas},
            "best_peer": rivals,
            "best_peer_with_signs": [name for name in rivals if name in WITH_SIGNS],
        }
        for said, names in beside.items():
            if names:
                best = max(names, key=areas.__getitem__)
                ahead = paired_bootstrap(self.labels, ours, self.scores[best])
                row[said] = {
                    "method": best,
                    "auroc": round(100 * float(areas[best]), 2),
                    "ours_ahead": ahead.rounded(),
                }
        return row


def evaluate_ways(
    run: Run, parts: Sequence[str] | None, groups: Sequence[Group], least: int = MIN_POSITIVES
) -> dict[str, dict[str, Any]]:
    """Figures by way; a way is left out where no condition can be tested.

    Args:
        run: Whose conditions were left out.
        parts: Of the recordings; None: all other hospitals.
        groups: What was left out.
        least: Conditions with fewer positives are not tested.
    """
    answers = {method: read_asked(run, method, groups) for method in METHODS}
    asked = {method: answer for method, answer in answers.items() if answer is not None}
    if OURS not in asked:
        return {}
    asked = {OURS: asked[OURS], **asked}
    found = {way: _way(asked, way, parts, least) for way in WAYS if way in asked[OURS].ways}
    return {way: each.figures() for way, each in found.items() if each is not None}


def evaluate_alone(
    run: Run, method: str, groups: Sequence[Group], least: int = MIN_POSITIVES
) -> dict[str, dict[str, Any]]:
    """Figures of one method on fold 10, by way; empty unless it has answered every group.

    For one that was trained where ours was not. Beside others it stands in `evaluate_ways`.

    Args:
        run: Whose conditions were left out.
        method: Which one.
        groups: What was left out.
        least: Conditions with fewer positives are not tested.
    """
    answer = read_asked(run, method, groups)
    if answer is None:
        return {}
    ways = {way: _way({method: answer}, way, ["fold 10"], least) for way in answer.ways}
    return {
        way: {**macro_result(found.labels, found.scores[method]).rounded(), "method": method}
        for way, found in ways.items()
        if found is not None
    }


def over_seeds(
    run: Run, parts: Sequence[str] | None, groups: Sequence[Group], least: int = MIN_POSITIVES
) -> dict[str, object]:
    """Mean and standard deviation of each method's AUROC over seeds, by way; empty for one seed.

    Args:
        run: The first of them.
        parts: As of `evaluate_ways`.
        groups: As of `evaluate_ways`.
        least: As of `evaluate_ways`.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for one in (run, *other_seeds(run)):
        for way, row in evaluate_ways(one, parts, groups, least).items():
            for method, area in row["each"].items():
                found.setdefault(way, {}).setdefault(method, []).append(area)
    return {
        way: told
        for way, methods in found.items()
        if (
            told := {
                method: {
                    "seeds": len(areas),
                    "mean": round(float(np.mean(areas)), 2),
                    "sd": round(float(np.std(areas, ddof=1)), 2),
                }
                for method, areas in methods.items()
                if len(areas) > 1
            }
        )
    }


def _way(
    asked: Mapping[str, Asked], way: str, parts: Sequence[str] | None, least: int
) -> _Way | None:
    first, answers = next(iter(asked.items()))
    rows = ~answers.part("fold 9", "fold 10") if parts is None else answers.part(*parts)
    condition = answers.ways[way].condition
    labels = answers.labels[rows][:, condition]
    tested = ((labels == 1).sum(axis=0) >= least) & (labels == 0).any(axis=0)
    if not tested.any():
        return None
    scores = {name: _better(answer, way, name)[rows][:, tested] for name, answer in asked.items()}
    return _Way(
        conditions=len(set(condition[tested].tolist())),
        labels=labels[:, tested],
        scores={name: _filled(values) for name, values in scores.items()},
        unanswered=float(np.isnan(scores[first]).mean()),
    )


def _better(answer: Asked, way: str, method: str) -> NDArray[np.float32]:
    said = answer.ways[way]
    if method == OURS:
        return said.composed
    rows = answer.part(f"fold {VALIDATION_FOLD}")
    labels = answer.labels[rows][:, said.condition]
    alone, composed = (
        mean_over_classes(auroc(labels, _filled(scores[rows])))
        for scores in (said.alone, said.composed)
    )
    return said.composed if composed > alone else said.alone


def _filled(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """What has no answer ranks in the middle of what has one."""
    known = np.isfinite(scores)
    middle = [
        np.median(column[is_known]) if is_known.any() else 0.0
        for column, is_known in zip(scores.T, known.T, strict=True)
    ]
    filled: NDArray[np.float32] = np.where(known, scores, np.array(middle, dtype=np.float32))
    return filled
