"""Fewer leads, short and poor recordings: fold 9 decides what is said of them, fold 10 shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ecg_core.calibration import Calibration
from ecg_core.lead_sets import LeadSets
from ecg_core.leads import LEADS, derivable_leads
from ecg_core.statistics.ranking import auroc, expected_calibration_error, mean_over_classes
from model_training.data.labelled import VALIDATION_FOLD
from model_training.evaluation.calibration import read_calibration
from model_training.evaluation.changed_folds import ChangedFold
from model_training.evaluation.fold import EvaluatedFold
from model_training.evaluation.lead_verdicts import (
    ALARM,
    LARGEST_ECE,
    LEAST_POSITIVES,
    MORE_ECE,
    class_error,
    decide,
    infarctions,
    normal_rows,
)
from model_training.fitting.lead_sets import named_sets
from model_training.models.token_network import TokenNetwork
from model_training.run.workbench import Workbench

Array = NDArray[np.float64]
ALL_LEADS = "12"
SHORT_S = (2.5, 5.0, 7.5)
LEAST_RECORDINGS = 30  # to tell anything


def decide_lead_sets(bench: Workbench, calibration: Calibration) -> LeadSets | None:
    """What fold 9 says of recordings that are not whole; None of a network without a lead mask.

    Args:
        bench: A trained run.
        calibration: Of whole recordings.
    """
    if not isinstance(bench.network, TokenNetwork):
        return None
    fold = ChangedFold(bench, VALIDATION_FOLD)
    targets, whole = fold.targets, fold.with_leads(ALL_LEADS, LEADS)
    conditions = bench.conditions
    sets = [
        decide(name, leads, conditions, targets, whole, fold.with_leads(name, leads))
        for name, leads in named_sets().items()
    ]
    known = np.ones(len(conditions), dtype=bool)

    def holds(logits: Array, rows: NDArray[np.intp]) -> bool:
        if len(rows) < LEAST_RECORDINGS:
            return False
        as_whole = calibration.probabilities(whole[rows], known)
        return still_calibrated(targets[rows], as_whole, calibration.probabilities(logits, known))

    everyone = np.arange(len(targets))
    shortest_s = bench.run.config.preprocessing.window_s
    for seconds in sorted(lengths(bench), reverse=True):
        if not holds(fold.shortened(seconds), everyone):
            break
        shortest_s = seconds
    rows, noisy = fold.noisy()
    return LeadSets(
        sets=tuple(sets), shortest_calibrated_s=shortest_s, poor_is_calibrated=holds(noisy, rows)
    )


def lengths(bench: Workbench) -> list[float]:
    """The shorter lengths that are tried, seconds."""
    return [s for s in SHORT_S if s < bench.run.config.preprocessing.window_s]


def still_calibrated(targets: Array, whole: Array, changed: Array) -> bool:
    """Whether probabilities are as true of changed recordings as of the same ones whole.

    Over all pairs, and on average over the conditions with enough positives.
    """
    said = ~np.isnan(targets)
    if expected_calibration_error(targets[said] == 1, changed[said]) > LARGEST_ECE:
        return False
    common = np.flatnonzero((targets == 1).sum(axis=0) >= LEAST_POSITIVES)
    if not len(common):
        return False
    errors = [
        np.mean([class_error(targets[:, n], found[:, n]) for n in common])
        for found in (whole, changed)
    ]
    return bool(errors[1] <= errors[0] + MORE_ECE)


def read_lead_sets(bench: Workbench) -> LeadSets | None:
    """What was decided when the run was calibrated; None where nothing was."""
    file = bench.lead_sets_file
    return LeadSets.model_validate_json(file.read_text()) if file.exists() else None


def evaluate_lead_sets(fold: EvaluatedFold) -> dict[str, object]:
    """The figures of a fold, and what was decided on fold 9; empty if nothing was decided."""
    decided = read_lead_sets(fold.bench)
    if decided is None:
        return {}
    changed = ChangedFold(fold.bench, fold.number)
    whole = read_calibration(fold.bench)
    conditions = fold.bench.recordings.conditions
    logits = changed.with_leads(ALL_LEADS, LEADS)
    known = np.ones(len(conditions), dtype=bool)
    probabilities = {ALL_LEADS: whole.probabilities(logits, known)}
    nothing: tuple[str, ...] = ()
    answered = {ALL_LEADS: (conditions, nothing)}
    for one in decided.sets:
        scored = changed.with_leads(one.name, one.leads)
        probabilities[one.name] = one.calibration(whole).probabilities(scored, known)
        answered[one.name] = (one.calibrated, one.uncalibrated)
    said = {
        name: _Said(conditions, changed.targets, found, *answered[name])
        for name, found in probabilities.items()
    }
    sets = {
        name: {
            **one.figures(),
            "auroc": set_aurocs(fold, changed.scored[name]),
            **_alarms(fold.bench, one),
        }
        for name, one in said.items()
    }
    return {
        "sets": sets,
        "flat": {str(count): _flat(count, decided, said) for count in (1, 2)},
        **_doubtful(changed, whole),
        "decided": decided.model_dump(mode="json"),
    }


@dataclass(frozen=True, eq=False)
class _Said:
    """What the service would say of recordings, shape (recording, condition)."""

    names: tuple[str, ...]
    targets: Array
    probabilities: Array
    calibrated: tuple[str, ...]
    uncalibrated: tuple[str, ...]

    @property
    def called_calibrated(self) -> NDArray[np.bool_]:
        return np.isin(self.names, self.calibrated)

    @property
    def answered(self) -> NDArray[np.bool_]:
        return np.isin(self.names, (*self.calibrated, *self.uncalibrated))

    def figures(self) -> dict[str, object]:
        """How many conditions are answered, and how true what is called calibrated is."""
        called = self.called_calibrated & ~np.isnan(self.targets)
        return {
            "calibrated": len(self.calibrated),
            "uncalibrated": len(self.uncalibrated),
            "unanswered": len(self.names) - len(self.calibrated) - len(self.uncalibrated),
            **_error(self.targets[called], self.probabilities[called]),
        }


def _error(targets: Array, probabilities: Array) -> dict[str, object]:
    """Expected calibration error over pairs where something is said."""
    if not len(targets):
        return {"ece": None, "pairs": 0}
    error = expected_calibration_error(targets == 1, probabilities)
    return {"ece": round(error, 4), "pairs": len(targets)}


def set_aurocs(fold: EvaluatedFold, logits: Array) -> Mapping[str, float | None]:
    """Macro AUROC of the benchmark's sets on all recordings of the fold, in percent."""
    columns = fold.bench.recordings.conditions
    found: dict[str, float | None] = {}
    for name in fold.bench.recordings.benchmark:
        labels, inside, conditions = fold.labels(name, everyone=True)
        outputs = [columns.index(condition.id) for condition in conditions]
        area = 100 * float(mean_over_classes(auroc(labels, logits[inside][:, outputs])))
        found[name.removeprefix("ptbxl_")] = None if np.isnan(area) else round(area, 2)
    return found


