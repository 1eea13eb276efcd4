"""`POST /diagnose/batch`."""

from contextlib import ExitStack
from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

import api_schemas as wire
from service.access.keys import Scope
from service.api.answers.accepting import wants_fhir, wants_lines
from service.api.answers.batch_response import BatchResponse, BatchRun
from service.api.answers.batch_scoring import BatchScorer
from service.api.dependencies import (
    TheMetrics,
    TheRequest,
    TheRuntime,
    TheSettings,
    TheUploadBudget,
)
from service.api.disconnection import unless_disconnected
from service.api.guards import cost, count_as, needs
from service.api.intake.uploads import read_batch_form
from service.api.openapi import BATCH_ANSWERS, BATCH_BODY, problems
from service.api.problems import COMPUTING, SEVERAL_RECORDINGS, TAKING_IN
from service.engine.batch import BatchBounds, open_batch
from service.engine.deadline import Deadline
from service.observability.tracing.spans import RequestTrace

# Time for a client to take the last answers once the batch's deadline has passed.
READING_S = 60.0

router = APIRouter(tags=["diagnosis"])


@router.post(
    "/diagnose/batch",
    dependencies=[needs(Scope.DIAGNOSE)],
    response_model=wire.BatchDiagnosis,
    summary="Rank queries by their probability on each of many recordings",
    openapi_extra={"requestBody": BATCH_BODY},
    responses={
        200: BATCH_ANSWERS,
        **problems(*TAKING_IN, *SEVERAL_RECORDINGS, *COMPUTING),
    },
)
async def diagnose_batch(
    request: Request,
    state: TheRequest,
    runtime: TheRuntime,
    settings: TheSettings,
    metrics: TheMetrics,
    budget: TheUploadBudget,
) -> Response:
    """Take in many recordings and answer each as `POST /diagnose` would answer it alone.

    With `Accept: application/x-ndjson` each answer comes as a line of its own as soon as it is
    there, in no fixed order; the last line is `{"done": true, …}`. Otherwise they come as one JSON
    document in the recordings' order; with `Accept: application/fhir+json` as one FHIR R4 bundle
    of a bundle or an `OperationOutcome` for each. What is wrong with one recording is told in its
    place and harms no other one; what is wrong with the form or the queries refuses the batch.
    """
    runtime.workers.refuse_if_full(state.turn)
    as_lines = wants_lines(request.headers)
    as_fhir = not as_lines and wants_fhir(request.headers)
    with ExitStack() as held:
        share = held.enter_context(budget.share(state.caller))
        form = await read_batch_form(request, settings, share)
        metrics.answers.upload(share.taken)
        deadline = Deadline(settings.batch_deadline_s)
        bounds = BatchBounds(settings.max_batch_recordings, settings.max_batch_bytes)
        await count_as(request, cost(1, len(form.question.queries)))
        opening_by = Deadline(settings.request_deadline_s)
        opening = partial(
            open_batch,
            form.files,
            form.question,
            runtime.engine,
            bounds,
            form.faults,
        )
        opened = runtime.workers.run_patiently(opening, opening_by, state.turn)
        batch = await unless_disconnected(request.receive, opened)
        await count_as(request, cost(len(batch.recordings), len(form.question.queries)))
        scorer = BatchScorer(
            runtime, metrics, batch, deadline, settings.request_deadline_s,
            state.request_id, state.turn, as_fhir=as_fhir,
        )  # fmt: skip
        held.callback(_note, state.trace, scorer)
        run = _run(scorer, held.pop_all())
        return BatchResponse(run, as_lines=as_lines, as_fhir=as_fhir)


def _note(trace: RequestTrace, scorer: BatchScorer) -> None:
    """Note the batch in its span when it is over; its thousands of recordings get none."""
    trace.note(
        {
            "cardioquery.model.digest": scorer.runtime.bundle.digest,
            "cardioquery.queries": len(scorer.batch.question.queries),
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
