"""What the quality check refuses, all at once, and what it hands on."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from ecg_core.errors import FaultCode, UnusableRecording
from ecg_core.leads import LEADS
from ecg_core.preprocessing import PreprocessingSpec, prepare
from ecg_core.quality import QualityReport, QualityWarningCode, check_recording
from ecg_core.recording import Recording
from tests.support.recordings import make_recording

Samples = NDArray[np.float32]


def changed(change: Callable[[Samples], None], recording: Recording | None = None) -> Recording:
    """A regular rhythm, some samples of which are changed in place; rows are LEADS."""
    recording = recording or make_recording()
    samples_mv = recording.samples_mv.copy()
    change(samples_mv)
    return Recording(samples_mv, recording.leads, recording.sampling_rate_hz, recording.format)


def with_rate(rate_hz: float, length: int = 5000) -> Recording:
    samples_mv = np.resize(make_recording().samples_mv, (12, length))
    return Recording(samples_mv, LEADS, rate_hz, "csv")


def faults_of(
    recording: Recording, *, allow_missing_leads: bool = False
) -> list[tuple[FaultCode, str | None]]:
    with pytest.raises(UnusableRecording) as caught:
        check_recording(recording, allow_missing_leads=allow_missing_leads)
    return [(fault.code, fault.lead) for fault in caught.value.faults]


def warned(report: QualityReport) -> list[tuple[str, str | None]]:
    return [(warning.code.value, warning.lead) for warning in report.warnings]


def set_row(lead: str, value: float) -> Callable[[Samples], None]:
    def change(samples_mv: Samples) -> None:
        samples_mv[LEADS.index(lead)] = value

    return change


def test_clean_recording_passes_untouched_and_without_warnings() -> None:
    recording = make_recording()
    report = check_recording(recording)
    assert report.recording is recording
    assert report.warnings == ()
    assert report.acceptable


class TestLeads:
    def test_missing_lead_is_refused_by_name(self) -> None:
        recording = make_recording(leads=[lead for lead in LEADS if lead not in {"V3", "V6"}])
        missing = FaultCode.MISSING_LEAD
        assert faults_of(recording) == [(missing, "V3"), (missing, "V6")]

    def test_limb_leads_that_follow_from_two_others_are_not_missing(self) -> None:
        recording = make_recording(leads=("II", "aVL", *LEADS[6:]))
        assert check_recording(recording).warnings == ()

    def test_one_limb_lead_gives_no_others(self) -> None:
        leads = [lead for _, lead in faults_of(make_recording(leads=("II", *LEADS[6:])))]
        assert leads == ["I", "III", "aVR", "aVL", "aVF"]

    @pytest.mark.parametrize("value", [0.0, 80.0, -32.768])
    def test_flat_lead_is_refused_by_name(self, value: float) -> None:
        recording = changed(set_row("V4", value))
        assert faults_of(recording) == [(FaultCode.FLAT_LEAD, "V4")]

    def test_dither_of_a_converter_is_flat(self) -> None:
        def dither(samples_mv: Samples) -> None:
            samples_mv[8, ::2], samples_mv[8, 1::2] = 0.005, 0.0

        assert faults_of(changed(dither)) == [(FaultCode.FLAT_LEAD, "V3")]

    def test_allowed_missing_and_flat_leads_are_warned_of_and_left_out(self) -> None:
        recording = changed(
            lambda samples_mv: samples_mv[-1].fill(0.0),
            make_recording(leads=[lead for lead in LEADS if lead != "V2"]),
        )
        report = check_recording(recording, allow_missing_leads=True)
        assert warned(report) == [("missing_lead", "V2"), ("flat_lead", "V6")]
        assert report.recording.leads == recording.leads[:-1]
        assert prepare(report.recording, PreprocessingSpec()).missing_leads == ("V2", "V6")

    def test_flat_limb_lead_is_derived_from_the_others_when_allowed(self) -> None:
        report = check_recording(changed(set_row("aVL", 0.0)), allow_missing_leads=True)
        assert prepare(report.recording, PreprocessingSpec()).missing_leads == ()

    def test_one_lead_is_enough_when_allowed(self) -> None:
        report = check_recording(make_recording(leads=("II",)), allow_missing_leads=True)
        assert report.recording.leads == ("II",)

    def test_no_lead_left_is_refused_even_when_allowed(self) -> None:
        recording = changed(lambda samples_mv: samples_mv.fill(1.0))
        faults = faults_of(recording, allow_missing_leads=True)
        assert faults == [(FaultCode.FLAT_LEAD, lead) for lead in LEADS]

    def test_recording_without_any_lead_is_refused(self) -> None:
        recording = Recording(np.empty((0, 5000), np.float32), (), 500.0, "csv")
        faults = faults_of(recording, allow_missing_leads=True)
        assert faults == [(FaultCode.MISSING_LEAD, lead) for lead in LEADS]


class TestSamples:
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_sample_that_is_not_finite_is_refused_by_lead(self, value: float) -> None:
        def spoil(samples_mv: Samples) -> None:
            samples_mv[3, 17] = samples_mv[11, -1] = value

        non_finite = FaultCode.NON_FINITE
        assert faults_of(changed(spoil)) == [(non_finite, "aVR"), (non_finite, "V6")]

    def test_missing_leads_may_not_be_not_a_number_even_when_allowed(self) -> None:
        recording = changed(set_row("V1", np.nan))
        faults = faults_of(recording, allow_missing_leads=True)
        assert faults == [(FaultCode.NON_FINITE, "V1")]

    def test_microvolts_taken_for_millivolts_are_refused(self) -> None:
        faults = faults_of(changed(lambda samples_mv: np.multiply(samples_mv, 1e3, samples_mv)))
        assert faults == [(FaultCode.IMPLAUSIBLE_AMPLITUDE, lead) for lead in LEADS]

    def test_volts_taken_for_millivolts_are_refused_once(self) -> None:
        faults = faults_of(changed(lambda samples_mv: np.multiply(samples_mv, 1e-3, samples_mv)))
        assert faults == [(FaultCode.IMPLAUSIBLE_AMPLITUDE, None)]

    def test_largest_numbers_do_not_overflow(self) -> None:
        def spoil(samples_mv: Samples) -> None:
            samples_mv[5, ::2], samples_mv[5, 1::2] = 3e38, -3e38

        assert faults_of(changed(spoil)) == [(FaultCode.IMPLAUSIBLE_AMPLITUDE, "aVF")]

    @pytest.mark.parametrize("value", [1001.0, -1e4, 1e30])
    def test_one_sample_that_no_electrode_gives_is_refused(self, value: float) -> None:
        def spoil(samples_mv: Samples) -> None:
            samples_mv[2, 100] = value

        assert faults_of(changed(spoil)) == [(FaultCode.IMPLAUSIBLE_AMPLITUDE, "III")]

    def test_one_large_artefact_is_not_refused(self) -> None:
        def spike(samples_mv: Samples) -> None:
            samples_mv[7, 2000:2010] += 60.0

        assert check_recording(changed(spike)).warnings


class TestTiming:
    @pytest.mark.parametrize("rate_hz", [0.0, -500.0, 1e-7, 49.9, 2001.0, np.nan, np.inf])
    def test_implausible_rate_is_refused(self, rate_hz: float) -> None:
        assert faults_of(with_rate(rate_hz)) == [(FaultCode.IMPLAUSIBLE_SAMPLING_RATE, None)]

    @pytest.mark.parametrize("samples", [1, 2, 100, 1249])
    def test_short_recording_is_refused(self, samples: int) -> None:
        faults = faults_of(changed(lambda _: None, with_rate(500.0, samples)))
        assert (FaultCode.TOO_SHORT, None) in faults

    def test_recording_without_samples_is_refused(self) -> None:
        assert faults_of(with_rate(500.0, 0)) == [(FaultCode.TOO_SHORT, None)]

    def test_shortest_recording_passes_with_a_warning(self) -> None:
        report = check_recording(make_recording(duration_s=2.5))
        assert warned(report) == [("short_recording", None)]

    def test_long_recording_is_refused(self) -> None:
        samples_mv = np.resize(make_recording(sampling_rate_hz=50.0).samples_mv, (12, 90_001))
        recording = Recording(samples_mv, LEADS, 50.0, "csv")
        assert faults_of(recording) == [(FaultCode.TOO_LONG, None)]


def test_all_faults_are_reported_at_once() -> None:
    def spoil(samples_mv: Samples) -> None:
        samples_mv[1] = 0.0
        samples_mv[2, 5] = np.nan
        samples_mv[3] *= 1e3

    recording = changed(
        spoil, make_recording(leads=[lead for lead in LEADS if lead != "V6"], duration_s=2.0)
    )
    assert faults_of(recording) == [
        (FaultCode.TOO_SHORT, None),
        (FaultCode.MISSING_LEAD, "V6"),
        (FaultCode.FLAT_LEAD, "II"),
        (FaultCode.NON_FINITE, "III"),
        (FaultCode.IMPLAUSIBLE_AMPLITUDE, "aVR"),
    ]


def test_every_absence_is_a_warning_of_the_same_name() -> None:
    for code in (FaultCode.MISSING_LEAD, FaultCode.FLAT_LEAD):
        assert QualityWarningCode(code.value)
