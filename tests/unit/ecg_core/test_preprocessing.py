import numpy as np
import pytest
from scipy import signal

from ecg_core.leads import LEADS
from ecg_core.preprocessing import PreprocessingSpec, prepare
from ecg_core.recording import Recording
from tests.support.recordings import make_recording

SPEC = PreprocessingSpec()
INNER = slice(200, 800)  # away from the ends, where any filter settles
GOLDEN_I = [0.0013, -2.0274, 0.9766, 0.0023, 1.4615, 0.1676]


def sine(frequency_hz: float, rate_hz: float = 500.0, duration_s: float = 10.0) -> Recording:
    time_s = np.arange(round(rate_hz * duration_s)) / rate_hz
    wave = np.sin(2 * np.pi * frequency_hz * time_s).astype(np.float32)
    return Recording(np.tile(wave, (12, 1)), LEADS, rate_hz, "csv")


def permuted(recording: Recording, order: list[int]) -> Recording:
    leads = tuple(recording.leads[row] for row in order)
    return Recording(
        recording.samples_mv[order], leads, recording.sampling_rate_hz, recording.format
    )


def resampled(recording: Recording, rate_hz: float) -> Recording:
    ratio = rate_hz / recording.sampling_rate_hz
    up, down = (int(ratio), 1) if ratio >= 1 else (1, round(1 / ratio))
    samples = signal.resample_poly(recording.samples_mv, up, down, axis=1, padtype="line")
    return Recording(samples.astype(np.float32), recording.leads, rate_hz, recording.format)


def test_windows_have_the_shape_that_the_encoder_takes():
    prepared = prepare(make_recording(), SPEC)
    assert prepared.windows.shape == (1, 12, 1000)
    assert prepared.windows.dtype == np.float32
    assert not prepared.windows.flags.writeable


def test_golden_output_is_pinned():
    # A chirp in lead I and its half in II: everything else follows or is zero. Five numbers each
    # from the start, the middle and the end, so that neither filter nor resampling can drift.
    time_s = np.arange(5000) / 500.0
    chirp = np.sin(2 * np.pi * (1 + time_s) * time_s).astype(np.float32)
    recording = Recording(np.stack([chirp, chirp / 2]), ("I", "II"), 500.0, "csv")
    window = prepare(recording, SPEC).windows[0]
    golden = {
        0: GOLDEN_I,
        LEADS.index("aVL"): [0.75 * value for value in GOLDEN_I],
        LEADS.index("V1"): [0.0] * 6,
    }
    for row, expected in golden.items():
        np.testing.assert_allclose(window[row, [0, 50, 333, 500, 777, 999]], expected, atol=2e-4)


def test_permuting_the_leads_changes_nothing():
    recording = make_recording()
    shuffled = permuted(recording, [3, 0, 11, 7, 5, 1, 10, 2, 8, 4, 9, 6])
    np.testing.assert_array_equal(prepare(shuffled, SPEC).windows, prepare(recording, SPEC).windows)


@pytest.mark.parametrize("rate_hz", [250.0, 1000.0])
def test_copies_at_other_rates_agree_within_20_microvolts(rate_hz):
    recording = make_recording()
    difference = (
        prepare(resampled(recording, rate_hz), SPEC).windows - prepare(recording, SPEC).windows
    )
    assert np.abs(difference).max() * SPEC.millivolts_per_unit < 0.02


def test_frequencies_above_the_new_nyquist_do_not_alias():
    aliased = prepare(sine(130.0), SPEC).windows[0, :, INNER]
    assert np.abs(aliased).max() * SPEC.millivolts_per_unit < 0.01


def test_baseline_wander_is_taken_off_and_the_qrs_band_is_kept():
    assert np.abs(prepare(sine(0.05, duration_s=30.0), SPEC).windows[1, :, INNER]).max() < 0.1
    kept = np.abs(prepare(sine(12.0), SPEC).windows[0, :, INNER]).max()
    assert kept * SPEC.millivolts_per_unit == pytest.approx(1.0, abs=0.05)


def test_limb_leads_are_derived_and_said_so():
    recording = make_recording()
    rows = [recording.leads.index(lead) for lead in ("II", "aVL", *LEADS[6:])]
    prepared = prepare(permuted(recording, rows), SPEC)
    np.testing.assert_allclose(prepared.windows, prepare(recording, SPEC).windows, atol=1e-4)
    assert "derived aVR from II, aVL" in prepared.steps
    assert prepared.missing_leads == ()


def test_missing_chest_lead_becomes_zeros_and_is_said():
    recording = make_recording()
    rows = [row for row, lead in enumerate(recording.leads) if lead != "V3"]
    prepared = prepare(permuted(recording, rows), SPEC)
    assert prepared.missing_leads == ("V3",)
    assert not prepared.windows[0, LEADS.index("V3")].any()


def test_short_recording_is_padded_and_said():
    prepared = prepare(sine(5.0, duration_s=6.0), SPEC)
    assert prepared.windows.shape == (1, 12, 1000)
    assert "padded with 4.00 s of zeros" in prepared.steps
    assert not prepared.windows[0, :, 600:].any()


@pytest.mark.parametrize(("duration_s", "windows"), [(10.0, 1), (10.5, 2), (30.0, 3), (61.0, 7)])
def test_long_recording_is_covered_by_windows(duration_s, windows):
    prepared = prepare(sine(5.0, duration_s=duration_s), SPEC)
    assert prepared.windows.shape == (windows, 12, 1000)


def test_unchecked_recording_is_not_prepared():
    samples = np.zeros((12, 5000), dtype=np.float32)
    samples[3, 7] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        prepare(Recording(samples, LEADS, 500.0, "csv"), SPEC)


def test_the_callers_array_is_neither_changed_nor_shared():
    samples = np.ones((12, 5000), dtype=np.float32)
    recording = Recording(samples, LEADS, 500.0, "csv")
    samples[:] = 7
    assert recording.samples_mv.max() == 1
    with pytest.raises(ValueError, match="read-only"):
        recording.samples_mv[0, 0] = 2