def _alarms(bench: Workbench, said: _Said) -> dict[str, object]:
    """The share of normal ECGs with an infarction above `ALARM` among what is answered."""
    normal = normal_rows(bench.conditions, said.targets)
    asked = infarctions(bench.conditions) & said.answered
    alarms: NDArray[np.bool_] = np.any(said.probabilities[normal][:, asked] > ALARM, axis=1)
    share = round(float(alarms.mean()), 4) if len(alarms) else None
    return {"normal": int(normal.sum()), "infarctions": int(asked.sum()), "alarms": share}


def _flat(count: int, decided: LeadSets, said: Mapping[str, _Said]) -> dict[str, object]:
    """What is said with so many leads flat, any of them: each recording lacks some by chance."""
    whole = said[ALL_LEADS]
    ways = list(combinations(LEADS, count))
    drawn = np.random.default_rng(0).integers(len(ways), size=len(whole.targets))
    called = np.zeros(whole.targets.shape, dtype=bool)
    found, answered = whole.probabilities.copy(), 0
    for row, way in enumerate(drawn):
        left = tuple(lead for lead in LEADS if lead not in ways[way])
        there = {*left, *derivable_leads(left)}
        chosen = None if there >= set(LEADS) else decided.of(there)
        if chosen is None and there < set(LEADS):
            continue
        one = whole if chosen is None else said[chosen.name]
        found[row], called[row] = one.probabilities[row], one.called_calibrated
        answered += int(one.answered.sum())
    called &= ~np.isnan(whole.targets)
    pairs = whole.targets.size
    return {
        "answered": round(answered / pairs, 4),
        "called_calibrated": round(float(called.mean()), 4),
        **_error(whole.targets[called], found[called]),
    }


def _doubtful(changed: ChangedFold, whole: Calibration) -> dict[str, object]:
    """Short and poor recordings, all conditions with the calibration of whole ones."""
    targets = changed.targets
    known = np.ones(targets.shape[1], dtype=bool)

    def figures(logits: Array, rows: NDArray[np.intp]) -> dict[str, object]:
        said = ~np.isnan(targets[rows])
        area = 100 * float(mean_over_classes(auroc(targets[rows], logits))) if len(rows) else np.nan
        return {
            "recordings": len(rows),
            "auroc": None if np.isnan(area) else round(area, 2),
            **_error(targets[rows][said], whole.probabilities(logits, known)[said]),
        }

    everyone = np.arange(len(targets))
    as_they_are, poor = changed.with_leads(ALL_LEADS, LEADS), changed.poor_rows()
    rows, noisy = changed.noisy()
    return {
        "short": {
            f"{s:g}": figures(changed.shortened(s), everyone) for s in lengths(changed.bench)
        },
        "poor": {
            "as_they_are": figures(as_they_are[poor], poor),
            "noise_added": figures(noisy, rows),
            "the_same_without_noise": figures(as_they_are[rows], rows),
        },
    }
