"""`POST /diagnose`."""

import time
from typing import NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import Response

import api_schemas as wire
from api_schemas.fhir import FHIR_MEDIA_TYPE
from ecg_core.checkpoint import Checkpoint
from ecg_core.readers import is_archive
from service.access.keys import Scope
from service.api.answers import fhir
from service.api.answers.accepting import wants_fhir
from service.api.answers.json_response import json_response
from service.api.answers.presenters import diagnosis
from service.api.dependencies import (
    TheMetrics,
    TheRequest,
    TheRuntime,
    TheSettings,
    TheUploadBudget,
)
from service.api.disconnection import unless_disconnected
from service.api.guards import cost, count_as, needs
from service.api.intake.forms import DiagnosisForm
from service.api.intake.uploads import read_diagnosis_form
from service.api.openapi import DIAGNOSE_ANSWERS, DIAGNOSE_BODY, problems
from service.api.problems import COMPUTING, ONE_RECORDING, TAKING_IN
from service.api.telemetry import server_timing
from service.engine.deadline import Deadline
from service.engine.diagnosis import Diagnosis
from service.engine.stages import Stage
from service.observability.metrics import Metrics
from service.runtime.assembly import Runtime
from service.runtime.working_memory import needed_bytes

# Beyond so many texts a request waits among the batches, which leave room for others.
_FEW_TEXTS = 50

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
    responses={
        200: DIAGNOSE_ANSWERS,
        **problems(*TAKING_IN, *ONE_RECORDING, *COMPUTING),
    },
)
async def diagnose(
    request: Request,
    state: TheRequest,
    runtime: TheRuntime,
    settings: TheSettings,
    metrics: TheMetrics,
    budget: TheUploadBudget,
) -> Response:
    """Take in one recording and rank the queries, or all registered conditions, by probability.

    With `Accept: application/fhir+json` the answer is a FHIR R4 bundle.
    """
    # Before the upload is taken in: that would only cost time and memory.
    runtime.workers.refuse_if_full(state.turn)
    as_fhir = wants_fhir(request.headers)
    with budget.share(state.caller) as share:
        form = await read_diagnosis_form(request, settings, share, as_fhir=as_fhir)
        metrics.answers.upload(share.taken)
        texts = len(form.question.queries)
        await count_as(request, cost(1, texts))
        deadline = Deadline(settings.request_deadline_s)
        submitted = time.perf_counter()

        def work(checkpoint: Checkpoint) -> _Answer:
            queued = Stage("queue", submitted, time.perf_counter())
            return _answer(runtime, form, checkpoint, state.request_id, queued, as_fhir=as_fhir)

        async def answered() -> _Answer:
            run = runtime.workers.run if texts <= _FEW_TEXTS else runtime.workers.run_patiently
            if any(map(is_archive, form.files)):
                # In a worker: a directory may be made to take long to read.
                until = Deadline(deadline.remaining_s)
                needed = await run(lambda _: needed_bytes(form.files), until, state.turn)
            else:
                needed = needed_bytes(form.files)
            return await run(work, deadline, state.turn, needed)

        answer = await unless_disconnected(request.receive, answered())
        _count(metrics, answer)
        state.trace.note(
            {
                "cardioquery.model.digest": runtime.bundle.digest,
                "cardioquery.recording.format": answer.diagnosis.recording.format,
                "cardioquery.queries": len(form.question.queries),
            },
            (answer.queued, *answer.diagnosis.stages),
        )
        return answer.response


def _answer(
    runtime: Runtime,
    form: DiagnosisForm,
    checkpoint: Checkpoint,
    request_id: str,
    queued: Stage,
    *,
    as_fhir: bool,
) -> _Answer:
    """Runs in a worker: with thousands of findings, writing the answer takes its time as well."""
    checkpoint()
    found = runtime.engine.diagnose(form.files, form.question, checkpoint, form.faults)
    durations_s = {"queue": queued.ended - queued.started, **found.durations_s}
    headers = {"Server-Timing": server_timing(durations_s)}
    answer = diagnosis(found, runtime.bundle, request_id)
    if as_fhir:
        codings = [fhir.naming_codings(each) for each in found.findings]
        bundle = fhir.bundle(answer, codings, form.fhir)
        response = Response(bundle.to_json(), headers=headers, media_type=FHIR_MEDIA_TYPE)
    else:
        response = json_response(answer, headers=headers)
    return _Answer(found, response, durations_s, queued)


def _count(metrics: Metrics, answer: _Answer) -> None:
    found = answer.diagnosis
    metrics.diagnosed(
        answer.durations_s,
        (warning.code for warning in found.warnings),
        (finding.familiarity for finding in found.findings),
    )
    metrics.answers.scored(found.statistics)
