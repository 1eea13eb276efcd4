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
from service.api.batch_response import BatchResponse, BatchRun
from service.api.batch_scoring import BatchScorer
from service.api.dependencies import TheMetrics, TheRuntime, TheSettings, TheUploadBudget
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
from service.workers import unless_disconnected

# Time for a client to take the last answers once the batch's deadline has passed.
_READING_S = 60.0

_NOT_ACCEPTED = re.compile(r"q=0(\.0*)?")

router = APIRouter(tags=["diagnosis"])


@router.post(
    "/diagnose/batch",
    response_model=wire.BatchDiagnosis,
    summary="Rank queries by their probability on each of many recordings",
    openapi_extra={"requestBody": BATCH_BODY},
    responses={
        200: BATCH_LINES,
        **problems(
            UnreadableRequest,
            UploadTimedOut,
            UploadTooLarge,
            UnsupportedMediaType,
            InvalidParameter,
            RecordingTooLarge,
            UnreadableRecording,
            InvalidQuery,
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
) -> Response:
    """Take in many recordings and answer each as `POST /diagnose` would answer it alone.

    With `Accept: application/x-ndjson` each answer comes as a line of its own as soon as it is
    there, in no fixed order; the last line is `{"done": true, …}`. Otherwise they come as one JSON
    document in the recordings' order. What is wrong with one recording is told in its place and
    harms no other one; what is wrong with the form or the queries refuses the batch.
    """
    if runtime.workers.full:
        raise Overloaded
    with ExitStack() as held:
        share = held.enter_context(budget.share())
        asked = await read_batch_request(request, settings, share)
        deadline = Deadline(settings.batch_deadline_s)
        bounds = BatchBounds(settings.max_batch_recordings, settings.max_batch_bytes)
        opening = partial(open_batch, asked, runtime.engine, bounds)
        opened = runtime.workers.run(opening, Deadline(settings.request_deadline_s))
        batch = await unless_disconnected(request.receive, opened)
        scorer = BatchScorer(
            runtime, metrics, batch, deadline, settings.request_deadline_s, request.state.request_id
        )
        run = BatchRun(
            request_id=request.state.request_id,
            count=len(batch.recordings),
            at_once=runtime.workers.patient,
            answer=scorer.answer,
            seconds=deadline.remaining_s + _READING_S,
            held=held.pop_all(),
        )
    return BatchResponse(run, as_lines=_wants_lines(request.headers))


def _wants_lines(headers: Headers) -> bool:
    accepted = ",".join(headers.getlist("accept")).lower().replace(" ", "").split(",")
    kinds = (kind.partition(";") for kind in accepted)
    return any(
        name == wire.NDJSON_MEDIA_TYPE and not _NOT_ACCEPTED.fullmatch(options)
        for name, _, options in kinds
    )
