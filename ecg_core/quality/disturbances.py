"""Warnings on leads that are disturbed, from what was measured on them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_core.quality.measures import LeadMeasures
from ecg_core.quality.report import QualityWarning, QualityWarningCode

_Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Rule:
    """A lead is warned of when `value` exceeds the threshold; see docs/use/quality.md."""

    code: QualityWarningCode
    threshold: float
    value: Callable[[LeadMeasures], _Array]
    detail: str


def _usually(measure: _Array) -> _Array:
    median: _Array = np.median(measure, axis=0)
    return median


def _at_worst(measure: _Array) -> _Array:
    worst: _Array = measure.max(axis=0)
    return worst


# What lasts is judged by the median window of a long recording, events by the worst.
_RULES = (
    _Rule(
        QualityWarningCode.FLAT_STRETCH,
        0.9,
        lambda measures: _at_worst(measures.flat_s),
        "constant for at least {:.1f} s",
    ),
    _Rule(
        QualityWarningCode.CLIPPING,
        0.03,
        lambda measures: _at_worst(measures.clipped_s),
        "held at its extreme for {:.2f} s, as if clipped",
    ),
    _Rule(
        QualityWarningCode.BASELINE_WANDER,
        1.5,
        lambda measures: _usually(measures.drift_mv),
        "baseline wanders over {:.1f} mV",
    ),
    _Rule(
        QualityWarningCode.HIGH_FREQUENCY_NOISE,
        0.015,
        lambda measures: _usually(measures.noise_mv),
        "muscle or other noise of {:.3f} mV between the beats",
    ),
    _Rule(
        QualityWarningCode.MAINS_HUM,
        0.025,
        lambda measures: _usually(measures.hum_mv),
        "mains hum of {:.3f} mV",
    ),
    _Rule(
        QualityWarningCode.BASELINE_STEP,
        1.0,
        lambda measures: _at_worst(measures.shift_mv),
        "baseline jumps by {:.1f} mV",
    ),
    _Rule(
        QualityWarningCode.BURST,
        5.0,
        lambda measures: _at_worst(measures.burst_mv),
        "an artefact of {:.1f} mV",
    ),
    # Of 1,500 recordings of PTB-XL and other hospitals, 99 % have 1.8 mV at most, two more than 5.
    _Rule(
        QualityWarningCode.WILD_SAMPLE,
        5.0,
        lambda measures: _at_worst(measures.wild_mv),
        "a sample that is {:.1f} mV off, as no electrode's is",
    ),
)


def disturbance_warnings(leads: tuple[str, ...], measures: LeadMeasures) -> list[QualityWarning]:
    """One warning for each lead and each kind of disturbance.

    Args:
        leads: Names of the leads measured.
        measures: Fields of shape (window, lead).
    """
    return [
        QualityWarning(rule.code, f"lead {lead}: {rule.detail.format(value)}", lead)
        for rule in _RULES
        for lead, value in zip(leads, rule.value(measures), strict=True)
        if value > rule.threshold
    ]
