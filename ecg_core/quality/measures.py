"""What is measured on each lead, in windows of ten seconds and at a common rate."""

from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

from ecg_core.recording import Recording

_Array = NDArray[np.float64]

WINDOW_S = 10.0
_RATE_HZ = 100.0
_BLOCK = 50  # half a second
_QUIET_BLOCK = 10  # a tenth of a second: most of them hold no QRS complex
_FLAT_BLOCK_MV = 0.002
_CLIPPED_FROM_MV = 1.0
_MAINS_HZ = (50.0, 60.0)

_DRIFT = signal.butter(2, 0.7, "lowpass", fs=_RATE_HZ, output="sos")
_QRS = signal.butter(2, (5.0, 15.0), "bandpass", fs=_RATE_HZ, output="sos")
_NOISE = signal.butter(4, 25.0, "highpass", fs=_RATE_HZ, output="sos")
_PADDING = 200


class LeadMeasures(NamedTuple):
    """Measures of each lead; each field has the shape (lead,), or (window, lead) for them all.

    Attributes:
        range_mv: Largest minus smallest sample.
        drift_mv: Range of what is slower than 0.7 Hz.
        step_mv: Largest change in 10 ms.
        peakedness: Kurtosis between 5 and 15 Hz: high where QRS complexes stand out, 3 for noise.
        noise_mv: RMS above 25 Hz in the median tenth of a second, so between QRS complexes.
        shift_mv: Largest change of the level from one half second to the next, beyond the changes
            before and after it: a jump, not a slope.
        burst_mv: Largest range of a half second, if far beyond the lead's median one; else 0.
        flat_s: Time in half seconds without any change.
        clipped_s: Time at the lead's extremes, where those are far off and held.
        hum_mv: Amplitude of a tone at 50 or 60 Hz.
    """

    range_mv: _Array
    drift_mv: _Array
    step_mv: _Array
    peakedness: _Array
    noise_mv: _Array
    shift_mv: _Array
    burst_mv: _Array
    flat_s: _Array
    clipped_s: _Array
    hum_mv: _Array


def measure(recording: Recording) -> LeadMeasures:
    """Measure a finite recording; every field has the shape (window, lead)."""
    rate_hz = recording.sampling_rate_hz
    windows = [_measure_window(window, rate_hz) for window in _windows(recording)]
    return LeadMeasures(*(np.stack(column) for column in zip(*windows, strict=True)))


def _windows(recording: Recording) -> Iterator[NDArray[np.float32]]:
    """Windows that cover the recording evenly, as `prepare` cuts them."""
    samples_mv = recording.samples_mv
    count, length = samples_mv.shape[1], round(WINDOW_S * recording.sampling_rate_hz)
    starts = np.linspace(0, max(0, count - length), max(1, ceil(count / length)))
    for start in starts.round().astype(int):
        yield samples_mv[:, start : start + length]


def _measure_window(window_mv: NDArray[np.float32], rate_hz: float) -> LeadMeasures:
    centred_mv = window_mv - np.median(window_mv, axis=1, keepdims=True)
    samples_mv = resampled(centred_mv, rate_hz)
    blocks_mv = _blocks(samples_mv, _BLOCK)
    ranges_mv = np.ptp(blocks_mv, axis=2)
    return LeadMeasures(
        range_mv=np.ptp(samples_mv, axis=1),
        drift_mv=np.ptp(_filtered(_DRIFT, samples_mv), axis=1),
        step_mv=np.abs(np.diff(samples_mv, axis=1)).max(axis=1),
        peakedness=_kurtosis(_filtered(_QRS, samples_mv)),
        noise_mv=_noise_mv(samples_mv),
        shift_mv=_shift_mv(np.median(blocks_mv, axis=2)),
        burst_mv=_burst_mv(ranges_mv),
        flat_s=(ranges_mv <= _FLAT_BLOCK_MV).sum(axis=1) * _BLOCK / _RATE_HZ,
        clipped_s=_clipped_s(centred_mv, rate_hz),
        hum_mv=_hum_mv(centred_mv, rate_hz),
    )


