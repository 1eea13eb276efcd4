"""How well what is read in reports agrees with the codes of their recordings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.conditions import Catalogue

_RESAMPLES = 1000

Expansion = Callable[[str], frozenset[str]]


def nearest_code(catalogue: Catalogue) -> Expansion:
    """A condition counts as its own code, or else as the nearest broader one that has a code."""

    def expand(condition_id: str) -> frozenset[str]:
        line = (catalogue.get(condition_id), *catalogue.ancestors(condition_id))
        return frozenset(next(([c.scp[0]] for c in line if c.scp), []))

    return expand


def with_broader(catalogue: Catalogue) -> Expansion:
    """A condition counts as its own code and as every broader one, in reports and in labels."""

    def expand(condition_id: str) -> frozenset[str]:
        line = (catalogue.get(condition_id), *catalogue.ancestors(condition_id))
        return frozenset(c.scp[0] for c in line if c.scp)

    return expand


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Shape (report, code) each: coded, and read in the report."""

    coded: NDArray[np.bool_]
    read: NDArray[np.bool_]


def micro(outcomes: Outcomes, chosen: NDArray[np.bool_]) -> dict[str, Any]:
    """Precision, recall and F1 over all pairs of a report and a chosen code."""
    coded, read = outcomes.coded[:, chosen], outcomes.read[:, chosen]
    right, positives, found = int((coded & read).sum()), int(coded.sum()), int(read.sum())
    figures = {
        "precision": round(right / max(found, 1), 4),
        "recall": round(right / max(positives, 1), 4),
        "f1": round(2 * right / max(positives + found, 1), 4),
        "positives": positives,
        "read": found,
    }
    return figures | ({"codes": int(chosen.sum())} if chosen.sum() > 1 else {})


def interval(
    outcomes: Outcomes, chosen: NDArray[np.bool_], patients: NDArray[np.int64]
) -> dict[str, Any]:
    """95 % percentile bootstrap interval of F1 over patients."""
    coded, read = outcomes.coded[:, chosen], outcomes.read[:, chosen]
    _, patient = np.unique(patients, return_inverse=True)
    right = np.bincount(patient, (coded & read).sum(axis=1))
    either = np.bincount(patient, coded.sum(axis=1) + read.sum(axis=1))
    generator = np.random.default_rng(0)
    drawn = generator.integers(0, len(right), (_RESAMPLES, len(right)))
    low, high = np.percentile(2 * right[drawn].sum(axis=1) / either[drawn].sum(axis=1), [2.5, 97.5])
    return {"f1_ci95": [round(float(low), 4), round(float(high), 4)]}
