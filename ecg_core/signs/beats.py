"""Beats of a prepared window: where they are, and what the usual one looks like.

Works on what the encoder sees, so that whatever is measured can be learned from it. Measurements
are taken on the median beat, as ECG machines do: noise and ectopic beats are averaged away.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

BEFORE_S = 0.36
AFTER_S = 0.56
_REFRACTORY_S = 0.26
_LIKE_THE_MEDIAN = 0.8  # correlation


@dataclass(frozen=True, eq=False, slots=True)
class Beats:
    """The beats of a window.

    Attributes:
        r_peaks_s: Times of the QRS complexes, shape (beat,), seconds.
        usual: Which of them look like the median beat, shape (beat,).
        widths_s: How long each complex stays above a fifth of its own energy, shape (beat,).
        median_mv: The median of the usual beats, shape (lead, sample); from `BEFORE_S` before the
            QRS complex to `AFTER_S` after it.
        sampling_rate_hz: Of the median beat.
    """

    r_peaks_s: NDArray[np.float64]
    usual: NDArray[np.bool_]
    widths_s: NDArray[np.float64]
    median_mv: NDArray[np.float64]
    sampling_rate_hz: float


def find_beats(samples_mv: NDArray[np.float64], sampling_rate_hz: float) -> Beats | None:
    """Find the beats of a window.

    Args:
        samples_mv: Shape (lead, sample), millivolts.
        sampling_rate_hz: Of the window.

    Returns:
        None where fewer than three whole beats are found.
    """
    energy = _qrs_energy(samples_mv, sampling_rate_hz)
    peaks = _peaks(energy, sampling_rate_hz)
    before, after = round(BEFORE_S * sampling_rate_hz), round(AFTER_S * sampling_rate_hz)
    whole = (peaks >= before) & (peaks < samples_mv.shape[1] - after)
    if whole.sum() < 3:
        return None
    cut = np.stack([samples_mv[:, peak - before : peak + after] for peak in peaks[whole]])
    likeness = _likeness(cut, np.median(cut, axis=0), before, sampling_rate_hz)
    alike = likeness >= min(_LIKE_THE_MEDIAN, float(np.median(likeness)))
    usual = np.ones(len(peaks), dtype=bool)
    usual[whole] = likeness >= _LIKE_THE_MEDIAN
    return Beats(
        r_peaks_s=peaks / sampling_rate_hz,
        usual=usual,
        widths_s=_widths(energy, peaks, sampling_rate_hz),
        median_mv=np.median(cut[alike], axis=0),
        sampling_rate_hz=sampling_rate_hz,
    )


def _qrs_energy(samples_mv: NDArray[np.float64], rate_hz: float) -> NDArray[np.float64]:
    """Slopes of all leads together, smoothed over 60 ms."""
    slopes = np.gradient(samples_mv, axis=1) * rate_hz
    energy = np.sqrt(np.square(slopes).mean(axis=0))
    smoothed: NDArray[np.float64] = ndimage.uniform_filter1d(energy, round(0.06 * rate_hz))
    return smoothed


def _peaks(energy: NDArray[np.float64], rate_hz: float) -> NDArray[np.intp]:
    """Peaks of the energy that stand out as QRS complexes do."""
    height = 0.35 * float(np.percentile(energy, 98))
    found, _ = signal.find_peaks(
        energy, height=height, prominence=0.7 * height, distance=round(_REFRACTORY_S * rate_hz)
    )
    peaks: NDArray[np.intp] = found
    return peaks


def _likeness(
    cut: NDArray[np.float64], median: NDArray[np.float64], before: int, rate_hz: float
) -> NDArray[np.float64]:
    """Correlation of each beat's QRS complex with the median's, over all leads at once."""
    around = slice(before - round(0.1 * rate_hz), before + round(0.14 * rate_hz))
    beats = cut[:, :, around].reshape(len(cut), -1)
    usual = median[:, around].ravel()
    beats, usual = beats - beats.mean(axis=1, keepdims=True), usual - usual.mean()
    norms = np.linalg.norm(beats, axis=1) * np.linalg.norm(usual)
    likeness: NDArray[np.float64] = beats @ usual / np.maximum(norms, 1e-12)
    return likeness


def _widths(
    energy: NDArray[np.float64], peaks: NDArray[np.intp], rate_hz: float
) -> NDArray[np.float64]:
    widths = signal.peak_widths(energy, peaks, rel_height=0.8)[0]
    seconds: NDArray[np.float64] = widths / rate_hz
    return seconds
