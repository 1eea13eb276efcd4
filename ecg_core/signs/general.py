"""The measured signs of rhythm, P wave, intervals, axis and QRS complex, and of several leads."""

import math

import numpy as np
from numpy.typing import NDArray

from ecg_core.leads import LEADS
from ecg_core.signs.language import (
    Measured,
    NotMeasured,
    Sign,
    Value,
    above,
    all_of,
    any_of,
    below,
    second_of,
)
from ecg_core.signs.regional import (
    lost_r,
    st_depression,
    st_elevation,
    t_flatness,
    t_height,
    t_inversion,
)

_USUALLY_UPRIGHT = ("I", "II", "V3", "V4", "V5", "V6")
_CHEST = ("V1", "V2", "V3", "V4", "V5", "V6")
_LIMB = ("I", "II", "III", "aVL", "aVF")


def _rate(m: Measured) -> float:
    return m.rhythm.rate_per_min


def _p_in_ii(m: Measured) -> float:
    return m.at(m.p_mv, "II")


def _p_height_mv(m: Measured) -> float:
    """Of what stands before the QRS complex, root mean square over leads."""
    return m.usual.bounds.p_height_mv


def _p_certainty(m: Measured) -> float:
    return m.usual.p_certainty


def _qrs(m: Measured) -> float:
    return m.qrs_s


def _axis(m: Measured) -> float:
    return m.axis_degrees


def _right_axis(m: Measured) -> float:
    """Distance into the right half: of an axis of -170 degrees, too."""
    axis = m.axis_degrees
    return axis if axis > -90 else axis + 360


def _qtc_s(m: Measured) -> float:
    """Bazett's correction."""
    return m.qt_s / math.sqrt(60 / m.rhythm.rate_per_min)


def _sokolow_mv(m: Measured) -> float:
    return m.at(m.heights.s_mv, "V1") + float(m.of(m.heights.r_mv, "V5", "V6").max())


def _cornell_mv(m: Measured) -> float:
    return m.at(m.heights.r_mv, "aVL") + m.at(m.heights.s_mv, "V3")


def _peak_to_peak_mv(*leads: str) -> Value:
    return lambda m: float((m.of(m.heights.r_mv, *leads) + np.maximum(
        m.of(m.heights.s_mv, *leads), m.of(m.heights.q_mv, *leads))).max())  # fmt: skip


def _highest(measure: str, *leads: str) -> Value:
    return lambda m: float(m.of(getattr(m.heights, measure), *leads).max())


def _lowest(measure: str, *leads: str) -> Value:
    return lambda m: float(m.of(getattr(m.heights, measure), *leads).min())


def _small_r_then_s(*leads: str) -> Value:
    """An rS complex, not a QS, in all of these leads."""
    return all_of(_mostly_negative(*leads), above(_lowest("r_mv", *leads), 0.05, 0.02))


def _mostly_negative(*leads: str) -> Value:
    """A QS or rS complex in all of these leads."""
    return lambda m: float(
        np.min((m.of(m.heights.s_mv, *leads) - m.of(m.heights.r_mv, *leads)) / 0.15)
    )


def _dominant_r(*leads: str) -> Value:
    """An R wave above all other deflections, in all of these leads."""
    return lambda m: float(
        np.min((m.of(m.heights.r_mv, *leads) - m.of(m.heights.s_mv, *leads) - 0.1) / 0.15)
    )


def _third(values: NDArray[np.float64]) -> float:
    """The third highest of all leads that are there."""
    if len(values) < 3:
        raise NotMeasured
    return float(np.sort(values)[-3])


def _discordance(m: Measured) -> float:
    """How far T waves point away from the QRS complex, over all leads: -1 to 1."""
    net, t_mv = m.of(m.heights.net_mv, *LEADS), m.of(m.heights.t_mv, *LEADS)
    lengths = float(np.sqrt(np.square(net).sum() * np.square(t_mv).sum()))
    return -float(net @ t_mv) / max(lengths, 1e-9)


def general_signs() -> tuple[Sign, ...]:
    """All but those of one lead or territory."""
    return (*_rhythm(), *_atrial(), *_intervals(), *_qrs_shape(), *_voltages(), *_repolarisation())


