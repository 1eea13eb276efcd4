"""A simulated 12-lead ECG: a heart dipole that moves, seen from twelve directions.

Each beat is a sum of Gaussian waves, as in McSharry et al., "A dynamical model for generating
synthetic electrocardiogram signals" (IEEE Trans Biomed Eng 2003), here in three dimensions. Dower's
transform (1980) gives leads I, II and V1-V6 from the dipole; the other limb leads follow from I and
II, so that Einthoven's and Goldberger's equations hold, noise included.

What comes out is synthetic: it shows that a file is read and scored, never how well.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ecg_core.leads import CHEST_LEADS, LEADS, derive_limb_lead
from ecg_core.recording import Recording

Rhythm = Literal["sinus", "atrial-fibrillation"]

# Frank's axes: left, foot, back. One row a lead: I, II, V1-V6.
_DOWER = np.array(
    [
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ]
)
# The atria's fibrillation is seen best in V1, to the right and in front.
_FIBRILLATION_MV = np.array([-0.04, 0.03, -0.08])
_FIBRILLATION_HZ = 6.0


@dataclass(frozen=True, slots=True)
class _Wave:
    """One wave of a beat: when, how wide, and where the dipole points at its peak.

    Attributes:
        after_r_s: Seconds after the R peak, at 60 beats a minute.
        width_s: Standard deviation of its Gaussian.
        dipole_mv: Left, foot, back.
        stretches: Whether it comes later in a longer beat (Bazett: with the root of its length).
    """

    after_r_s: float
    width_s: float
    dipole_mv: tuple[float, float, float]
    stretches: bool = False


_P = _Wave(-0.16, 0.022, (0.09, 0.10, -0.02))
_VENTRICLES = (
    _Wave(-0.024, 0.008, (-0.13, -0.05, -0.12)),  # Q: the septum, to the right and in front
    _Wave(0.0, 0.012, (1.00, 0.80, 0.10)),  # R: the free walls, to the left and down
    _Wave(0.026, 0.010, (-0.10, -0.16, 0.55)),  # S: the base, to the back
    _Wave(0.29, 0.045, (0.25, 0.21, -0.12), stretches=True),  # T
)


@dataclass(frozen=True, slots=True)
class Simulation:
    """Parameters of a simulated recording.

    Attributes:
        rhythm: `sinus`, or `atrial-fibrillation`: irregular beats, no P, fibrillation waves.
        heart_rate_bpm: Mean rate of the ventricles.
        duration_s: Length.
        sampling_rate_hz: Samples a second.
        noise_mv: Standard deviation of white noise in each electrode.
        seed: The same seed gives the same recording.
    """

    rhythm: Rhythm = "sinus"
    heart_rate_bpm: float = 70.0
    duration_s: float = 10.0
    sampling_rate_hz: float = 500.0
    noise_mv: float = 0.01
    seed: int = 0


def simulate(parameters: Simulation | None = None) -> Recording:
    """A synthetic recording of the twelve standard leads.

    Args:
        parameters: What to simulate; a sinus rhythm by default.

    Returns:
        A recording in millivolts, as if read from a CSV.
    """
    parameters = parameters or Simulation()
    random = np.random.default_rng(parameters.seed)
    count = round(parameters.duration_s * parameters.sampling_rate_hz)
    time_s = np.arange(count) / parameters.sampling_rate_hz
    r_peaks_s = _r_peaks_s(parameters, random)
    dipole_mv = _ventricles_mv(time_s, r_peaks_s)
    if parameters.rhythm == "sinus":
        dipole_mv += _waves_mv(time_s, r_peaks_s[1:], np.diff(r_peaks_s), _P)
    else:
        dipole_mv += _fibrillation_mv(time_s, random)
    independent_mv = _DOWER @ dipole_mv
    independent_mv += random.normal(0.0, parameters.noise_mv, independent_mv.shape)
    return Recording(_twelve_leads(independent_mv), LEADS, parameters.sampling_rate_hz, "csv")


def _r_peaks_s(parameters: Simulation, random: np.random.Generator) -> NDArray[np.float64]:
    """Times of the R peaks, from a beat before the recording to a beat after it."""
    mean_s = 60.0 / parameters.heart_rate_bpm
    count = int(parameters.duration_s / mean_s * 2) + 8
    spread = 0.02 if parameters.rhythm == "sinus" else 0.22
    intervals_s = mean_s * np.clip(random.normal(1.0, spread, count), 0.5, 1.8)
    return np.cumsum(intervals_s) - 1.5 * mean_s


def _ventricles_mv(
    time_s: NDArray[np.float64], r_peaks_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    dipole_mv = np.zeros((3, len(time_s)))
    for wave in _VENTRICLES:
        dipole_mv += _waves_mv(time_s, r_peaks_s[1:], np.diff(r_peaks_s), wave)
    return dipole_mv


def _waves_mv(
    time_s: NDArray[np.float64],
    r_peaks_s: NDArray[np.float64],
    intervals_s: NDArray[np.float64],
    wave: _Wave,
) -> NDArray[np.float64]:
    """One wave of every beat, shape (axis, sample).

    Args:
        time_s: Shape (sample,).
        r_peaks_s: Shape (beat,).
        intervals_s: Length of the beat before each R peak, shape (beat,).
        wave: Which wave.
    """
    stretch = np.sqrt(np.clip(intervals_s, 0.4, 1.5)) if wave.stretches else np.ones(len(r_peaks_s))
    centres_s = r_peaks_s + wave.after_r_s * stretch
    distances = (time_s[np.newaxis] - centres_s[:, np.newaxis]) / (
        wave.width_s * stretch[:, np.newaxis]
    )
    course = np.exp(-0.5 * distances**2).sum(axis=0)
    return np.outer(np.array(wave.dipole_mv), course)


def _fibrillation_mv(
    time_s: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.float64]:
    """Waves of wandering frequency and size, shape (axis, sample)."""
    wander = np.sin(2 * np.pi * 0.23 * time_s + random.uniform(0, 2 * np.pi))
    size = 1.0 + 0.3 * np.sin(2 * np.pi * 0.37 * time_s + random.uniform(0, 2 * np.pi))
    phase = 2 * np.pi * _FIBRILLATION_HZ * time_s + 3.0 * wander
    course = size * (np.sin(phase) + 0.35 * np.sin(2 * phase + 0.7))
    return np.outer(_FIBRILLATION_MV, course)


def _twelve_leads(independent_mv: NDArray[np.float64]) -> NDArray[np.float32]:
    """All leads in the standard order, from I, II and V1-V6; shape (lead, sample)."""
    pair_mv = independent_mv[:2].astype(np.float32)
    chest_mv = dict(zip(CHEST_LEADS, independent_mv[2:].astype(np.float32), strict=True))
    return np.stack(
        [
            chest_mv[lead] if lead in chest_mv else derive_limb_lead(lead, ("I", "II"), pair_mv)
            for lead in LEADS
        ]
    )


def csv_of(recording: Recording) -> bytes:
    """The recording as a CSV with a time column and leads in millivolts."""
    count = recording.samples_mv.shape[1]
    time_s = np.arange(count) / recording.sampling_rate_hz
    header = ",".join(["time (s)", *(f"{lead} (mV)" for lead in recording.leads)])
    lines = [
        ",".join([f"{seconds:.4f}", *(f"{value:.5f}" for value in values)])
        for seconds, values in zip(time_s, recording.samples_mv.T, strict=True)
    ]
    return "\n".join([header, *lines, ""]).encode()
