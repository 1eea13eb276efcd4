"""`GET /healthz` and `GET /readyz`."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

import api_schemas as wire
from ecg_core.errors import ModelNotReady
from service.api.answers.json_response import json_response
from service.api.answers.presenters import model_identity
from service.api.dependencies import TheRuntime
from service.api.guards import open_to_all
from service.api.openapi import problems
from service.errors import InvalidParameter, StoreUnavailable
from service.runtime.state import service_state

router = APIRouter(tags=["health"])

Excluded = Annotated[
    tuple[Literal["store"], ...],
    Query(max_length=10, description="What may fail without making the process unready"),
]


@router.get(
    "/healthz",
    dependencies=[open_to_all()],
    response_model=wire.Health,
    summary="The process is up",
    responses=problems(),
)
async def healthz() -> Response:
    """Answers as long as the process does."""
    return json_response(wire.Health())


@router.get(
    "/readyz",
    dependencies=[open_to_all()],
    response_model=wire.Readiness,
    summary="The model is warm and the store reachable",
    responses=problems(InvalidParameter, ModelNotReady, StoreUnavailable),
)
def readyz(request: Request, runtime: TheRuntime, exclude: Excluded = ()) -> Response:
    """Say whether requests can be sent here; the problem says why not.

    Without its store a process still diagnoses, with the conditions that it saw last.
    `exclude=store` asks whether it does: then what does not answer is only named in `degraded`.
    """
    if service_state(request.app).draining:
        raise ModelNotReady
    degraded: tuple[Literal["store"], ...] = ()
    try:
        runtime.registry.check()
    except StoreUnavailable:
        if "store" not in exclude:
            raise
        degraded = ("store",)
    digest = model_identity(runtime.bundle).digest
    return json_response(wire.Readiness(model_digest=digest, degraded=degraded))
