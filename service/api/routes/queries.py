"""`/queries`: conditions to register, list and remove."""

import base64
import binascii
from bisect import bisect_right
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

import api_schemas as wire
from ecg_core.errors import (
    BuiltInCondition,
    ConditionNotFound,
    DeadlineExceeded,
    Fault,
    FaultCode,
    InferenceFailed,
    InvalidQuery,
    ModelNotReady,
    Overloaded,
)
from service.access.control import access_record
from service.access.guards import needs
from service.access.keys import Scope
from service.api import presenters
from service.api.dependencies import TheRuntime, TheSettings, TheUploadBudget
from service.api.idempotency import TheIdempotency
from service.api.json_bodies import read_json
from service.api.openapi import CONDITION_LINKS, NEW_CONDITION_BODY, problems
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
from service.idempotency.keys import document_fingerprint
from service.queries.registration import NewCondition, register
from service.queries.store import Code, StoreUnavailable

router = APIRouter(prefix="/queries", tags=["conditions"])

# Whoever diagnoses sees the conditions in the answers anyway.
READ = needs(Scope.DIAGNOSE, Scope.QUERIES_WRITE)

Limit = Annotated[int, Query(ge=1, le=1000, description="Most conditions on one page")]
Cursor = Annotated[
    str | None,
    Query(
        max_length=400,
        pattern="^[A-Za-z0-9_-]+={0,2}$",
        description="`next_cursor` of the page before",
    ),
]


@router.post(
    "",
    dependencies=[needs(Scope.QUERIES_WRITE)],
    status_code=201,
    response_model=wire.Condition,
    summary="Register a condition",
    openapi_extra={"requestBody": NEW_CONDITION_BODY},
    responses={
        200: {
            "model": wire.Condition,
            "description": "The condition that has this text already",
            "links": CONDITION_LINKS,
        },
        201: {"links": CONDITION_LINKS},
        **problems(
            UnreadableRequest,
            InvalidIdempotencyKey,
            UploadTimedOut,
            UploadTooLarge,
            UnsupportedMediaType,
            InvalidParameter,
            InvalidQuery,
            IdempotencyKeyReused,
            IdempotencyKeyInUse,
            InferenceFailed,
            Overloaded,
            StoreUnavailable,
            ModelNotReady,
            DeadlineExceeded,
        ),
    },
)
async def add(
    request: Request,
    runtime: TheRuntime,
    settings: TheSettings,
    budget: TheUploadBudget,
    idempotency: TheIdempotency,
) -> Response:
    """Register a condition that every diagnosis without queries asks for from now on."""
    with budget.share() as share:
        new = await read_json(request, wire.NewCondition, settings.upload_timeout_s, share)
    fingerprint = partial(document_fingerprint, new)
    async with idempotency.turn(fingerprint, settings.request_deadline_s) as turn:
        if turn.replay is not None:
            return turn.replay
        work = partial(register, _new_condition(new), runtime.resolver, runtime.registry)
        known, created = await runtime.workers.run(work, Deadline(settings.request_deadline_s))
        access_record(request).condition = known.id
        location = {"Location": str(request.app.url_path_for("get", condition_id=known.id))}
        answer = presenters.condition(known, runtime.familiarity)
        return turn.kept(presenters.json_response(answer, 201 if created else 200, location))


@router.get(
    "",
    dependencies=[READ],
    response_model=wire.ConditionPage,
    summary="List conditions",
    responses=problems(InvalidParameter, ModelNotReady),
)
def page(runtime: TheRuntime, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """One page of all conditions, built in and registered, sorted by id."""
    known = sorted(runtime.registry.all(), key=lambda condition: condition.id)
    start = 0 if cursor is None else bisect_right(known, _last_id(cursor), key=lambda c: c.id)
    shown = known[start : start + limit]
    more = start + limit < len(known)
    answer = wire.ConditionPage(
        conditions=[presenters.condition(each, runtime.familiarity) for each in shown],
        next_cursor=_cursor_after(shown[-1].id) if more else None,
    )
    return presenters.json_response(answer)


@router.get(
    "/{condition_id}",
    dependencies=[READ],
    response_model=wire.Condition,
    summary="One condition",
    responses=problems(ConditionNotFound, ModelNotReady),
)
def get(condition_id: str, runtime: TheRuntime) -> Response:
    """The condition with this id."""
    known = runtime.registry.get(condition_id)
    return presenters.json_response(presenters.condition(known, runtime.familiarity))


@router.delete(
    "/{condition_id}",
    dependencies=[needs(Scope.QUERIES_WRITE)],
    status_code=204,
    summary="Remove a condition",
    responses=problems(ConditionNotFound, BuiltInCondition, StoreUnavailable, ModelNotReady),
)
def remove(request: Request, condition_id: str, runtime: TheRuntime) -> Response:
    """Remove a registered condition; those of the catalogue stay."""
    access_record(request).condition = condition_id
    runtime.registry.remove(condition_id)
    return Response(status_code=204)


def _new_condition(new: wire.NewCondition) -> NewCondition:
    codes = tuple(Code(coding.system, coding.code) for coding in new.codes)
    return NewCondition(new.text, new.name, tuple(dict.fromkeys(new.synonyms)), codes)


def _cursor_after(condition_id: str) -> str:
    return base64.urlsafe_b64encode(condition_id.encode()).decode()


def _last_id(cursor: str) -> str:
    try:
        return base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        fault = Fault(FaultCode.INVALID_PARAMETER, "is no cursor of ours", field="cursor")
        raise InvalidParameter([fault]) from None
