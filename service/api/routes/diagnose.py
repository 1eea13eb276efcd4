"""`POST /diagnose`."""

import time
from functools import partial
from typing import NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import Response

import api_schemas as wire
from ecg_core.errors import (
    DeadlineExceeded,
    DiskUnavailable,
    InferenceFailed,
    InvalidQuery,
    ModelNotReady,
    Overloaded,
    RecordingTooLarge,
    UnreadableRecording,
    UnsupportedFormat,
    UnusableRecording,
)
from service.access.guards import needs
from service.access.keys import Scope
from service.api.dependencies import TheMetrics, TheRuntime, TheSettings, TheUploadBudget
from service.api.idempotency import TheIdempotency
from service.api.openapi import DIAGNOSE_BODY, problems
from service.api.presenters import diagnosis, json_response
from service.api.uploads import read_diagnosis_request
from service.deadline import Deadline
from service.diagnosis import Diagnosis, DiagnosisRequest
from service.faults import (
    InvalidParameter,
    UnreadableRequest,
    UnsupportedMediaType,
    UploadTimedOut,
    UploadTooLarge,
)
from service.idempotency.errors import (
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    InvalidIdempotencyKey,
)
from service.idempotency.keys import diagnosis_fingerprint
from service.metrics import Metrics
from service.runtime import Runtime
from service.stages import Stage
from service.telemetry import server_timing
from service.workers import unless_disconnected

router = APIRouter(tags=["diagnosis"])


class _Answer(NamedTuple):
    diagnosis: Diagnosis
    response: Response
    durations_s: dict[str, float]
    queued: Stage


@router.post(
    "/diagnose",
    dependencies=[needs(Scope.DIAGNOSE)],
    response_model=wire.Diagnosis,
    summary="Rank queries by their probability on one recording",
    openapi_extra={"requestBody": DIAGNOSE_BODY},
    responses=problems(
        UnreadableRequest,
        InvalidIdempotencyKey,
        UploadTimedOut,
        UploadTooLarge,
        UnsupportedMediaType,
        UnsupportedFormat,
        InvalidParameter,
        RecordingTooLarge,
        UnreadableRecording,
        UnusableRecording,
        InvalidQuery,
        IdempotencyKeyReused,
        IdempotencyKeyInUse,
        InferenceFailed,
        Overloaded,
        DiskUnavailable,
        ModelNotReady,
        DeadlineExceeded,
    ),
)
async def diagnose(
    request: Request,
    runtime: TheRuntime,
    settings: TheSettings,
    metrics: TheMetrics,
    budget: TheUploadBudget,
    idempotency: TheIdempotency,
) -> Response:
    """Take in one recording and rank the queries, or all registered conditions, by probability."""
    # Before the upload is taken in: that would only cost time and memory.
    runtime.workers.refuse_if_full()
    with budget.share() as share:
        asked = await read_diagnosis_request(request, settings, share)
        metrics.answers.upload(share.taken)
        fingerprint = partial(diagnosis_fingerprint, asked)
        async with idempotency.turn(fingerprint, settings.request_deadline_s) as turn:
            if turn.replay is not None:
                return turn.replay
            deadline = Deadline(settings.request_deadline_s)
            submitted = time.perf_counter()

            def work() -> _Answer:
                queued = Stage("queue", submitted, time.perf_counter())
                return _answer(runtime, asked, deadline, request.state.request_id, queued)

            running = runtime.workers.run(work, deadline)
            answer = await unless_disconnected(request.receive, running)
            _count(metrics, answer)
            request.state.trace.note(
                {
                    "cardioquery.model.digest": runtime.bundle.digest,
                    "cardioquery.recording.format": answer.diagnosis.recording.format,
                    "cardioquery.queries": len(asked.queries),
                },
                (answer.queued, *answer.diagnosis.stages),
            )
            return turn.kept(answer.response)


def _answer(
    runtime: Runtime, asked: DiagnosisRequest, deadline: Deadline, request_id: str, queued: Stage
) -> _Answer:
    """Runs in a worker: with thousands of findings, writing the answer takes its time as well."""
    deadline.check()
    found = runtime.engine.diagnose(asked, deadline.check)
    durations_s = {"queue": queued.ended - queued.started, **found.durations_s}
    headers = {"Server-Timing": server_timing(durations_s)}
    response = json_response(diagnosis(found, runtime.bundle, request_id), headers=headers)
    return _Answer(found, response, durations_s, queued)


def _count(metrics: Metrics, answer: _Answer) -> None:
    found = answer.diagnosis
    metrics.diagnosed(
        answer.durations_s,
        (warning.code for warning in found.warnings),
        (finding.standing.familiarity for finding in found.findings),
    )
    metrics.answers.scored(found.statistics)
