"""Measurements of a recording: intervals, axes and heights, each with its uncertainty or a reason.

They are taken on the prepared windows, as signs are: at a recording's own rate they come out no
better (docs/measured/results/intervals.json).
"""

from collections.abc import Iterable
from math import atan2, degrees, hypot, sqrt
from types import MappingProxyType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ecg_core.checkpoint import Checkpoint, no_checkpoint
from ecg_core.preprocessing import PreparedRecording, PreprocessingSpec
from ecg_core.signs.delineation import Boundary
from ecg_core.signs.measure import signs_measured, signs_of
from ecg_core.signs.quantities import (
    Beat,
    LeadQuantity,
    Measurement,
    Measurements,
    Quantity,
    Reason,
)
from ecg_core.signs.usual_beat import UsualBeat, find_usual_beat, without_padding

LONGEST_S = 60.0  # of a longer recording, its beginning is measured

# Standard deviation against manual delineation, milliseconds
# (docs/measured/results/intervals.json); noise adds to it.
_AGAINST_READERS_MS = {
    Quantity.P_DURATION: 17.0,
    Quantity.PR_INTERVAL: 9.0,
    Quantity.QRS_DURATION: 8.0,
    Quantity.QT_INTERVAL: 13.0,
}
_MOST_MS = 100.0  # a boundary that noise moves by more is as uncertain as it gets
_HEIGHT_UNCERTAINTY = 0.03  # of a height: filtering and where it is measured from
_AXIS_UNCERTAINTY_DEGREES = 5.0

_Array = NDArray[np.float64]
_Q = TypeVar("_Q", Quantity, LeadQuantity)


def measure(prepared: PreparedRecording, spec: PreprocessingSpec) -> Measurements:
    """Measure a recording.

    Args:
        prepared: What `prepare` made of it.
        spec: What it was prepared with.
    """
    samples_mv = _joined(prepared, spec)
    usual = find_usual_beat(samples_mv, spec.leads, spec.sampling_rate_hz)
    return _measurements(usual, samples_mv, spec)


def measure_window(
    window: NDArray[np.float32], spec: PreprocessingSpec
) -> tuple[Measurements, NDArray[np.float32]]:
    """Measure one prepared window, shape (lead, sample), as a recording of its own, and its signs.

    Returns:
        As of `measure_with_signs`.
    """
    prepared = PreparedRecording(window[np.newaxis], (), (), (0.0,))
    return measure_with_signs(prepared, prepared.windows, spec)


def measure_with_signs(
    prepared: PreparedRecording,
    windows: NDArray[np.float32],
    spec: PreprocessingSpec,
    checkpoint: Checkpoint = no_checkpoint,
) -> tuple[Measurements, NDArray[np.float32]]:
    """Measure a recording and the signs of its windows; where both are of the same beats, once.

    Args:
        prepared: What `prepare` made of it.
        windows: Its windows, or fewer of their leads; shape (window, lead, sample).
        spec: What it was prepared with.
        checkpoint: Called for each of several windows; may raise.

    Returns:
        What `measure` says of the recording, and `signs_measured` of the windows.
    """
    if len(windows) > 1 or windows is not prepared.windows:
        return measure(prepared, spec), signs_measured(windows, spec, checkpoint)
    samples_mv = _joined(prepared, spec)
    usual = find_usual_beat(samples_mv, spec.leads, spec.sampling_rate_hz)
    return _measurements(usual, samples_mv, spec), signs_of(usual)[np.newaxis]


def _measurements(
    usual: UsualBeat | None, samples_mv: _Array, spec: PreprocessingSpec
) -> Measurements:
    there = [lead for lead in spec.leads if samples_mv[spec.leads.index(lead)].any()]
    values = _nothing(Quantity, Reason.TOO_FEW_BEATS) if usual is None else _values(usual)
    if usual is not None and not usual.bounds.has_whole_qrs:
        # A boundary inside the complex is also where levels are taken from: nothing of it is right.
        values = _nothing(Quantity, Reason.AT_SEARCH_LIMIT) | _rhythm(usual)
    by_lead = {lead: _in_lead(usual, lead, lead in there) for lead in spec.leads}
    return Measurements(
        values=MappingProxyType(values),
        by_lead=MappingProxyType(by_lead),
        beats=() if usual is None else _beats(usual),
        measured_s=samples_mv.shape[1] / spec.sampling_rate_hz,
    )


