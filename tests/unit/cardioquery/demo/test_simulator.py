from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import find_peaks, periodogram

from cardioquery.demo.simulator import Rhythm, Simulation, csv_of, simulate
from ecg_core.leads import LEADS
from ecg_core.readers import ReadLimits, StatedFacts, UploadedFile, read_recording
from ecg_core.recording import Recording

RHYTHMS: Sequence[Rhythm] = ("sinus", "atrial-fibrillation")


def r_peaks_s(recording: Recording) -> NDArray[np.float64]:
    rate_hz = recording.sampling_rate_hz
    peaks, _ = find_peaks(recording.lead("II"), height=0.6, distance=round(0.2 * rate_hz))
    return np.asarray(peaks / rate_hz)


@pytest.mark.parametrize("rhythm", RHYTHMS)
def test_einthoven_and_goldberger_hold_with_noise(rhythm: Rhythm) -> None:
    made = simulate(Simulation(rhythm=rhythm, noise_mv=0.05))
    one, two, three, avr, avl, avf = (made.lead(lead) for lead in LEADS[:6])
    for residual in (
        one + three - two,
        avr + (one + two) / 2,
        avl - (one - three) / 2,
        avf - (two + three) / 2,
        avr + avl + avf,
    ):
        assert np.abs(residual).max() < 1e-6


@pytest.mark.parametrize("rate_bpm", [45.0, 70.0, 120.0])
@pytest.mark.parametrize("rhythm", RHYTHMS)
def test_heart_rate_is_as_asked(rhythm: Rhythm, rate_bpm: float) -> None:
    made = simulate(Simulation(rhythm=rhythm, heart_rate_bpm=rate_bpm, duration_s=60.0))
    intervals_s = np.diff(r_peaks_s(made))
    assert 60.0 / intervals_s.mean() == pytest.approx(rate_bpm, rel=0.1)


def test_only_fibrillation_is_irregular() -> None:
    spreads = {}
    for rhythm in RHYTHMS:
        intervals_s = np.diff(r_peaks_s(simulate(Simulation(rhythm=rhythm, duration_s=60.0))))
        spreads[rhythm] = intervals_s.std() / intervals_s.mean()
    assert spreads["sinus"] < 0.05
    assert spreads["atrial-fibrillation"] > 0.12


def test_p_waves_stand_before_sinus_beats_only() -> None:
    """The mean of lead II before the beats: a P wave's height there, or nothing."""
    heights = {}
    for rhythm in RHYTHMS:
        made = simulate(Simulation(rhythm=rhythm, duration_s=60.0, heart_rate_bpm=60.0))
        places = np.round((r_peaks_s(made)[1:] - 0.16) * made.sampling_rate_hz).astype(int)
        heights[rhythm] = made.lead("II")[places].mean()
    assert heights["sinus"] > 0.08
    assert heights["atrial-fibrillation"] < 0.05


def test_fibrillation_waves_stand_at_four_to_nine_hertz_in_v1() -> None:
    powers = {}
    for rhythm in RHYTHMS:
        made = simulate(Simulation(rhythm=rhythm, heart_rate_bpm=50.0, duration_s=30.0))
        between_beats = made.lead("V1").copy()
        between_beats[np.abs(between_beats) > 0.25] = 0.0
        frequencies_hz, power = periodogram(between_beats, made.sampling_rate_hz)
        powers[rhythm] = power[(frequencies_hz > 4) & (frequencies_hz < 9)].sum()
    assert powers["atrial-fibrillation"] > 5 * powers["sinus"]


def test_same_seed_gives_the_same_recording_and_another_another() -> None:
    first, again, other = (simulate(Simulation(seed=seed)).samples_mv for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_length_and_rate_are_as_asked() -> None:
    made = simulate(Simulation(duration_s=7.5, sampling_rate_hz=250.0))
    assert made.samples_mv.shape == (12, 1875)
    assert made.leads == LEADS


def test_csv_is_read_back_by_our_own_reader() -> None:
    made = simulate()
    read = read_recording([UploadedFile("a.csv", csv_of(made))], StatedFacts(), ReadLimits())
    assert read.leads == made.leads
    assert read.sampling_rate_hz == pytest.approx(made.sampling_rate_hz)
    np.testing.assert_allclose(read.samples_mv, made.samples_mv, atol=1e-5)
