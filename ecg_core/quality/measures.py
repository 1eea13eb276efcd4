"""What is measured on each lead, in windows of ten seconds and at a common rate."""

from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, signal

from ecg_core.checkpoint import Checkpoint, no_checkpoint
from ecg_core.plausibility import LARGEST_LEAD_MV
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
_ECG = signal.butter(2, (1.0, 40.0), "bandpass", fs=_RATE_HZ, output="sos")
_NOISE = signal.butter(4, 25.0, "highpass", fs=_RATE_HZ, output="sos")
# Beats: what stands out in most leads for a tenth of a second, 0.3 s apart at least.
_QRS_WIDTH, _SHORTEST_RR, _OF_HIGHEST = 12, 30, 0.4
_BEFORE_BEAT, _AFTER_BEAT = 25, 35
_FEWEST_BEATS = 2
_NOT_COMPARED = 1.0  # log10, a usual lead's
_SMALLEST_MV2 = 1e-9
_PADDING = 200


class LeadMeasures(NamedTuple):
    """Measures of each lead; each field has the shape (lead,), or (window, lead) for them all.

    Attributes:
        drift_mv: Range of what is slower than 0.7 Hz.
        repeats: log10 of the power of the median beat over that of what differs from beat to beat,
            between 1 and 40 Hz; beats are found over all leads. 1 with fewer than two beats.
        agreement: Correlation of the lead's activity between 5 and 15 Hz, where QRS complexes stand
            out, with the median of all leads'.
        noise_mv: RMS above 25 Hz in the median tenth of a second, so between QRS complexes.
        shift_mv: Largest change of the level from one half second to the next, beyond the changes
            before and after it: a jump, not a slope.
        burst_mv: Largest range of a half second, if far beyond the lead's median one; else 0.
        flat_s: Time in half seconds without any change.
        clipped_s: Time at the lead's extremes, where those are far off and held.
        hum_mv: Amplitude of a tone at 50 or 60 Hz.
        wild_mv: How far a sample lies from both beside it, or from the level, at the file's rate:
            the common rate would smooth one that stands for "no value".
    """

    drift_mv: _Array
    repeats: _Array
    agreement: _Array
    noise_mv: _Array
    shift_mv: _Array
    burst_mv: _Array
    flat_s: _Array
    clipped_s: _Array
    hum_mv: _Array
    wild_mv: _Array


def measure(recording: Recording, checkpoint: Checkpoint = no_checkpoint) -> LeadMeasures:
    """Measure a finite recording; every field has the shape (window, lead)."""
    rate_hz = recording.sampling_rate_hz
    windows = []
    for window in _windows(recording):
        checkpoint()
        windows.append(_measure_window(window, rate_hz))
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
    activity = _activity(_filtered(_QRS, samples_mv))
    usual_activity = np.median(activity, axis=0)
    return LeadMeasures(
        drift_mv=np.ptp(_filtered(_DRIFT, samples_mv), axis=1),
        repeats=_repeats(_filtered(_ECG, samples_mv), _beats(usual_activity)),
        agreement=_agreement(activity, usual_activity),
        noise_mv=_noise_mv(samples_mv),
        shift_mv=_shift_mv(np.median(blocks_mv, axis=2)),
        burst_mv=_burst_mv(ranges_mv),
        flat_s=(ranges_mv <= _FLAT_BLOCK_MV).sum(axis=1) * _BLOCK / _RATE_HZ,
        clipped_s=_clipped_s(centred_mv, rate_hz),
        hum_mv=_hum_mv(centred_mv, rate_hz),
        wild_mv=_wild_mv(centred_mv),
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


def _activity(qrs_mv: _Array) -> _Array:
    """How much there is of QRS complexes, of each lead's usual: shape (lead, sample)."""
    usual_mv = np.sqrt((qrs_mv**2).mean(axis=1, keepdims=True) + _SMALLEST_MV2)
    activity: _Array = ndimage.uniform_filter1d(np.abs(qrs_mv) / usual_mv, _QRS_WIDTH, axis=1)
    return activity


def _agreement(activity: _Array, usual: _Array) -> _Array:
    lead, all_leads = activity - activity.mean(axis=1, keepdims=True), usual - usual.mean()
    norms = np.linalg.norm(lead, axis=1) * np.linalg.norm(all_leads)
    agreement: _Array = (lead @ all_leads) / np.maximum(norms, _SMALLEST_MV2)
    return agreement


def _beats(activity: _Array) -> NDArray[np.intp]:
    """Where the QRS complexes are, shape (beat,), as far as they lie within the samples."""
    highest = np.sort(activity)[-_QUIET_BLOCK:].mean()
    beats, _ = signal.find_peaks(activity, height=_OF_HIGHEST * highest, distance=_SHORTEST_RR)
    inside = (beats >= _BEFORE_BEAT) & (beats + _AFTER_BEAT <= len(activity))
    return np.asarray(beats[inside])


def _repeats(ecg_mv: _Array, beats: NDArray[np.intp]) -> _Array:
    count = len(beats)
    if count < _FEWEST_BEATS:
        return np.full(len(ecg_mv), _NOT_COMPARED)
    places = beats[:, np.newaxis] + np.arange(-_BEFORE_BEAT, _AFTER_BEAT)
    beats_mv = ecg_mv[:, places]
    usual_mv = np.median(beats_mv, axis=1)
    # Few beats are nearer to their own median than to another's.
    differing = (beats_mv - usual_mv[:, np.newaxis]).var(axis=(1, 2)) * count / (count - 1)
    repeats: _Array = np.log10((usual_mv.var(axis=1) + _SMALLEST_MV2) / (differing + _SMALLEST_MV2))
    return repeats


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


def _wild_mv(samples_mv: NDArray[np.float32]) -> _Array:
    """The furthest sample that stands alone; of a plateau, how far it is beyond any ECG."""
    steps_mv = np.diff(samples_mv, axis=1)
    before_mv, after_mv = steps_mv[:, :-1], -steps_mv[:, 1:]
    alone = np.sign(before_mv) == np.sign(after_mv)
    spikes_mv = np.where(alone, np.minimum(np.abs(before_mv), np.abs(after_mv)), 0.0)
    furthest_mv = np.abs(samples_mv).max(axis=1)
    beyond_mv = np.where(furthest_mv > LARGEST_LEAD_MV / 2, furthest_mv, 0.0)
    wild_mv: _Array = np.maximum(spikes_mv.max(axis=1, initial=0.0), beyond_mv).astype(np.float64)
    return wild_mv


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