def _joined(prepared: PreparedRecording, spec: PreprocessingSpec) -> _Array:
    """The windows joined again, in millivolts, without the padding of a short recording."""
    length, rate_hz = prepared.windows.shape[2], spec.sampling_rate_hz
    starts = [round(start_s * rate_hz) for start_s in prepared.starts_s]
    count = max(1, sum(start + length <= LONGEST_S * rate_hz for start in starts))
    joined_mv = np.zeros((len(spec.leads), starts[count - 1] + length))
    for start, window in zip(starts[:count], prepared.windows, strict=False):
        window_mv = window.astype(np.float64) * spec.millivolts_per_unit
        joined_mv[:, start : start + length] = window_mv
    return without_padding(joined_mv)


def _nothing(quantities: Iterable[_Q], reason: Reason) -> dict[_Q, Measurement]:
    return {quantity: Measurement(quantity.unit, reason=reason) for quantity in quantities}


def _beats(usual: UsualBeat) -> tuple[Beat, ...]:
    pairs = zip(usual.beat.r_peaks_s.tolist(), usual.ectopic.tolist(), strict=True)
    return tuple(Beat(at_s, ectopic) for at_s, ectopic in pairs)


def _values(usual: UsualBeat) -> dict[Quantity, Measurement]:
    values = {**_rhythm(usual), **_p_wave(usual), **_ventricles(usual), **_axes(usual)}
    return {quantity: values[quantity] for quantity in Quantity}


def _measured(quantity: Quantity | LeadQuantity, value: float, uncertainty: float) -> Measurement:
    return Measurement(quantity.unit, float(value), float(uncertainty))


def _rhythm(usual: UsualBeat) -> dict[Quantity, Measurement]:
    """Heart rate from the mean of all R-R intervals, variability from the normal ones."""
    intervals_s, normal_s = usual.intervals_s, usual.normal_intervals_s
    mean_s = float(intervals_s.mean())
    # The first and the last R peak bound all intervals: each is off by a sample at the most.
    rate_per_min = 60 / mean_s
    values = {
        Quantity.HEART_RATE: _measured(
            Quantity.HEART_RATE, rate_per_min, rate_per_min * 0.01 / float(intervals_s.sum())
        )
    }
    changes_s = np.diff(normal_s)
    if len(normal_s) < 3:
        return values | _nothing((Quantity.RR_SDNN, Quantity.RR_RMSSD), Reason.TOO_FEW_BEATS)
    for quantity, value_s in (
        (Quantity.RR_SDNN, normal_s.std(ddof=1)),
        (Quantity.RR_RMSSD, np.sqrt(np.square(changes_s).mean())),
    ):
        share = 1 / sqrt(2 * (len(normal_s) - 1))
        values[quantity] = _measured(quantity, 1e3 * value_s, 1e3 * value_s * share + 1)
    return values


def _interval(usual: UsualBeat, quantity: Quantity, begin: Boundary, end: Boundary) -> Measurement:
    if begin.at_limit or end.at_limit or not np.isfinite(end.at_s - begin.at_s):
        return Measurement(quantity.unit, reason=Reason.AT_SEARCH_LIMIT)
    noise_mv = usual.beat.noise_mv
    shifts_ms = [min(1e3 * noise_mv / at.slope_mv_per_s, _MOST_MS) for at in (begin, end)]
    return _measured(
        quantity, 1e3 * (end.at_s - begin.at_s), hypot(_AGAINST_READERS_MS[quantity], *shifts_ms)
    )


