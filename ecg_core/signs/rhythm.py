"""What the times and shapes of the beats say about the rhythm."""

from dataclasses import dataclass

import numpy as np

from ecg_core.signs.usual_beat import UsualBeat

_EARLY = (0.86, 0.04)  # of the usual interval; threshold and softness
_WIDE = (1.35, 0.12)  # of the usual width


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Measurements of a window's beats.

    Attributes:
        rate_per_min: From the median R-R interval.
        variation_s: Longest minus shortest interval between usual beats.
        irregularity: Median change from one interval to the next, of the mean interval.
        longest_s: Longest interval.
        early: How early the earliest beat comes, in softnesses beyond its threshold.
        early_with_pause: The same for a beat that a longer interval follows.
        early_and_wide: The same for a beat that is also wider than usual.
        early_and_narrow: The same for a beat of the usual width.
        early_share: Share of early beats.
    """

    rate_per_min: float
    variation_s: float
    irregularity: float
    longest_s: float
    early: float
    early_with_pause: float
    early_and_wide: float
    early_and_narrow: float
    early_share: float


def measure_rhythm(usual_beat: UsualBeat) -> Rhythm:
    """Measure the rhythm of the beats that the usual one was found among."""
    beats, intervals_s = usual_beat.beat, usual_beat.intervals_s
    median_s = float(np.median(intervals_s))
    earliness = (_EARLY[0] - intervals_s / median_s) / _EARLY[1]
    widths = beats.widths_s / np.median(beats.widths_s)
    width = (widths[1:] - _WIDE[0]) / _WIDE[1]
    width = np.where(beats.usual[1:], width, np.maximum(width, 0.5))
    following = np.append(intervals_s[1:], np.nan) / median_s
    pause = np.nan_to_num((following - 1.05) / 0.05, nan=-8.0)
    usual = beats.usual[1:] & beats.usual[:-1] & (earliness < 0)
    steady = intervals_s[usual] if usual.sum() > 1 else intervals_s
    return Rhythm(
        rate_per_min=60 / median_s,
        variation_s=float(np.ptp(steady)),
        irregularity=usual_beat.irregularity,
        longest_s=float(intervals_s.max()),
        early=float(earliness.max()),
        early_with_pause=float(np.minimum(earliness, pause).max()),
        early_and_wide=float(np.minimum(earliness, width).max()),
        early_and_narrow=float(np.minimum(earliness, -width).max()),
        early_share=float((earliness > 0).mean()),
    )
