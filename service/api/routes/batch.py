"""`POST /diagnose/batch`."""

import re
from contextlib import ExitStack
from functools import partial

from fastapi import APIRouter, Request
from starlette.datastructures import Headers
from starlette.responses import Response

import api_schemas as wire
from ecg_core.errors import (
    DeadlineExceeded,
    InvalidQuery,
    ModelNotReady,
    Overloaded,
    RecordingTooLarge,
    UnreadableRecording,
)
from service.access.guards import charge, needs
from service.access.keys import Scope
from service.api.batch_response import BatchResponse, BatchRun
from service.api.batch_scoring import BatchScorer
from service.api.dependencies import TheMetrics, TheRuntime, TheSettings, TheUploadBudget
from service.api.idempotency import TheIdempotency
from service.api.openapi import BATCH_BODY, BATCH_LINES, problems
from service.api.uploads import read_batch_request
from service.batch import BatchBounds, open_batch
from service.deadline import Deadline
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
from service.tracing.spans import RequestTrace
from service.workers import unless_disconnected

# Time for a client to take the last answers once the batch's deadline has passed.
READING_S = 60.0

_NOT_ACCEPTED = re.compile(r"q=0(\.0*)?")

router = APIRouter(tags=["diagnosis"])


@router.post(
    "/diagnose/batch",
    dependencies=[needs(Scope.DIAGNOSE)],
    response_model=wire.BatchDiagnosis,
    summary="Rank queries by their probability on each of many recordings",
    openapi_extra={"requestBody": BATCH_BODY},
    responses={
        200: BATCH_LINES,
        **problems(
            UnreadableRequest,
            InvalidIdempotencyKey,
            UploadTimedOut,
            UploadTooLarge,
            UnsupportedMediaType,
            InvalidParameter,
            RecordingTooLarge,
            UnreadableRecording,
            InvalidQuery,
            IdempotencyKeyReused,
            IdempotencyKeyInUse,
            Overloaded,
            ModelNotReady,
            DeadlineExceeded,
        ),
    },
)
async def diagnose_batch(
    request: Request,
    runtime: TheRuntime,
    settings: TheSettings,
    metrics: TheMetrics,
    budget: TheUploadBudget,
    idempotency: TheIdempotency,
) -> Response:
    """Take in many recordings and answer each as `POST /diagnose` would answer it alone.

    With `Accept: application/x-ndjson` each answer comes as a line of its own as soon as it is
    there, in no fixed order; the last line is `{"done": true, …}`. Otherwise they come as one JSON
    document in the recordings' order. What is wrong with one recording is told in its place and
    harms no other one; what is wrong with the form or the queries refuses the batch.
    """
    as_lines = _wants_lines(request.headers)
    if as_lines and idempotency.record_id is not None:
        # Lines are gone once they are sent: only a document can be given again.
        raise InvalidIdempotencyKey
    runtime.workers.refuse_if_full()
    with ExitStack() as held:
        share = held.enter_context(budget.share())
        asked = await read_batch_request(request, settings, share)
        metrics.answers.upload(share.taken)
        fingerprint = partial(diagnosis_fingerprint, asked)
        seconds = settings.batch_deadline_s + READING_S
        async with idempotency.turn(fingerprint, seconds) as turn:
            if turn.replay is not None:
                return turn.replay
            deadline = Deadline(settings.batch_deadline_s)
            bounds = BatchBounds(settings.max_batch_recordings, settings.max_batch_bytes)
            opening = partial(open_batch, asked, runtime.engine, bounds)
            opened = runtime.workers.run(opening, Deadline(settings.request_deadline_s))
            batch = await unless_disconnected(request.receive, opened)
            await charge(request, len(batch.recordings))
            scorer = BatchScorer(
                runtime, metrics, batch, deadline, settings.request_deadline_s,
                request.state.request_id,
            )  # fmt: skip
            held.callback(_note, request.state.trace, scorer)
            response = BatchResponse(_run(scorer, held.pop_all()), as_lines=as_lines)
            return turn.kept(response, lambda: not scorer.retry_pays)


def _note(trace: RequestTrace, scorer: BatchScorer) -> None:
    """When it is over: no spans of the single recordings, of which there may be thousands."""
    trace.note(
        {
            "cardioquery.model.digest": scorer.runtime.bundle.digest,
            "cardioquery.queries": len(scorer.batch.asked.queries),
            "cardioquery.recordings": len(scorer.batch.recordings),
            "cardioquery.recordings.failed": scorer.failed,
        }
    )


def _run(scorer: BatchScorer, held: ExitStack) -> BatchRun:
    """All that is left to do; what is held belongs to it from now on."""
    return BatchRun(
        request_id=scorer.request_id,
        count=len(scorer.batch.recordings),
        at_once=scorer.runtime.workers.patient,
        answer=scorer.answer,
        seconds=scorer.deadline.remaining_s + READING_S,
        held=held,
    )


def _wants_lines(headers: Headers) -> bool:
    accepted = ",".join(headers.getlist("accept")).lower().replace(" ", "").split(",")
    kinds = (kind.partition(";") for kind in accepted)
    return any(
        name == wire.NDJSON_MEDIA_TYPE and not _NOT_ACCEPTED.fullmatch(options)
        for name, _, options in kinds
    )
