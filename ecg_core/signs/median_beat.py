"""Beats of a recording: where they are, which of them are usual, and what the usual one looks like.

Measurements are taken on the median beat, as ECG machines do (IEC 60601-2-25): noise and ectopic
beats are averaged away. Beats are aligned by their QRS complexes first, so that the average is not
wider than they are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import ndimage, signal

BEFORE_S = 0.50
AFTER_S = 0.70
# Of a beat's window this much has to be there; the rest is continued with the last sample.
_WHOLE_S = (0.30, 0.36)
_COMPLEX_S = (0.10, 0.14)  # what beats are aligned and compared by, around their centre
_REFRACTORY_S = 0.24
_SHIFT_S = 0.02
_LIKE_THE_MEDIAN = 0.85  # correlation
_ALIKE = 0.5  # what stands out of noise is less alike than this: those are no beats
# A much weaker peak so close after a complex is its T wave, so close before one its P wave.
_T_WAVE_S, _P_WAVE_S, _WEAK = 0.42, 0.30, 0.6
_MIN_BEATS = 3

_Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class MedianBeat:
    """The usual beat of a recording, and all beats' times.

    Attributes:
        r_peaks_s: Times of the QRS complexes' peaks, shape (beat,), seconds.
        usual: Which of them look like the median beat, shape (beat,).
        widths_s: How long each complex stays above a fifth of its own energy, shape (beat,).
        samples_mv: The median of the usual beats, shape (lead, sample), from `BEFORE_S` before the
            complex to `AFTER_S` after it.
        beats_mv: The usual beats themselves, shape (usual beat, lead, sample).
        sampling_rate_hz: Of both.
        noise_mv: Standard error of the median beat, root mean square over leads and samples.
    """

    r_peaks_s: _Array
    usual: NDArray[np.bool_]
    widths_s: _Array
    samples_mv: _Array
    beats_mv: _Array
    sampling_rate_hz: float
    noise_mv: float

    @property
    def centre(self) -> int:
        """The sample at which the complexes are aligned."""
        return round(BEFORE_S * self.sampling_rate_hz)


def find_median_beat(samples_mv: _Array, sampling_rate_hz: float) -> MedianBeat | None:
    """Find the beats of a recording and average the usual ones.

    Args:
        samples_mv: Shape (lead, sample), millivolts, without baseline wander; leads that are there
            only.
        sampling_rate_hz: At least 200, or alignment is too coarse.

    Returns:
        None where fewer than three whole beats that are alike are found.
    """
    if not len(samples_mv):
        return None
    energy = _qrs_energy(samples_mv, sampling_rate_hz)
    peaks = _peaks(energy, sampling_rate_hz)
    earliest, latest = (round(part * sampling_rate_hz) for part in _WHOLE_S)
    whole = (peaks >= earliest) & (peaks < samples_mv.shape[1] - latest)
    if whole.sum() < _MIN_BEATS:
        return None
    centres, likeness = _aligned(samples_mv, peaks, whole, sampling_rate_hz)
    typical = float(np.median(likeness[whole]))
    if typical < _ALIKE:
        return None
    usual = likeness >= min(_LIKE_THE_MEDIAN, typical)
    beats_mv = _cut(samples_mv, centres[usual & whole], sampling_rate_hz)
    return MedianBeat(
        r_peaks_s=_summits(samples_mv, centres, sampling_rate_hz) / sampling_rate_hz,
        usual=usual,
        widths_s=signal.peak_widths(energy, peaks, rel_height=0.8)[0] / sampling_rate_hz,
        samples_mv=np.median(beats_mv, axis=0),
        beats_mv=beats_mv,
        sampling_rate_hz=sampling_rate_hz,
        noise_mv=_standard_error(beats_mv),
    )


def _qrs_energy(samples_mv: _Array, rate_hz: float) -> _Array:
    """Slopes of all leads together, smoothed over 60 ms.

    Each lead counts by its own usual size, and none by more: one noisy lead cannot drown the rest.
    """
    slopes = np.abs(np.gradient(samples_mv, axis=1)) * rate_hz
    steepest = np.percentile(slopes, 98, axis=1, keepdims=True)
    limit = np.minimum(steepest, 3 * np.median(steepest))
    energy = np.sqrt(np.square(np.minimum(slopes, 3 * limit)).mean(axis=0))
    smoothed: _Array = ndimage.uniform_filter1d(energy, round(0.06 * rate_hz))
    return smoothed


def _peaks(energy: _Array, rate_hz: float) -> NDArray[np.intp]:
    """Peaks of the energy that stand out as QRS complexes do, without P and T waves."""
    height = 0.35 * float(np.percentile(energy, 98))
    found, _ = signal.find_peaks(
        energy, height=height, prominence=0.7 * height, distance=round(_REFRACTORY_S * rate_hz)
    )
    ahead, behind = np.diff(found, append=np.inf), np.diff(found, prepend=-np.inf)
    size = energy[found]
    to_next = size / np.append(size[1:], np.inf)
    to_last = size / np.insert(size[:-1], 0, np.inf)
    t_wave = (behind < _T_WAVE_S * rate_hz) & (to_last < _WEAK)
    p_wave = (ahead < _P_WAVE_S * rate_hz) & (to_next < _WEAK)
    peaks: NDArray[np.intp] = found[~((t_wave & (to_last > 0)) | (p_wave & (to_next > 0)))]
    return peaks


def _cut(samples_mv: _Array, centres: NDArray[np.intp], rate_hz: float) -> _Array:
    """Windows around the centres, shape (beat, lead, sample)."""
    before, after = round(BEFORE_S * rate_hz), round(AFTER_S * rate_hz)
    padded = np.pad(samples_mv, ((0, 0), (before, after)), mode="edge")
    views = sliding_window_view(padded, before + after, axis=1)
    cut: _Array = views[:, centres].transpose(1, 0, 2)
    return cut


def _aligned(
    samples_mv: _Array, peaks: NDArray[np.intp], whole: NDArray[np.bool_], rate_hz: float
) -> tuple[NDArray[np.intp], _Array]:
    """Centres moved to where each complex fits the median best, and their correlations with it."""
    reach = round(_SHIFT_S * rate_hz)
    before, after = (round(part * rate_hz) + reach for part in _COMPLEX_S)
    padded = np.pad(samples_mv, ((0, 0), (before, after)), mode="edge")
    wide = sliding_window_view(padded, before + after, axis=1)[:, peaks].transpose(1, 0, 2)
    shifted = sliding_window_view(wide, before + after - 2 * reach, axis=2)
    shifted = shifted - shifted.mean(axis=(1, 3), keepdims=True)
    norms = np.sqrt(np.square(shifted).sum(axis=(1, 3)))
    shifts = np.full(len(peaks), reach)
    usual = whole
    for _ in range(2):
        complexes = shifted[np.arange(len(peaks)), :, shifts]
        template = np.median(complexes[usual], axis=0)
        fits = np.einsum("blst,lt->bs", shifted, template)
        fits /= np.maximum(norms * np.linalg.norm(template), 1e-12)
        shifts = fits.argmax(axis=1)
        likeness: _Array = fits.max(axis=1)
        usual = whole & (likeness >= min(_LIKE_THE_MEDIAN, float(np.median(likeness[whole]))))
    return peaks + shifts - reach, likeness


def _standard_error(beats_mv: _Array) -> float:
    """Of the median, which is by a quarter less sure than the mean."""
    return float(1.25 * np.sqrt(beats_mv.var(axis=0).mean() / len(beats_mv)))


def _summits(samples_mv: _Array, centres: NDArray[np.intp], rate_hz: float) -> NDArray[np.intp]:
    """Where the leads together are farthest from zero, within 60 ms of each centre."""
    reach = round(0.06 * rate_hz)
    size = np.pad(np.sqrt(np.square(samples_mv).mean(axis=0)), reach)
    near = sliding_window_view(size, 2 * reach + 1)[centres]
    summits: NDArray[np.intp] = centres + near.argmax(axis=1) - reach
    return summits
