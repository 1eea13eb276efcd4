"""`/queries`: conditions to register, list and remove."""

import base64
import binascii
from bisect import bisect_right
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

import api_schemas as wire
from ecg_core.errors import (
    BuiltInCondition,
    ConditionNotFound,
    Fault,
    FaultCode,
    InferenceFailed,
    InvalidQuery,
    ModelNotReady,
)
from service.access.keys import Scope
from service.api.answers import presenters
from service.api.answers.json_response import json_response
from service.api.dependencies import TheRequest, TheRuntime, TheSettings, TheUploadBudget
from service.api.guards import needs
from service.api.intake.json_bodies import read_json
from service.api.openapi import CONDITION_LINKS, NEW_CONDITION_BODY, problems
from service.api.problems import COMPUTING, TAKING_IN
from service.engine.deadline import Deadline
from service.errors import (
    ConditionIdTaken,
    InvalidParameter,
    StoreUnavailable,
)
from service.storage.conditions.registration import read_only, register

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

DryRun = Annotated[bool, Query(description="Say how the text is read, and store nothing")]


@router.post(
    "",
    dependencies=[needs(Scope.QUERIES_WRITE)],
    status_code=201,
    response_model=wire.Condition,
    summary="Register a condition",
    openapi_extra={"requestBody": NEW_CONDITION_BODY},
    responses={
        200: {
            "model": wire.Condition | wire.ReadCondition,
            "description": "The condition that has this text already; or, with `dry_run`, how the "
            "text is read",
            "links": CONDITION_LINKS,
        },
        201: {"links": CONDITION_LINKS},
        **problems(
            *TAKING_IN,
            InvalidQuery,
            ConditionIdTaken,
            InferenceFailed,
            StoreUnavailable,
            *COMPUTING,
        ),
    },
)
async def add(
    request: Request,
    state: TheRequest,
    runtime: TheRuntime,
    settings: TheSettings,
    budget: TheUploadBudget,
    dry_run: DryRun = False,
) -> Response:
    """Register a condition that every diagnosis without queries asks for from now on."""
    with budget.share(state.caller) as share:
        new = await read_json(request, wire.NewCondition, settings.upload_timeout_s, share)
    deadline = Deadline(settings.request_deadline_s)
    if dry_run:
        asked = await runtime.workers.run(
            lambda _: read_only(new, runtime.engine.resolver), deadline, state.turn
        )
        return json_response(presenters.read_condition(asked, runtime.engine.familiarity))
    known, created = await runtime.workers.run(
        lambda _: register(new, runtime.engine.resolver, runtime.registry), deadline, state.turn
    )
    state.access.condition = known.id
    location = {"Location": str(request.app.url_path_for("get", condition_id=known.id))}
    answer = presenters.condition(known, runtime.engine.familiarity)
    return json_response(answer, 201 if created else 200, location)


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
        conditions=[presenters.condition(each, runtime.engine.familiarity) for each in shown],
        next_cursor=_cursor_after(shown[-1].id) if more else None,
    )
    return json_response(answer)


@router.get(
    "/{condition_id}",
    dependencies=[READ],
    response_model=wire.Condition,
    summary="One condition",
    responses=problems(ConditionNotFound, StoreUnavailable, ModelNotReady),
)
def get(condition_id: str, runtime: TheRuntime) -> Response:
    """The condition with this id."""
    known = runtime.registry.get(condition_id)
    return json_response(presenters.condition(known, runtime.engine.familiarity))


@router.delete(
    "/{condition_id}",
    dependencies=[needs(Scope.QUERIES_WRITE)],
    status_code=204,
    summary="Remove a condition",
    responses=problems(ConditionNotFound, BuiltInCondition, StoreUnavailable, ModelNotReady),
)
def remove(state: TheRequest, condition_id: str, runtime: TheRuntime) -> Response:
    """Remove a registered condition; those of the catalogue stay."""
    state.access.condition = condition_id
    runtime.registry.remove(condition_id)
    return Response(status_code=204)


def _cursor_after(condition_id: str) -> str:
    return base64.urlsafe_b64encode(condition_id.encode()).decode()


def _last_id(cursor: str) -> str:
    try:
        return base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        fault = Fault(FaultCode.INVALID_PARAMETER, "is no cursor of ours", field="cursor")
        raise InvalidParameter([fault]) from None
