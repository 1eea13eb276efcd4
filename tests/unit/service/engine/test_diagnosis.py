from collections.abc import Callable

import numpy as np
import pytest

from ecg_core.calibration import Calibration
from ecg_core.checkpoint import no_checkpoint
from ecg_core.errors import (
    DeadlineExceeded,
    Fault,
    FaultCode,
    InferenceFailed,
    InputError,
    InvalidQuery,
    UnsupportedFormat,
    UnusableRecording,
)
from ecg_core.leads import LEADS
from ecg_core.readers import UploadedFile
from service.engine.diagnosis import Diagnosis, DiagnosisEngine, Question
from service.errors import InvalidParameter
from tests.support.dicom import make_dicom, make_group
from tests.support.recordings import make_recording, make_wfdb
from tests.support.service import FakeEcgEncoder, make_engine, make_resolver

UNSEEN = "the heart trembles somehow"
STAGES = (
    "parse", "quality", "embed_queries", "preprocess", "measure", "encode", "fuse", "total",
)  # fmt: skip


FILES = tuple(make_wfdb())


def probabilities(diagnosis: Diagnosis) -> dict[str, float]:
    return {finding.query.text: finding.probability for finding in diagnosis.findings}


@pytest.fixture
def engine() -> DiagnosisEngine:
    return make_engine()


def test_findings_are_ranked_by_probability(engine: DiagnosisEngine) -> None:
    findings = engine.diagnose(FILES, Question(("sinus rhythm", "AFib", UNSEEN))).findings
    assert [finding.rank for finding in findings] == [1, 2, 3]
    ranked = [finding.probability for finding in findings]
    assert ranked == sorted(ranked, reverse=True)
    assert all(0 <= probability <= 1 for probability in ranked)


def test_top_k_cuts_the_ranking_and_changes_nothing_else(engine: DiagnosisEngine) -> None:
    texts = ("sinus rhythm", "AFib", UNSEEN)
    everything = engine.diagnose(FILES, Question(texts)).findings
    assert [f.probability for f in engine.diagnose(FILES, Question(texts, top_k=2)).findings] == [
        f.probability for f in everything[:2]
    ]
    assert len(engine.diagnose(FILES, Question(texts, top_k=99)).findings) == 3


def test_adding_removing_or_reordering_queries_changes_no_other_probability(
    engine: DiagnosisEngine,
) -> None:
    texts = ("sinus rhythm", "AFib", "no atrial fibrillation", UNSEEN)
    together = probabilities(engine.diagnose(FILES, Question(texts)))
    turned = probabilities(engine.diagnose(FILES, Question(tuple(reversed(texts)))))
    for text in texts:
        alone = probabilities(engine.diagnose(FILES, Question((text,))))
        assert alone[text] == pytest.approx(together[text], abs=1e-7)
        assert turned[text] == pytest.approx(together[text], abs=1e-7)


def test_what_the_reader_noted_comes_first_and_is_no_sign_of_poor_quality(
    engine: DiagnosisEngine,
) -> None:
    median = make_group(make_recording(duration_s=1.2), label="MEDIAN", originality="DERIVED")
    file = make_dicom(make_group(), median, PatientAge="011Y", MedicalAlerts="pacemaker")
    diagnosis = engine.diagnose((file,), Question(("sinus rhythm",)))
    assert diagnosis.recording.format == "dicom"
    assert [warning.code for warning in diagnosis.warnings] == [
        "waveform_left_out",
        "outside_training_population",
        "paced_patient",
    ]
    assert not diagnosis.statistics.poor_recording


def test_a_negated_query_gets_the_complement_and_says_so(engine: DiagnosisEngine) -> None:
    diagnosis = engine.diagnose(FILES, Question(("atrial fibrillation", "no atrial fibrillation")))
    found = {finding.query.text: finding for finding in diagnosis.findings}
    plain, negated = found["atrial fibrillation"], found["no atrial fibrillation"]
    assert negated.probability == pytest.approx(1 - plain.probability)
    assert negated.query.negated
    assert not plain.query.negated
    assert [(w.code, w.query) for w in diagnosis.warnings if w.query] == [
        ("negated_query", "no atrial fibrillation")
    ]


def test_only_known_conditions_are_called_calibrated() -> None:
    engine = make_engine(calibration=Calibration(unseen_bias=-20.0))
    findings = engine.diagnose(FILES, Question(("AFib", UNSEEN))).findings
    known, unseen = sorted(findings, key=lambda finding: finding.rank)
    assert (known.calibrated, known.nearest.familiarity) == (True, "known")
    assert (unseen.calibrated, unseen.nearest.familiarity) == (False, "unseen")
    assert unseen.probability < 1e-6


def test_each_stage_is_timed_and_the_total_holds_them_all(engine: DiagnosisEngine) -> None:
    durations_s = engine.diagnose(FILES, Question(("AFib",))).durations_s
    assert set(durations_s) == set(STAGES)
    stages = sum(seconds for stage, seconds in durations_s.items() if stage != "total")
    assert 0 < stages <= durations_s["total"]


