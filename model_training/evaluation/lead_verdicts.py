"""The rule by which validation recordings decide what a set of leads answers.

A condition is answered from fewer leads if it is told apart about as well as from all, and its
probability is calibrated if that is about as true as with all. Both are measured on recordings that
the set's temperature and bias were not fitted on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_core.conditions import Condition
from ecg_core.conditions.catalogue import ConditionKind
from ecg_core.lead_sets import LeadSet
from ecg_core.leads import LEADS
from ecg_core.statistics.calibration_fit import fit_calibration
from ecg_core.statistics.ranking import auroc, expected_calibration_error, mean_over_classes

Array = NDArray[np.float64]

MOST_AUROC_LOST = 0.05
LEAST_AUROC = 0.80  # or no more than CHANCE below what all leads have
CHANCE = 0.01
LARGEST_ECE = 0.03  # or no more than MORE_ECE above what all leads have
MORE_ECE = 0.02
LEAST_POSITIVES = 10  # below: what is found for all conditions of the kind
ALARM = 0.2
MOST_ALARMS = 0.02  # share of normal ECGs with an infarction above ALARM
_PARTS = 5
_BINS = 10


@dataclass(frozen=True, slots=True)
class Figures:
    """How well something is told apart, and how well it is calibrated."""

    auroc: float
    ece: float


def is_answered(whole: Figures, part: Figures) -> bool:
    """Whether fewer leads tell a condition apart about as well as all; never of what is NaN."""
    least = max(whole.auroc - MOST_AUROC_LOST, min(LEAST_AUROC, whole.auroc - CHANCE))
    return part.auroc >= least


def is_calibrated(whole: Figures, part: Figures) -> bool:
    """Whether probabilities of fewer leads are about as well calibrated as those of all."""
    return part.ece <= max(LARGEST_ECE, whole.ece + MORE_ECE)


def cross_fitted(logits: Array, targets: Array) -> Array:
    """Probabilities of each part of the recordings, calibrated on the others.

    Args:
        logits: Shape (recording, condition).
        targets: The same shape: 1, 0, or NaN where nothing is said.
    """
    parts = np.arange(len(logits)) % _PARTS
    known = np.ones(logits.shape[1], dtype=bool)
    found = np.empty(logits.shape)
    for part in set(parts.tolist()):
        fitted = fit_calibration(logits[parts != part], targets[parts != part])
        found[parts == part] = fitted.probabilities(logits[parts == part], known)
    return found


def figures_by_condition(
    conditions: Sequence[Condition], targets: Array, logits: Array, probabilities: Array
) -> list[Figures]:
    """Of each condition; of one with few positives those of all conditions of its kind.

    Args:
        conditions: One for each column.
        targets: Shape (recording, condition); NaN where nothing is said.
        logits: The same shape.
        probabilities: The same shape.
    """
    areas = auroc(targets, logits)
    kinds = np.array([condition.kind.value for condition in conditions])
    few = (targets == 1).sum(axis=0) < LEAST_POSITIVES
    found = []
    for column, kind in enumerate(kinds):
        columns = kinds == kind if few[column] else np.arange(len(kinds)) == column
        error = class_error(targets[:, columns], probabilities[:, columns])
        found.append(Figures(float(mean_over_classes(areas[columns])), error))
    return found


def class_error(targets: Array, probabilities: Array) -> float:
    """Expected calibration error in ten bins where something is said; NaN where nothing is."""
    said = ~np.isnan(targets)
    if not said.any():
        return float("nan")
    return expected_calibration_error(targets[said] == 1, probabilities[said], _BINS)


def decide(
    name: str,
    leads: tuple[str, ...],
    conditions: Sequence[Condition],
    targets: Array,
    whole: Array,
    part: Array,
) -> LeadSet:
    """A set's calibration, and what it answers.

    Args:
        name: Of the set.
        leads: That are there.
        conditions: The trained ones, one for each column.
        targets: Of validation recordings, shape (recording, condition); NaN: not said.
        whole: Their logits with all leads, the same shape.
        part: Their logits with these leads.
    """
    fitted = fit_calibration(part, targets)
    probabilities = cross_fitted(part, targets)
    all_leads = figures_by_condition(conditions, targets, whole, cross_fitted(whole, targets))
    these = figures_by_condition(conditions, targets, part, probabilities)
    pairs = list(zip(all_leads, these, strict=True))
    answered = np.array([is_answered(*pair) for pair in pairs])
    if len(LEADS) - len(leads) > 1:
        for column in false_alarms(conditions, targets, probabilities, answered):
            answered[column] = False
    well = np.array([is_calibrated(*pair) for pair in pairs])
    ids = np.array([condition.id for condition in conditions])
    return LeadSet(
        name=name,
        leads=leads,
        temperature=fitted.temperature,
        bias=fitted.bias,
        calibrated=tuple(ids[answered & well].tolist()),
        uncalibrated=tuple(ids[answered & ~well].tolist()),
    )


def infarctions(conditions: Sequence[Condition]) -> NDArray[np.bool_]:
    """Which of the conditions are infarctions, shape (condition,)."""
    return np.array([condition.kind is ConditionKind.INFARCTION for condition in conditions])


def normal_rows(conditions: Sequence[Condition], targets: Array) -> NDArray[np.bool_]:
    """Which recordings are labelled normal, shape (recording,)."""
    columns = [n for n, c in enumerate(conditions) if c.id == "normal-ecg"]
    return np.asarray((targets[:, columns] == 1).any(axis=1))


def false_alarms(
    conditions: Sequence[Condition],
    targets: Array,
    probabilities: Array,
    answered: NDArray[np.bool_],
) -> Iterator[int]:
    """Infarctions to leave out until few normal ECGs have one above `ALARM`; the worst first."""
    alarms = probabilities[normal_rows(conditions, targets)] > ALARM
    alarms &= answered & infarctions(conditions)
    while len(alarms) and alarms.any(axis=1).mean() > MOST_ALARMS:
        worst = int(alarms.sum(axis=0).argmax())
        alarms[:, worst] = False
        yield worst
