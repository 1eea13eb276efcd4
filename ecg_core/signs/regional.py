"""The measured signs of one lead or one territory."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ecg_core.signs.language import Measured, Sign, in_lead, second_of

TERRITORIES = {
    "inferior leads (II, III and aVF)": ("II", "III", "aVF"),
    "anteroseptal leads (V1 to V4)": ("V1", "V2", "V3", "V4"),
    "anterior leads (V2 to V4)": ("V2", "V3", "V4"),
    "anterolateral leads (V3 to V6, I and aVL)": ("V3", "V4", "V5", "V6", "I", "aVL"),
    "lateral leads (I, aVL, V5 and V6)": ("I", "aVL", "V5", "V6"),
    "inferolateral leads (II, III, aVF, V5 and V6)": ("II", "III", "aVF", "V5", "V6"),
}
_LEADS = ("I", "II", "III", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


def st_depression(m: Measured) -> NDArray[np.float64]:
    """In softnesses below -0.05 mV, shape (lead,)."""
    return (-m.heights.st_mv - 0.05) / 0.02


def st_elevation(m: Measured) -> NDArray[np.float64]:
    """In softnesses above 0.1 mV, shape (lead,)."""
    return (m.heights.st_mv - 0.1) / 0.03


def t_inversion(m: Measured) -> NDArray[np.float64]:
    """In softnesses below -0.05 mV, shape (lead,)."""
    return (-m.heights.t_mv - 0.05) / 0.04


def t_flatness(m: Measured) -> NDArray[np.float64]:
    """In softnesses below a tenth of the R wave or 0.1 mV, shape (lead,)."""
    limit_mv = np.maximum(0.1 * m.heights.r_mv, 0.1)
    return (limit_mv - np.abs(m.heights.t_mv)) / 0.03


def t_height(m: Measured) -> NDArray[np.float64]:
    """In softnesses above 0.8 mV, shape (lead,)."""
    return (m.heights.t_mv - 0.8) / 0.1


def q_waves(m: Measured) -> NDArray[np.float64]:
    """Pathological: 30 ms and a quarter of the R wave (Fourth Universal Definition, 2018)."""
    share = m.heights.q_mv / np.maximum(m.heights.r_mv, 0.05)
    return np.minimum((m.heights.q_s - 0.03) / 0.006, (share - 0.25) / 0.1)


def lost_r(m: Measured) -> NDArray[np.float64]:
    """In softnesses of an R wave below 0.15 mV, shape (lead,)."""
    return (0.15 - m.heights.r_mv) / 0.05


# What is looked for in each lead and territory: name, a second wording, measure.
_BY_LEAD = (
    ("ST depression in {}", "depressed ST segment in {}", st_depression),
    ("ST elevation in {}", "elevated ST segment in {}", st_elevation),
    ("inverted T waves in {}", "T-wave inversion in {}", t_inversion),
    ("flat T waves in {}", "low T waves in {}", t_flatness),
    ("pathological Q waves in {}", "Q waves or QS complexes in {}", q_waves),
)


def regional_signs() -> Iterator[Sign]:
    """ST segment, T wave and Q wave in each lead, and in two leads of each territory."""
    for name, other, measure in _BY_LEAD:
        for lead in _LEADS:
            yield Sign((name.format(f"lead {lead}"), other.format(lead)), in_lead(measure, lead))
        for region, leads in TERRITORIES.items():
            place, _, listed = region.partition(" leads (")
            wordings = (name.format(region), f"{place} {other.format('').removesuffix(' in ')}",
                        other.format(listed.rstrip(")")))  # fmt: skip
            yield Sign(wordings, second_of(measure, *leads))