def test_missing_leads_are_refused_by_name_unless_allowed(engine: DiagnosisEngine) -> None:
    leads = [lead for lead in LEADS if lead not in ("V3", "aVR")]
    files = tuple(make_wfdb(make_recording(leads=leads)))
    with pytest.raises(UnusableRecording) as caught:
        engine.diagnose(files, Question(("AFib",)))
    assert [(f.code, f.lead) for f in caught.value.faults] == [(FaultCode.MISSING_LEAD, "V3")]
    allowed = engine.diagnose(files, Question(("AFib",), allow_missing_leads=True))
    assert any("V3" in step for step in allowed.steps)


def test_faults_of_recording_and_queries_are_told_at_once(engine: DiagnosisEngine) -> None:
    leads = [lead for lead in LEADS if lead != "V3"]
    files = tuple(make_wfdb(make_recording(leads=leads)))
    with pytest.raises(UnusableRecording) as caught:
        engine.diagnose(files, Question(("AFib", "")))
    assert [f.code for f in caught.value.faults] == [FaultCode.MISSING_LEAD, FaultCode.EMPTY_QUERY]


def test_faults_of_fields_and_queries_are_told_at_once(engine: DiagnosisEngine) -> None:
    fault = Fault(FaultCode.INVALID_PARAMETER, "no", field="units")
    with pytest.raises(InvalidParameter) as caught:
        engine.diagnose(FILES, Question(("",)), faults=(fault,))
    assert [f.field for f in caught.value.faults] == ["units", "queries[0]"]


@pytest.mark.parametrize(
    ("files", "queries", "error"),
    [
        ((UploadedFile("ecg.pdf", b"%PDF"),), ("AFib",), UnsupportedFormat),
        (tuple(make_wfdb()), ("",), InvalidQuery),
    ],
)
def test_one_fault_keeps_its_kind(
    engine: DiagnosisEngine,
    files: tuple[UploadedFile, ...],
    queries: tuple[str, ...],
    error: type[InputError],
) -> None:
    with pytest.raises(error):
        engine.diagnose(files, Question(queries))


def test_a_failed_request_does_not_hurt_the_next() -> None:
    encoder = FakeEcgEncoder()
    engine = make_engine(ecg_encoder=encoder)
    before = probabilities(engine.diagnose(FILES, Question(("AFib",))))
    encoder.error = InferenceFailed("out of memory")
    with pytest.raises(InferenceFailed):
        engine.diagnose(FILES, Question(("AFib",)))
    encoder.error = None
    assert probabilities(engine.diagnose(FILES, Question(("AFib",)))) == before


def stop_after(checks: int) -> Callable[[], None]:
    left = iter(range(checks))

    def check() -> None:
        if next(left, None) is None:
            raise DeadlineExceeded

    return check


def test_the_work_stops_at_any_step_once_the_time_is_up(engine: DiagnosisEngine) -> None:
    steps = 0
    while steps < 20:
        try:
            engine.diagnose(FILES, Question(("AFib", UNSEEN)), stop_after(steps))
        except DeadlineExceeded:
            steps += 1
        else:
            break
    assert 3 <= steps < 20


def test_the_leads_order_in_the_file_changes_nothing(engine: DiagnosisEngine) -> None:
    turned = tuple(make_wfdb(make_recording(leads=LEADS[::-1])))
    plain = probabilities(engine.diagnose(FILES, Question(("AFib", "sinus rhythm")), no_checkpoint))
    other = probabilities(engine.diagnose(turned, Question(("AFib", "sinus rhythm"))))
    np.testing.assert_allclose(list(other.values()), list(plain.values()), atol=1e-7)


def test_query_texts_do_not_show_when_a_question_is_printed() -> None:
    assert "Doe" not in repr(Question(("Doe's disease",)))


def test_the_top_probability_is_that_of_the_trained_conditions_before_the_cut(
    engine: DiagnosisEngine,
) -> None:
    texts = ("sinus rhythm", "AFib", UNSEEN)
    whole = engine.diagnose(FILES, Question(texts))
    highest = max(f.probability for f in whole.findings if f.calibrated)
    assert whole.statistics.top_probability == highest
    assert engine.diagnose(FILES, Question(texts, top_k=1)).statistics == whole.statistics


def test_what_is_denied_or_untrained_has_no_top_probability(engine: DiagnosisEngine) -> None:
    found = engine.diagnose(FILES, Question(("no atrial fibrillation", UNSEEN)))
    assert found.statistics.top_probability is None


def test_similarities_are_those_of_the_first_free_texts() -> None:
    engine = make_engine(resolver=make_resolver(max_queries=100))
    texts = [f"{UNSEEN} {number}" for number in range(60)]
    found = engine.diagnose(FILES, Question(("AFib", *texts)))
    of = {f.query.text: f.nearest.similarity for f in found.findings}
    assert found.statistics.similarities == tuple(of[text] for text in texts[:50])
    assert not found.statistics.asked_all


def test_asking_for_everything_is_told_from_asking_for_some() -> None:
    engine = make_engine(resolver=make_resolver(max_queries=100))
    assert engine.diagnose(FILES, Question(())).statistics.asked_all


def test_without_queries_trained_conditions_stand_first_by_probability() -> None:
    engine = make_engine(resolver=make_resolver(max_queries=100))
    findings = engine.diagnose(FILES, Question()).findings
    assert [finding.rank for finding in findings] == list(range(1, len(findings) + 1))
    probabilities = [finding.probability for finding in findings]
    assert probabilities == sorted(probabilities, reverse=True)
    ids = {f.query.condition.id for f in findings if f.query.condition}
    assert {f.part_of for f in findings} - {None} <= ids
