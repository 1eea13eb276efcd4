"""The straight line from a recording and queries to ranked probabilities. No step reaches back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from ecg_core.asking.recorded_measurements import RecordedMeasurements
from ecg_core.checkpoint import Checkpoint, no_checkpoint
from ecg_core.errors import Fault
from ecg_core.preprocessing import PreprocessingSpec, prepare
from ecg_core.quality import QualityReport, check_recording
from ecg_core.readers import ReadLimits, StatedFacts, UploadedFile, read_recording
from ecg_core.recording import Recording
from ecg_core.signs.measurements import measure_with_signs
from ecg_core.signs.quantities import Measurements
from service.engine.findings import (
    DiagnosisWarning,
    Finding,
    exclusive_warnings,
    query_warnings,
    ranked,
)
from service.engine.gathering import FaultGatherer
from service.engine.inference.protocols import EcgEncoder
from service.engine.queries.answering import Answered, QuestionAnswerer
from service.engine.queries.embeddings import AskedQuery
from service.engine.queries.familiarity import FamiliarityClassifier
from service.engine.queries.matching import (
    REGISTERED_WORDING_WARNING,
    answered_for_others,
)
from service.engine.queries.resolver import QueryResolver
from service.engine.stages import Stage, StageClock
from service.engine.trust import TrustClassifier

_WATCHED_TEXTS = 50


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a recording, whose files come beside it.

    Attributes:
        queries: Texts to ask for; none: every known condition.
        stated: What is said about files that do not say it themselves.
        top_k: How many findings to return; None: all.
        allow_missing_leads: Whether to score a recording that lacks leads.
        understood: The queries, where they were understood before: those of a batch mean the same
            for each of its recordings, whatever is registered meanwhile.
    """

    queries: tuple[str, ...] = field(default=(), repr=False)
    stated: StatedFacts = field(default_factory=StatedFacts)
    top_k: int | None = None
    allow_missing_leads: bool = False
    understood: tuple[AskedQuery, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The findings on a recording, the steps, and the time of each stage.

    Attributes:
        recording: What was scored.
        steps: What preprocessing did.
        warnings: What the reader of the findings should know.
        findings: As many as were asked for, the most probable first.
        measurements: What was measured of the recording, whatever was asked.
        durations_s: Seconds by stage.
        statistics: What is watched for drift.
        stages: When each stage ran.
    """

    recording: Recording
    steps: tuple[str, ...]
    warnings: tuple[DiagnosisWarning, ...]
    findings: tuple[Finding, ...]
    measurements: Measurements
    durations_s: Mapping[str, float]
    statistics: "AnswerStatistics"
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerStatistics:
    """The share of one answer in the distributions that are compared with the model card's.

    Attributes:
        poor_recording: Whether the quality check warned of the recording.
        asked_all: Whether every registered condition was asked for.
        top_probability: Highest over the trained conditions that were asked for and not denied;
            None if there was none.
        similarities: Of the first free texts to the closest trained condition; a few only, so
            that one request with thousands does not drown the others.
    """

    poor_recording: bool
    asked_all: bool
    top_probability: float | None
    similarities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class DiagnosisEngine:
    """Diagnoses recordings with one bundle; safe to call from several threads.

    Attributes:
        preprocessing: The bundle's parameters.
        ecg_encoder: Its graph.
        resolver: Understands queries.
        answerer: Puts them to the model and composes the answers.
        familiarity: Compares conditions with what the model was trained on.
        trust: Judges what can be said of recordings that are not whole.
        limits: Bounds on what is read.
    """

    preprocessing: PreprocessingSpec
    ecg_encoder: EcgEncoder
    resolver: QueryResolver
    answerer: QuestionAnswerer
    familiarity: FamiliarityClassifier
    trust: TrustClassifier
    limits: ReadLimits

    def diagnose(
        self,
        files: Sequence[UploadedFile],
        question: Question,
        checkpoint: Checkpoint = no_checkpoint,
        faults: Sequence[Fault] = (),
    ) -> Diagnosis:
        """Score a recording for each query.

        Args:
            files: Those of one recording.
            question: What is asked.
            checkpoint: Called between steps; may raise to stop the work.
            faults: What is known to be wrong with the question already: told with the rest.

        Raises:
            InputError: The question, the recording or a query is refused, with every fault.
            InferenceFailed: The runtime failed.
        """
        clock = StageClock()
        recording, report, queries = self._read(files, question, faults, clock, checkpoint)
        checkpoint()
        with clock.stage("preprocess"):
            prepared = prepare(report.recording, self.preprocessing, checkpoint)
            basis = self.trust.basis(prepared)
        checkpoint()
        with clock.stage("measure"):
            measured = measure_with_signs(prepared, basis.windows, self.preprocessing, checkpoint)
            measurements, signs = measured
        checkpoint()
        with clock.stage("encode"):
            features = self.ecg_encoder.encode(basis.windows, signs, checkpoint)
        with clock.stage("embed_queries"):
            leaves = self.answerer.embed(queries, checkpoint)
        with clock.stage("fuse"):
            taken = RecordedMeasurements(measurements, signs)
            trust = self.trust.judge(basis, signs, report)
            answered = self.answerer.answer(queries, leaves, features, taken, trust, checkpoint)
            findings = ranked(answered, self.answerer.composer, for_reading=not question.queries)
        return Diagnosis(
            recording,
            (*prepared.steps, *basis.steps),
            (
                *_note_warnings(recording),
                *_quality_warnings(report),
                *query_warnings(queries),
                *exclusive_warnings(findings, self.answerer.composer.exclusive),
                *_wording_warnings(queries, question),
            ),
            findings[: question.top_k],
            measurements,
            clock.finish(),
            AnswerStatistics(
                poor_recording=bool(report.warnings),
                asked_all=not question.queries,
                top_probability=_top_probability(findings),
                similarities=_similarities(answered),
            ),
            tuple(clock.stages),
        )

    def _read(
        self,
        files: Sequence[UploadedFile],
        question: Question,
        known_faults: Sequence[Fault],
        clock: StageClock,
        checkpoint: Checkpoint,
    ) -> tuple[Recording, QualityReport, list[AskedQuery]]:
        """The checked recording and the understood queries, or all of their faults at once."""
        faults = FaultGatherer(known_faults)
        # With a wrong field (say, the sampling rate) the reader would only find faults of faults.
        if not faults:
            with faults.gathering():
                with clock.stage("parse"):
                    limits = replace(self.limits, checkpoint=checkpoint)
                    recording = read_recording(files, question.stated, limits)
                with clock.stage("quality"):
                    report = check_recording(
                        recording, checkpoint, allow_missing_leads=question.allow_missing_leads
                    )
        with faults.gathering(), clock.stage("embed_queries"):
            queries = list(question.understood) or self.resolver.resolve(
                question.queries, checkpoint
            )
        faults.raise_any()
        return recording, report, queries


def _top_probability(ranked: Sequence[Finding]) -> float | None:
    return next((f.probability for f in ranked if f.calibrated and not f.query.negated), None)


def _similarities(answered: Sequence[Answered]) -> tuple[float, ...]:
    free = (each.nearest for each in answered if each.query.condition is None)
    there = (nearest.similarity for nearest in free if nearest is not None)
    return tuple(islice(there, _WATCHED_TEXTS))


def _note_warnings(recording: Recording) -> list[DiagnosisWarning]:
    return [DiagnosisWarning(note.code.value, note.detail) for note in recording.notes]


def _quality_warnings(report: QualityReport) -> list[DiagnosisWarning]:
    return [DiagnosisWarning(w.code.value, w.detail, w.lead) for w in report.warnings]


def _wording_warnings(queries: Sequence[AskedQuery], question: Question) -> list[DiagnosisWarning]:
    # Without queries all conditions are asked for, each by its name.
    found = answered_for_others(queries) if question.queries else ()
    return [
        DiagnosisWarning(REGISTERED_WORDING_WARNING, detail, query=text) for text, detail in found
    ]
