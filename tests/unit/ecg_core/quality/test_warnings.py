"""What the quality check warns of, by lead, and what it does not depend on."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from ecg_core.leads import LEADS
from ecg_core.quality import check_recording
from ecg_core.quality.measures import measure
from ecg_core.quality.verdict import verdict_features
from ecg_core.recording import Recording
from tests.support.recordings import make_recording

Samples = NDArray[np.float32]
RATE_HZ = 500.0
SECONDS = np.arange(5000) / RATE_HZ


def codes(recording: Recording) -> set[tuple[str, str | None]]:
    warnings = check_recording(recording, allow_missing_leads=True).warnings
    return {(warning.code.value, warning.lead) for warning in warnings}


def changed(change: Callable[[Samples], None], recording: Recording | None = None) -> Recording:
    recording = recording or make_recording()
    samples_mv = recording.samples_mv.copy()
    change(samples_mv)
    return Recording(samples_mv, recording.leads, recording.sampling_rate_hz, recording.format)


def disturbed(lead: str, disturbance: NDArray[np.float64]) -> Recording:
    def add(samples_mv: Samples) -> None:
        samples_mv[LEADS.index(lead)] += disturbance.astype(np.float32)

    return changed(add)


class TestDisturbances:
    def test_lead_that_is_off_for_a_while(self) -> None:
        def hold(samples_mv: Samples) -> None:
            samples_mv[6, 1000:2500] = samples_mv[6, 1000]

        assert codes(changed(hold)) == {("flat_stretch", "V1")}

    def test_padding_with_zeros_is_seen_in_every_lead(self) -> None:
        found = codes(changed(lambda samples_mv: samples_mv[:, 4000:].fill(0.0)))
        assert {("flat_stretch", lead) for lead in LEADS} <= found

    def test_clipped_lead(self) -> None:
        def clip(samples_mv: Samples) -> None:
            np.clip(2 * samples_mv[10], None, 1.5, out=samples_mv[10])

        assert codes(changed(clip)) == {("clipping", "V5")}

    def test_baseline_wander(self) -> None:
        recording = disturbed("V2", 1.2 * np.sin(2 * np.pi * 0.3 * SECONDS))
        assert codes(recording) == {("baseline_wander", "V2")}

    def test_muscle_noise(self) -> None:
        noise = 0.08 * np.random.default_rng(1).standard_normal(5000)
        assert codes(disturbed("V3", noise)) == {("high_frequency_noise", "V3")}

    @pytest.mark.parametrize("mains_hz", [49.9, 50.0, 60.0])
    def test_mains_hum(self, mains_hz: float) -> None:
        recording = disturbed("V6", 0.1 * np.sin(2 * np.pi * mains_hz * SECONDS))
        assert ("mains_hum", "V6") in codes(recording)

    def test_baseline_step(self) -> None:
        found = codes(disturbed("V4", np.where(SECONDS > 5, 1.4, 0.0)))
        assert ("baseline_step", "V4") in found

    def test_burst(self) -> None:
        burst = np.where((SECONDS > 4) & (SECONDS < 4.3), 8 * np.sin(40 * SECONDS), 0.0)
        assert ("burst", "V4") in codes(disturbed("V4", burst))


def arms_swapped(recording: Recording) -> Recording:
    sources = {"I": (-1, "I"), "II": (1, "III"), "III": (1, "II")}
    sources |= {"aVR": (1, "aVL"), "aVL": (1, "aVR")}
    rows = []
    for lead in recording.leads:
        sign, source = sources.get(lead, (1, lead))
        rows.append(sign * recording.lead(source))
    return Recording(np.stack(rows), recording.leads, recording.sampling_rate_hz, "wfdb")


class TestLimbLeads:
    def test_limb_leads_that_contradict_einthoven(self) -> None:
        assert codes(disturbed("III", np.sin(5 * SECONDS))) == {("limb_leads_inconsistent", None)}

    def test_offsets_do_not_contradict_einthoven(self) -> None:
        assert codes(disturbed("III", np.full(5000, 3.0))) == set()

    def test_rounding_does_not_contradict_einthoven(self) -> None:
        recording = changed(lambda samples_mv: np.round(samples_mv, 2, out=samples_mv))
        assert codes(recording) == set()

    def test_swapped_arm_electrodes(self) -> None:
        swapped = arms_swapped(make_recording())
        assert codes(swapped) == {("limb_leads_swapped", None)}
        assert "arm electrodes" in check_recording(swapped).warnings[0].detail

    def test_swapped_arm_and_leg_electrodes(self) -> None:
        recording = make_recording(leads=("I", "II", "V1", "V2", "V3", "V4", "V5", "V6"))

        def swap(samples_mv: Samples) -> None:
            one, two = samples_mv[0].copy(), samples_mv[1].copy()
            samples_mv[0], samples_mv[1] = one - two, -two

        swapped = changed(swap, recording)
        assert codes(swapped) == {("limb_leads_swapped", None)}
        assert "left leg" in check_recording(swapped).warnings[0].detail

    def test_right_leg_electrode_on_an_arm(self) -> None:
        recording = make_recording(leads=("I", "II", *LEADS[6:]))
        swapped = changed(lambda samples_mv: np.multiply(samples_mv[1], 0.03, samples_mv[1]))
        swapped = Recording(swapped.samples_mv[[0, 1, *range(6, 12)]], recording.leads, 500, "csv")
        assert ("limb_leads_swapped", None) in codes(swapped)

    def test_without_v6_nothing_is_said_of_swaps(self) -> None:
        swapped = arms_swapped(make_recording())
        recording = Recording(swapped.samples_mv[:11], LEADS[:11], RATE_HZ, "wfdb")
        assert codes(recording) == {("missing_lead", "V6")}


def spoilt() -> Recording:
    """Electrodes in motion: large jumps and drift in the chest leads."""
    generator = np.random.default_rng(7)
    walk = np.cumsum(generator.standard_normal((6, 40)), axis=1)
    motion = 3.0 * np.repeat(walk, 125, axis=1)

    def add(samples_mv: Samples) -> None:
        samples_mv[6:] += motion.astype(np.float32)

    return changed(add)


def at_rate(recording: Recording, rate_hz: int) -> Recording:
    samples_mv = signal.resample_poly(recording.samples_mv, rate_hz, 500, axis=1, padtype="line")
    return Recording(samples_mv, recording.leads, float(rate_hz), recording.format)


class TestVerdict:
    def test_spoilt_recording_is_not_acceptable_and_says_so(self) -> None:
        report = check_recording(spoilt())
        assert not report.acceptable
        assert "poor_quality" in {warning.code.value for warning in report.warnings}

    def test_long_recording_with_one_bad_window_is_acceptable(self) -> None:
        def spoil(samples_mv: Samples) -> None:
            samples_mv[:, :5000] += spoilt().samples_mv - make_recording().samples_mv

        recording = changed(spoil, make_recording(duration_s=40.0))
        assert check_recording(recording).acceptable

    @pytest.mark.parametrize("make", [make_recording, spoilt])
    def test_order_of_the_leads_changes_nothing(self, make: Callable[[], Recording]) -> None:
        recording = make()
        order = np.random.default_rng(3).permutation(12)
        permuted = Recording(
            recording.samples_mv[order], tuple(LEADS[row] for row in order), RATE_HZ, "wfdb"
        )
        assert codes(permuted) == codes(recording)
        one, other = (verdict_features(measure(each)) for each in (recording, permuted))
        np.testing.assert_array_equal(one, other)

    @pytest.mark.parametrize("rate_hz", [100, 250, 1000])
    @pytest.mark.parametrize("make", [make_recording, spoilt])
    def test_sampling_rate_changes_little(
        self, make: Callable[[], Recording], rate_hz: int
    ) -> None:
        recording = make()
        copy = at_rate(recording, rate_hz)
        assert check_recording(copy).acceptable == check_recording(recording).acceptable
        one, other = (verdict_features(measure(each)) for each in (recording, copy))
        np.testing.assert_allclose(one, other, atol=0.05)

    def test_samples_are_not_changed(self) -> None:
        recording = spoilt()
        before = recording.samples_mv.copy()
        assert check_recording(recording).recording is recording
        np.testing.assert_array_equal(recording.samples_mv, before)