def resampled(samples_mv: NDArray[np.float32], rate_hz: float) -> _Array:
    """The samples at 100 Hz, shape (lead, sample), so that thresholds mean the same at any rate."""
    ratio = Fraction(_RATE_HZ / rate_hz).limit_denominator(1000)
    if ratio == 1:
        return samples_mv.astype(np.float64)
    converted: _Array = signal.resample_poly(
        samples_mv, ratio.numerator, ratio.denominator, axis=1, padtype="line"
    )
    return converted


def _filtered(sections: _Array, samples_mv: _Array) -> _Array:
    padding = min(_PADDING, samples_mv.shape[1] - 1)
    filtered: _Array = signal.sosfiltfilt(sections, samples_mv, axis=1, padlen=padding)
    return filtered


def _blocks(samples_mv: _Array, length: int) -> _Array:
    """Whole blocks, shape (lead, block, sample)."""
    count = samples_mv.shape[1] // length
    return samples_mv[:, : count * length].reshape(len(samples_mv), count, length)


def _kurtosis(samples_mv: _Array) -> _Array:
    squares = samples_mv**2
    # A lead with nothing in the band is as far from peaked as can be.
    variance = np.maximum(squares.mean(axis=1), 1e-9)
    kurtosis: _Array = (squares**2).mean(axis=1) / variance**2
    return kurtosis


def _noise_mv(samples_mv: _Array) -> _Array:
    blocks_mv = _blocks(_filtered(_NOISE, samples_mv), _QUIET_BLOCK)
    noise: _Array = np.sqrt(np.median((blocks_mv**2).mean(axis=2), axis=1))
    return noise


def _shift_mv(levels_mv: _Array) -> _Array:
    changes_mv = np.abs(
        np.diff(levels_mv, axis=1, prepend=levels_mv[:, :1], append=levels_mv[:, -1:])
    )
    beside_mv = np.maximum(changes_mv[:, :-2], changes_mv[:, 2:])
    shift: _Array = (changes_mv[:, 1:-1] - beside_mv).max(axis=1)
    return shift


def _burst_mv(ranges_mv: _Array) -> _Array:
    largest_mv = ranges_mv.max(axis=1)
    return np.where(largest_mv > 4 * np.median(ranges_mv, axis=1), largest_mv, 0.0)


def _clipped_s(samples_mv: NDArray[np.float32], rate_hz: float) -> _Array:
    """Time for which the signal stays at its highest or lowest value, far from its level."""
    held = samples_mv[:, 1:] == samples_mv[:, :-1]
    clipped_s = np.zeros(len(samples_mv))
    for extreme in (samples_mv.max(axis=1), samples_mv.min(axis=1)):
        at_extreme = held & (samples_mv[:, 1:] == extreme[:, np.newaxis])
        far = np.abs(extreme) >= _CLIPPED_FROM_MV
        clipped_s = np.maximum(clipped_s, far * at_extreme.sum(axis=1) / rate_hz)
    return clipped_s


def _hum_mv(samples_mv: NDArray[np.float32], rate_hz: float) -> _Array:
    """Amplitude at 50 or 60 Hz above what the neighbouring frequencies hold."""
    count = samples_mv.shape[1]
    taper = np.hanning(count).astype(np.float32)
    amplitudes_mv = np.abs(fft.rfft(samples_mv * taper, axis=1)) * (4.0 / count)
    frequencies_hz = fft.rfftfreq(count, 1.0 / rate_hz)
    hum_mv = np.zeros(len(samples_mv))
    for mains_hz in _MAINS_HZ:
        if mains_hz + 4.0 > rate_hz / 2:
            continue
        distance_hz = np.abs(frequencies_hz - mains_hz)
        tone = distance_hz <= max(0.35, 2.1 * rate_hz / count)
        beside = (distance_hz > 1.0) & (distance_hz < 4.0)
        background = (amplitudes_mv[:, beside] ** 2).mean(axis=1) * tone.sum()
        power = (amplitudes_mv[:, tone] ** 2).sum(axis=1) - background
        # The taper spreads a tone's power over neighbouring bins, 1.5 times in all.
        hum_mv = np.maximum(hum_mv, np.sqrt(np.maximum(power, 0.0) / 1.5))
    return hum_mv
