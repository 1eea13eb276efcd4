"""Recordings that are not whole, answered by what the bundle says of them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logit

from ecg_core.lead_sets import LeadSet, LeadSets
from ecg_core.leads import LEADS, LIMB_LEADS
from ecg_core.readers import UploadedFile
from service.engine.diagnosis import Diagnosis, DiagnosisEngine, Question
from tests.support.recordings import make_recording, make_wfdb
from tests.support.service import make_engine

ASKED = ("atrial fibrillation", "LBBB", "anterior myocardial infarction")
SETS = LeadSets(
    sets=(
        LeadSet(
            name="limb leads", leads=LIMB_LEADS, temperature=2.0, bias=1.5,
            calibrated=("atrial-fibrillation",),
            uncalibrated=("complete-left-bundle-branch-block",),
        ),
    ),
    shortest_calibrated_s=5.0,
    poor_is_calibrated=False,
)  # fmt: skip


def ecg(leads: Sequence[str] = LEADS, **changes: object) -> tuple[UploadedFile, ...]:
    return tuple(make_wfdb(make_recording(leads=leads, **changes)))


@pytest.fixture
def engine() -> DiagnosisEngine:
    return make_engine(lead_sets=SETS)


def diagnose(
    engine: DiagnosisEngine, files: tuple[UploadedFile, ...], queries: tuple[str, ...] = ASKED
) -> Diagnosis:
    return engine.diagnose(files, Question(queries, allow_missing_leads=True))


def said(diagnosis: Diagnosis) -> dict[str, tuple[bool, bool, str | None]]:
    return {
        f.query.text: (f.probability is not None, f.calibrated, f.reason and f.reason.value)
        for f in diagnosis.findings
    }


@pytest.mark.parametrize("leads", [LIMB_LEADS, ("I", "II"), (*LIMB_LEADS, "V1", "V6")])
def test_each_condition_has_the_verdict_of_the_largest_set(
    engine: DiagnosisEngine, leads: tuple[str, ...]
) -> None:
    assert said(diagnose(engine, ecg(leads))) == {
        ASKED[0]: (True, True, None),
        ASKED[1]: (True, False, None),
        ASKED[2]: (False, False, "missing_leads"),
    }


def test_leads_beyond_the_set_change_no_condition_and_a_step_says_so(
    engine: DiagnosisEngine,
) -> None:
    limb, more = (diagnose(engine, ecg(x)) for x in (LIMB_LEADS, (*LIMB_LEADS, "V1", "V6")))
    for one, other in zip(limb.findings, more.findings, strict=True):
        assert one.probability == pytest.approx(other.probability, abs=1e-6)
    assert any("V1, V6 not used" in step for step in more.steps)
    assert not any("not used" in step for step in limb.steps)


def test_the_probability_is_that_of_the_sets_calibration() -> None:
    plain = LeadSets(
        sets=(SETS.sets[0].model_copy(update={"temperature": 1.0, "bias": 0.0}),),
        shortest_calibrated_s=5.0,
        poor_is_calibrated=False,
    )
    # One that holds no narrower one: nothing is composed.
    asked = ("atrial fibrillation",)
    odds = [
        logit(diagnose(make_engine(lead_sets=sets), ecg(LIMB_LEADS), asked).findings[0].probability)
        for sets in (plain, SETS)
    ]
    assert odds[1] == pytest.approx(odds[0] / 2 + 1.5, abs=1e-4)


def test_leads_of_no_set_answer_measurements_alone(engine: DiagnosisEngine) -> None:
    found = said(diagnose(engine, ecg(("V1", "V2")), (*ASKED, "R amplitude in V1 above 3 mV")))
    assert {found[text] for text in ASKED} == {(False, False, "missing_leads")}


def test_a_limb_lead_that_others_give_is_not_missing(engine: DiagnosisEngine) -> None:
    leads = ("I", "II", *LEADS[6:])
    assert set(said(diagnose(engine, ecg(leads))).values()) == {(True, True, None)}


@pytest.mark.parametrize(("seconds", "calibrated"), [(4.0, False), (6.0, True), (10.0, True)])
def test_short_recordings_are_calibrated_from_the_length_on_that_was_decided(
    engine: DiagnosisEngine, seconds: float, calibrated: bool
) -> None:
    for leads in (LEADS, LIMB_LEADS):
        found = said(diagnose(engine, ecg(leads, duration_s=seconds), ASKED[:1]))
        assert found[ASKED[0]] == (True, calibrated, None)


@pytest.mark.parametrize("calibrated", [True, False])
def test_poor_recordings_are_calibrated_if_that_was_decided(calibrated: bool) -> None:
    decided = SETS.model_copy(update={"poor_is_calibrated": calibrated})
    recording = make_recording()
    noise = np.random.default_rng(0).normal(0, 2, recording.samples_mv.shape)
    noisy = replace(recording, samples_mv=(recording.samples_mv + noise).astype(np.float32))
    diagnosis = diagnose(make_engine(lead_sets=decided), tuple(make_wfdb(noisy)), ASKED[:1])
    assert "poor_quality" in {warning.code for warning in diagnosis.warnings}
    assert diagnosis.findings[0].calibrated is calibrated


def test_a_bundle_without_lead_sets_answers_rhythms_alone_and_never_as_calibrated() -> None:
    found = said(diagnose(make_engine(), ecg(LIMB_LEADS)))
    assert found[ASKED[0]] == (True, False, None)
    assert found[ASKED[1]] == found[ASKED[2]] == (False, False, "missing_leads")