def _p_wave(usual: UsualBeat) -> dict[Quantity, Measurement]:
    bounds, both = usual.bounds, (Quantity.P_DURATION, Quantity.PR_INTERVAL)
    if not usual.has_p_waves:
        return _nothing(both, Reason.NO_P_WAVES)
    ends = (bounds.p_end, bounds.qrs_onset)
    return {
        quantity: _interval(usual, quantity, bounds.p_onset, end)
        for quantity, end in zip(both, ends, strict=True)
    }


def _ventricles(usual: UsualBeat) -> dict[Quantity, Measurement]:
    bounds = usual.bounds
    qt = _interval(usual, Quantity.QT_INTERVAL, bounds.qrs_onset, bounds.t_end)
    rr_s = float(usual.intervals_s.mean())
    corrections = {Quantity.QTC_BAZETT: sqrt(rr_s), Quantity.QTC_FRIDERICIA: rr_s ** (1 / 3)}
    return {
        Quantity.QRS_DURATION: _interval(
            usual, Quantity.QRS_DURATION, bounds.qrs_onset, bounds.qrs_end
        ),
        Quantity.QT_INTERVAL: qt,
        **{quantity: _scaled(qt, 1 / by) for quantity, by in corrections.items()},
    }


def _scaled(measurement: Measurement, by: float) -> Measurement:
    if measurement.value is None or measurement.uncertainty is None:
        return measurement
    return Measurement(measurement.unit, measurement.value * by, measurement.uncertainty * by)


def _axes(usual: UsualBeat) -> dict[Quantity, Measurement]:
    heights = usual.heights
    axes = {
        Quantity.P_AXIS: _axis(usual, Quantity.P_AXIS, heights.p_net_mv),
        Quantity.QRS_AXIS: _axis(usual, Quantity.QRS_AXIS, heights.net_mv),
        Quantity.T_AXIS: _axis(usual, Quantity.T_AXIS, heights.t_net_mv),
    }
    if not usual.has_p_waves:
        axes[Quantity.P_AXIS] = Measurement(Quantity.P_AXIS.unit, reason=Reason.NO_P_WAVES)
    return axes


def _axis(usual: UsualBeat, quantity: Quantity, net_mv: _Array) -> Measurement:
    """Direction in the frontal plane from the net deflections of I and aVF."""
    one, foot = usual.at(net_mv, "I"), usual.at(net_mv, "aVF")
    if one is None or foot is None:
        return Measurement(quantity.unit, reason=Reason.MISSING_LEAD)
    foot *= 2 / sqrt(3)
    noise = degrees(atan2(usual.beat.noise_mv, hypot(one, foot)))
    uncertainty = hypot(_AXIS_UNCERTAINTY_DEGREES, noise)
    return _measured(quantity, degrees(atan2(foot, one)), uncertainty)


def _in_lead(
    usual: UsualBeat | None, lead: str, there: bool
) -> MappingProxyType[LeadQuantity, Measurement]:
    if not there:
        return MappingProxyType(_nothing(LeadQuantity, Reason.MISSING_LEAD))
    if usual is None or not usual.bounds.has_whole_qrs:
        reason = Reason.TOO_FEW_BEATS if usual is None else Reason.AT_SEARCH_LIMIT
        return MappingProxyType(_nothing(LeadQuantity, reason))
    heights = usual.heights
    rows = {
        LeadQuantity.R_AMPLITUDE: heights.r_mv,
        LeadQuantity.S_AMPLITUDE: heights.s_mv,
        LeadQuantity.Q_AMPLITUDE: heights.q_mv,
        LeadQuantity.ST_LEVEL: heights.st_mv,
        LeadQuantity.T_AMPLITUDE: heights.t_mv,
    }
    values = {}
    for quantity, row in rows.items():
        value = float(row[usual.leads.index(lead)])
        uncertainty = hypot(0.01, usual.beat.noise_mv, _HEIGHT_UNCERTAINTY * value)
        values[quantity] = _measured(quantity, value, uncertainty)
    return MappingProxyType(values)
