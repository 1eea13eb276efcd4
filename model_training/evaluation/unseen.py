"""Figures of conditions that were kept from training, from what `leave_out` wrote.

Every group was answered by methods that knew nothing of it; here the groups are put side by side,
so that the mean is over all conditions, and each resample of the bootstrap draws the same
recordings for all of them and for all methods.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_core.conditions import Catalogue
from ecg_core.statistics.ranking import auroc, macro_result, mean_over_classes
from ecg_core.statistics.significance import delong, paired_bootstrap
from model_training.entities.labels.masking import LeftOut
from model_training.evaluation.groups import Group
from model_training.evaluation.left_out import Asked, read_asked
from model_training.run.config import Run
from model_training.run.methods import METHODS, RULES

OURS = "ours"
MIN_POSITIVES = 5


@dataclass(frozen=True, eq=False)
class LeftOutAnswers:
    """The answers of all methods to all left-out conditions, on one part of the recordings.

    Attributes:
        conditions: Ids.
        nearest: For each the trained condition that came closest.
        similarity: How close, shape (condition,).
        labels: Shape (recording, condition); NaN where nothing is said.
        by_signs: By method: asked by signs, or else by name and description.
        logits: By method, shape (recording, condition).
    """

    conditions: tuple[str, ...]
    nearest: tuple[str, ...]
    similarity: NDArray[np.float32]
    labels: NDArray[np.float32]
    by_signs: Mapping[str, bool]
    logits: Mapping[str, NDArray[np.float32]]

    def select(self, chosen: NDArray[np.bool_]) -> "LeftOutAnswers":
        """Only these conditions."""
        columns = np.flatnonzero(chosen)
        return LeftOutAnswers(
            tuple(self.conditions[column] for column in columns),
            tuple(self.nearest[column] for column in columns),
            self.similarity[columns],
            self.labels[:, columns],
            self.by_signs,
            {name: logits[:, columns] for name, logits in self.logits.items()},
        )

    def tested(self, least: int) -> "LeftOutAnswers":
        """Only conditions with so many positives, and a negative."""
        positives, negatives = (self.labels == 1).sum(axis=0), (self.labels == 0).sum(axis=0)
        return self.select((positives >= least) & (negatives > 0))


def read_left_out(
    run: Run, parts: Sequence[str] | None, groups: Sequence[Group]
) -> LeftOutAnswers | None:
    """The answers on these parts, or on all other hospitals; None unless ours has every group.

    A peer that lacks a group is left out. Ours is asked as the service asks; a peer in the way that
    suits it better on fold 9.
    """
    answers = {method: read_asked(run, method, groups) for method in METHODS}
    asked = {method: answer for method, answer in answers.items() if answer is not None}
    if OURS not in asked:
        return None
    ours = asked[OURS]
    rows = ~ours.part("fold 9", "fold 10") if parts is None else ours.part(*parts)
    by_signs = {m: m == OURS or _is_better_by_signs(answer) for m, answer in asked.items()}
    return LeftOutAnswers(
        ours.conditions,
        ours.nearest,
        ours.similarity,
        ours.labels[rows],
        by_signs,
        {method: _logits(answer, by_signs[method])[rows] for method, answer in asked.items()},
    )


def _logits(asked: Asked, by_signs: bool) -> NDArray[np.float32]:
    return asked.logits_by_signs if by_signs else asked.logits


def _is_better_by_signs(asked: Asked) -> bool:
    rows = asked.part("fold 9")
    by_name, by_signs = (
        mean_over_classes(auroc(asked.labels[rows], _logits(asked, chosen)[rows]))
        for chosen in (False, True)
    )
    return bool(by_signs > by_name)


def evaluate_unseen(answers: LeftOutAnswers, least: int = MIN_POSITIVES) -> dict[str, object]:
    """Ours and every peer over all left-out conditions, and whether ours is ahead.

    Args:
        answers: On one part of the recordings.
        least: Conditions with fewer positives are not tested.

    Raises:
        ValueError: No condition can be tested.
    """
    tested = answers.tested(least)
    if not tested.conditions:
        raise ValueError(f"no left-out condition has {least} positives")
    ours = macro_result(tested.labels, tested.logits[OURS])
    peers = {
        name: {
            **macro_result(tested.labels, logits).rounded(),
            "by_signs": tested.by_signs[name],
            "ours_ahead": paired_bootstrap(tested.labels, tested.logits[OURS], logits).rounded(),
        }
        for name, logits in tested.logits.items()
        if name != OURS
    }
    row = {**ours.rounded(), "conditions": ours.classes, "min_positives": least, "peers": peers}
    rivals = [name for name in peers if name != RULES]
    if rivals:
        best = max(rivals, key=lambda name: float(str(peers[name]["auroc"])))
        ahead = paired_bootstrap(tested.labels, tested.logits[OURS], tested.logits[best])
        row |= {"best_peer": best, "best_peer_auroc": peers[best]["auroc"]}
        row |= {"ahead": ahead.rounded(), "p_value": round(ahead.p_value, 4)}
    return row


def own_signs(groups: Sequence[Group]) -> frozenset[str]:
    """Left-out conditions one of whose signs names what is left out: what is measured is asked."""
    catalogue = Catalogue.load()
    return frozenset(
        name
        for group in groups
        for left_out in (LeftOut(group.conditions, catalogue),)
        for name in group.conditions
        if left_out.is_its_own_sign(catalogue.get(name))
    )


def without_own_signs(
    answers: LeftOutAnswers, named: frozenset[str], least: int = MIN_POSITIVES
) -> dict[str, object]:
    """The same figures without conditions that are their own sign; empty if no other is left."""
    others = answers.select(~np.isin(answers.conditions, [*named])) if named else answers
    if not others.tested(least).conditions:
        return {}
    return evaluate_unseen(others, least)


def by_familiarity(
    answers: LeftOutAnswers, near_similarity: float, least: int = MIN_POSITIVES
) -> dict[str, object]:
    """Left-out conditions near a trained one, and those near none.

    Args:
        answers: On fold 10.
        near_similarity: From which cosine on a condition's name is near another's.
        least: Conditions with fewer positives are not tested.
    """
    tested = answers.tested(least)
    near = tested.similarity >= near_similarity
    levels = {"near": tested.select(near), "unseen": tested.select(~near)}
    return {
        level: macro_result(part.labels, part.logits[OURS]).rounded()
        for level, part in levels.items()
        if part.conditions
    }


def per_condition(
    answers: LeftOutAnswers,
    best_peer: str | None,
    known: Mapping[str, float],
    named: frozenset[str] = frozenset(),
) -> list[dict[str, object]]:
    """One row a left-out condition, the best known first.

    Args:
        answers: On fold 10.
        best_peer: Whom ours is compared with, by DeLong's test.
        known: AUROC in percent of the model that was trained on it.
        named: Conditions that are their own sign.
    """
    tested = answers.tested(1)
    catalogue = Catalogue.load()
    areas = {name: auroc(tested.labels, logits) for name, logits in tested.logits.items()}
    rows = []
    for column, name in enumerate(tested.conditions):
        said = ~np.isnan(tested.labels[:, column])
        labels = tested.labels[said, column] == 1
        row: dict[str, object] = {
            "condition": name,
            "kind": str(catalogue.get(name).kind),
            "positives": int(labels.sum()),
            "n": len(labels),
            "nearest": tested.nearest[column],
            "similarity": round(float(tested.similarity[column]), 3),
            "known": known.get(name),
            "own_sign": name in named,
            **{method: round(100 * float(area[column]), 2) for method, area in areas.items()},
        }
        if best_peer is not None:
            pair = (tested.logits[method][said, column] for method in (OURS, best_peer))
            p_value = delong(labels, *pair)
            row["p_value"] = None if np.isnan(p_value) else round(p_value, 4)
        rows.append(row)
    return sorted(rows, key=lambda row: -float(str(row[OURS])))