def _rhythm() -> tuple[Sign, ...]:
    fast, slow = above(_rate, 100, 4), below(_rate, 60, 3)
    irregular = above(lambda m: m.rhythm.irregularity, 0.08, 0.02)
    return (
        Sign(("heart rate above 100 beats per minute", "fast rhythm", "rapid heart rate"), fast),
        Sign(("heart rate below 60 beats per minute", "slow rhythm", "slow heart rate"), slow),
        Sign(("heart rate of 60 to 100 beats per minute", "normal heart rate"),
                all_of(below(_rate, 100, 4), above(_rate, 60, 3))),
        Sign(("heart rate above 140 beats per minute", "very fast rhythm"), above(_rate, 140, 6)),
        Sign(("irregularly irregular R-R intervals", "irregular ventricular rhythm",
                 "R-R intervals without any regularity"), irregular),
        Sign(("regular R-R intervals", "regular rhythm"),
                below(lambda m: m.rhythm.irregularity, 0.04, 0.01)),
        Sign(("R-R intervals that vary by more than 120 ms", "slightly irregular rhythm",
                 "P-P intervals that vary"), above(lambda m: m.rhythm.variation_s, 0.12, 0.03)),
        Sign(("an early beat followed by a pause", "premature beat"),
                lambda m: m.rhythm.early_with_pause),
        Sign(("an early wide QRS complex", "premature wide complex"),
                lambda m: m.rhythm.early_and_wide),
        Sign(("an early narrow QRS complex", "premature narrow complex"),
                lambda m: m.rhythm.early_and_narrow),
        Sign(("frequent early beats", "several premature beats"),
                above(lambda m: m.rhythm.early_share, 0.2, 0.05)),
        Sign(("a pause of more than 2 s", "a long pause"),
                above(lambda m: m.rhythm.longest_s, 2.0, 0.1)),
    )  # fmt: skip


def _atrial() -> tuple[Sign, ...]:
    return (
        Sign(("no P waves", "absent P waves", "P waves cannot be seen"),
                any_of(below(_p_certainty, 0.0, 0.12), below(_p_height_mv, 0.018, 0.006))),
        Sign(("a P wave before every QRS complex, upright in II", "sinus P waves"),
                all_of(above(_p_certainty, 0.0, 0.12),
                       above(lambda m: m.at(m.heights.p_mv, "II"), 0.05, 0.015))),
        Sign(("inverted P waves in II", "abnormal P waves"), below(_p_in_ii, -0.03, 0.015)),
        Sign(("P wave of at least 120 ms", "wide P wave"),
                above(lambda m: m.p_s, 0.12, 0.01)),
        Sign(("tall peaked P wave of at least 0.25 mV in II", "tall P wave"),
                # 0.25 mV is 0.2 over the line that heights of P waves are measured from
                above(_p_in_ii, 0.2, 0.03)),
        Sign(("negative terminal part of the P wave in V1", "deep negative P wave in V1"),
                below(lambda m: m.at(m.p_terminal_mv, "V1"), -0.1, 0.02)),
        Sign(("PR interval above 200 ms", "long PR interval"),
                above(lambda m: m.pr_s, 0.2, 0.012)),
        Sign(("PR interval below 120 ms", "short PR interval"),
                below(lambda m: m.pr_s, 0.12, 0.01)),
        Sign(("PR interval of 120 to 200 ms", "normal PR interval"),
                all_of(above(lambda m: m.pr_s, 0.12, 0.01),
                       below(lambda m: m.pr_s, 0.2, 0.012))),
    )  # fmt: skip


def _intervals() -> tuple[Sign, ...]:
    return (
        Sign(("QRS duration of 120 ms or more", "wide QRS complexes", "broad QRS"),
                above(_qrs, 0.12, 0.006)),
        Sign(("QRS duration above 110 ms", "slightly widened QRS complex"),
                above(_qrs, 0.11, 0.006)),
        Sign(("QRS duration below 110 ms", "narrow QRS complexes"), below(_qrs, 0.11, 0.006)),
        Sign(("QT interval corrected for heart rate above 450 ms", "long QT interval"),
                above(_qtc_s, 0.45, 0.015)),
        Sign(("short QT interval", "QT interval corrected for heart rate below 350 ms"),
                below(_qtc_s, 0.35, 0.012)),
        Sign(("left axis deviation between -45 and -90 degrees", "marked left axis deviation"),
                all_of(below(_axis, -40, 6), above(_axis, -95, 6))),
        Sign(("left axis deviation beyond -30 degrees", "left axis deviation"),
                all_of(below(_axis, -30, 6), above(_axis, -95, 6))),
        Sign(("right axis deviation between 90 and 180 degrees", "right axis deviation"),
                all_of(above(_right_axis, 90, 6), below(_right_axis, 200, 6))),
        Sign(("normal axis", "QRS axis between -30 and 90 degrees"),
                all_of(above(_axis, -30, 6), below(_axis, 90, 6))),
    )  # fmt: skip


