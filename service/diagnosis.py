"""The straight line from a recording and queries to ranked probabilities. No step reaches back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ecg_core.calibration import Calibration
from ecg_core.errors import Fault
from ecg_core.preprocessing import PreprocessingSpec, prepare
from ecg_core.quality import QualityReport, check_recording
from ecg_core.readers import ReadLimits, StatedFacts, UploadedFile, read_recording
from ecg_core.recording import Recording
from service.deadline import Checkpoint, no_checkpoint
from service.faults import FaultGatherer
from service.inference.protocols import EcgEncoder, Fusion
from service.queries.embeddings import AskedQuery, QueryEmbeddings
from service.queries.familiarity import FamiliarityJudge, Standing
from service.queries.resolver import QueryResolver
from service.stages import Stage, StageClock

_WATCHED_TEXTS = 50


@dataclass(frozen=True, slots=True)
class DiagnosisRequest:
    """What is asked.

    Attributes:
        files: The files of one recording.
        queries: Texts to ask for; none: every registered condition.
        stated: What the request says about files that do not say it themselves.
        top_k: How many findings to return; None: all.
        allow_missing_leads: Whether to score a recording that lacks leads.
        faults: What was wrong with the request's fields.
        understood: The queries, where they were understood before: those of a batch mean the same
            for each of its recordings, whatever is registered meanwhile.
    """

    files: tuple[UploadedFile, ...] = field(repr=False)
    queries: tuple[str, ...] = field(default=(), repr=False)
    stated: StatedFacts = field(default_factory=StatedFacts)
    top_k: int | None = None
    allow_missing_leads: bool = False
    faults: tuple[Fault, ...] = ()
    understood: tuple[AskedQuery, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class DiagnosisWarning:
    """Something that the reader of the findings should know; `query` in the request's words."""

    code: str
    detail: str
    lead: str | None = None
    query: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one query; see `api_schemas.Finding`."""

    rank: int
    query: AskedQuery
    probability: float
    calibrated: bool
    standing: Standing


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found, by which steps, and how long each stage took.

    Attributes:
        recording: What was scored.
        steps: What preprocessing did.
        warnings: What the reader of the findings should know.
        findings: As many as were asked for, the most probable first.
        durations_s: Seconds by stage.
        statistics: What is watched for drift.
        stages: When each stage ran.
    """

    recording: Recording
    steps: tuple[str, ...]
    warnings: tuple[DiagnosisWarning, ...]
    findings: tuple[Finding, ...]
    durations_s: Mapping[str, float]
    statistics: "AnswerStatistics"
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerStatistics:
    """What one answer adds to the distributions that the model card's are compared with.

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
        preprocessing, calibration: The bundle's parameters.
        ecg_encoder, fusion: Its graphs.
        resolver: Understands queries.
        embeddings: Embeds them.
        familiarity: Compares them with what the model was trained on.
        limits: Bounds on what is read.
    """

    preprocessing: PreprocessingSpec
    calibration: Calibration
    ecg_encoder: EcgEncoder
    fusion: Fusion
    resolver: QueryResolver
    embeddings: QueryEmbeddings
    familiarity: FamiliarityJudge
    limits: ReadLimits

    def diagnose(
        self, request: DiagnosisRequest, checkpoint: Checkpoint = no_checkpoint
    ) -> Diagnosis:
        """Score a recording for each query.

        Args:
            request: What is asked.
            checkpoint: Called between steps; may raise to stop the work.

        Raises:
            InputError: The request, the recording or a query is refused, with every fault.
            InferenceFailed: The runtime failed.
        """
        clock = StageClock()
        recording, report, queries = self._read(request, clock)
        checkpoint()
        with clock.stage("preprocess"):
            prepared = prepare(report.recording, self.preprocessing)
        checkpoint()
        with clock.stage("encode"):
            features = self.ecg_encoder.encode(prepared.windows)
        with clock.stage("embed_queries"):
            query_embeddings = self.embeddings.get(queries, checkpoint)
        with clock.stage("fuse"):
            logits = self.fusion.logits(features, query_embeddings, checkpoint)
            standings = self.familiarity.judge(queries, query_embeddings)
            findings = self._ranked(queries, standings, logits)
        return Diagnosis(
            recording,
            prepared.steps,
            (*_quality_warnings(report), *_negation_warnings(queries)),
            findings[: request.top_k],
            clock.finish(),
            AnswerStatistics(
                poor_recording=bool(report.warnings),
                asked_all=not request.queries,
                top_probability=_top_probability(findings),
                similarities=_similarities(queries, standings),
            ),
            tuple(clock.stages),
        )

    def _read(
        self, request: DiagnosisRequest, clock: StageClock
    ) -> tuple[Recording, QualityReport, list[AskedQuery]]:
        """The checked recording and the understood queries, or all of their faults at once."""
        faults = FaultGatherer(request.faults)
        # With a wrong field (say, the sampling rate) the reader would only find faults of faults.
        if not faults:
            with faults.gathering():
                with clock.stage("parse"):
                    recording = read_recording(request.files, request.stated, self.limits)
                with clock.stage("quality"):
                    report = check_recording(
                        recording, allow_missing_leads=request.allow_missing_leads
                    )
        with faults.gathering(), clock.stage("embed_queries"):
            queries = list(request.understood) or self.resolver.resolve(request.queries)
        faults.raise_any()
        return recording, report, queries

    def _ranked(
        self,
        queries: Sequence[AskedQuery],
        standings: Sequence[Standing],
        logits: NDArray[np.float32],
    ) -> tuple[Finding, ...]:
        known = np.array([standing.familiarity == "known" for standing in standings])
        similarities = np.array([standing.similarity for standing in standings])
        negated = np.array([query.negated for query in queries])
        probabilities = self.calibration.probabilities(logits, known, similarities)
        probabilities = np.where(negated, 1.0 - probabilities, probabilities)
        # Stable: queries of the same probability stay in the order in which they were asked.
        order = np.argsort(-probabilities, kind="stable")
        return tuple(
            Finding(
                rank,
                queries[place],
                float(probabilities[place]),
                bool(known[place]),
                standings[place],
            )
            for rank, place in enumerate(order, start=1)
        )


def _top_probability(ranked: Sequence[Finding]) -> float | None:
    return next((f.probability for f in ranked if f.calibrated and not f.query.negated), None)


def _similarities(
    queries: Sequence[AskedQuery], standings: Sequence[Standing]
) -> tuple[float, ...]:
    pairs = zip(queries, standings, strict=True)
    free = (standing.similarity for query, standing in pairs if query.condition is None)
    return tuple(islice(free, _WATCHED_TEXTS))


def _quality_warnings(report: QualityReport) -> list[DiagnosisWarning]:
    return [DiagnosisWarning(w.code.value, w.detail, w.lead) for w in report.warnings]


def _negation_warnings(queries: Sequence[AskedQuery]) -> list[DiagnosisWarning]:
    detail = "the query denies a condition: the probability is that of its absence"
    return [DiagnosisWarning("negated_query", detail, query=q.text) for q in queries if q.negated]