def _qrs_shape() -> tuple[Sign, ...]:
    wide = above(_qrs, 0.12, 0.006)
    return (
        Sign(("rsR' pattern in V1 or V2", "rSr' pattern in V1", "second R wave in V1"),
                above(_highest("r_prime_mv", "V1", "V2"), 0.08, 0.03)),
        Sign(("wide slurred S wave in I, aVL and V6", "broad S wave in I and V6"),
                above(_lowest("s_s", "I", "V6"), 0.04, 0.006)),
        Sign(("S wave in I and V6", "terminal S wave in the lateral leads"),
                above(_lowest("s_mv", "I", "V6"), 0.1, 0.04)),
        Sign(("broad notched R wave without q in I, aVL, V5 and V6", "broad R wave in V6"),
                all_of(wide, _dominant_r("I", "V6"))),
        Sign(("QS or rS complex in V1", "deep S wave in V1"), _mostly_negative("V1")),
        Sign(("wide QRS complex with a dominant R wave in V1", "broad R wave in V1"),
                all_of(wide, _dominant_r("V1"))),
        Sign(("tall R waves in V1 and V2", "R wave in V1 of at least 0.7 mV", "R/S above 1 in V1"),
                any_of(_dominant_r("V1"), above(_highest("r_mv", "V1"), 0.7, 0.1))),
        Sign(("rS complexes in II, III and aVF", "deep S waves in the inferior leads"),
                _small_r_then_s("II", "III", "aVF")),
        Sign(("qR complexes in I and aVL", "tall R wave in I and aVL"), _dominant_r("I", "aVL")),
        Sign(("rS complex in I and aVL", "deep S wave in I"), _small_r_then_s("I", "aVL")),
        Sign(("qR complexes in II, III and aVF", "tall R waves in the inferior leads"),
                _dominant_r("II", "III", "aVF")),
        Sign(("missing or very small R waves in V1 to V4", "loss of R waves in V2 to V4",
                 "QS complexes in V1 to V4"),
                lambda m: float(np.sort(m.of(lost_r(m), "V2", "V3", "V4"))[-2])),
        Sign(("poor R-wave progression from V1 to V4", "abnormal R-wave progression"),
                below(_highest("r_mv", "V3"), 0.3, 0.08)),
        Sign(("reduced R waves in V5 and V6", "low R waves in the lateral leads"),
                below(_lowest("r_mv", "V5", "V6"), 0.5, 0.1)),
        Sign(("deep S waves in V5 and V6", "persistent S wave in V6"),
                above(_highest("s_mv", "V5", "V6"), 0.6, 0.15)),
        Sign(("notched or slurred QRS complex", "fragmented QRS complex"),
                above(lambda m: _third(m.heights.notches), 2.5, 0.5)),
        Sign(("Q waves in two or more leads", "initial negative deflection of the QRS complex"),
                second_of(lambda m: (m.heights.q_mv - 0.1) / 0.04,
                          "I", "II", "III", "aVL", "aVF", "V2", "V3", "V4", "V5", "V6")),
    )  # fmt: skip


def _voltages() -> tuple[Sign, ...]:
    return (
        Sign(("S in V1 plus R in V5 or V6 above 3.5 mV", "Sokolow-Lyon index above 3.5 mV",
                 "high voltage in the chest leads"), above(_sokolow_mv, 3.5, 0.3)),
        Sign(("R in aVL above 1.1 mV", "high R wave in aVL"),
                above(_highest("r_mv", "aVL"), 1.1, 0.1)),
        Sign(("R in aVL plus S in V3 above 2.0 mV", "Cornell voltage above 2.0 mV"),
                above(_cornell_mv, 2.2, 0.25)),
        Sign(("QRS amplitude below 0.5 mV in all limb leads", "low voltage in the limb leads"),
                below(_peak_to_peak_mv(*_LIMB), 0.55, 0.08)),
        Sign(("QRS amplitude below 1.0 mV in all chest leads", "low voltage in the chest leads"),
                below(_peak_to_peak_mv(*_CHEST), 1.1, 0.12)),
        Sign(("R or S waves above 3.0 mV in the chest leads", "very high QRS amplitude"),
                above(_peak_to_peak_mv(*_CHEST), 3.5, 0.3)),
    )  # fmt: skip


def _repolarisation() -> tuple[Sign, ...]:
    everywhere = ("I", "II", "III", "aVL", "aVF", *_CHEST)
    upright = (*_USUALLY_UPRIGHT, "aVL")
    return (
        Sign(("ST depression in two or more leads", "horizontal or downsloping ST depression"),
                second_of(st_depression, *everywhere)),
        Sign(("ST elevation in two or more leads",),
                second_of(st_elevation, *everywhere)),
        Sign(("inverted T waves in two or more leads", "symmetric T-wave inversion"),
                second_of(t_inversion, *upright)),
        Sign(("flat T waves in several leads", "low T waves"),
                second_of(t_flatness, *upright)),
        Sign(("tall peaked T waves", "high T waves"),
                second_of(t_height, *_CHEST, "II")),
        Sign(("upright T waves in I, II and V3 to V6", "normal T waves"),
                lambda m: float(np.min((m.of(m.heights.t_mv, *_USUALLY_UPRIGHT) - 0.1) / 0.03))),
        Sign(("isoelectric ST segments", "no ST deviation"),
                below(lambda m: _third(np.abs(m.heights.st_mv)), 0.07, 0.02)),
        Sign(("ST segments and T waves opposite to the QRS complex", "secondary ST-T changes"),
                above(_discordance, 0.3, 0.12)),
    )  # fmt: skip
