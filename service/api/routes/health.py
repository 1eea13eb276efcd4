"""`GET /healthz` and `GET /readyz`."""

from fastapi import APIRouter, Request
from starlette.responses import Response

import api_schemas as wire
from ecg_core.errors import ModelNotReady
from service.access.guards import open_to_all
from service.api.dependencies import TheRuntime
from service.api.openapi import problems
from service.api.presenters import json_response, model_identity
from service.queries.store import StoreUnavailable

router = APIRouter(tags=["health"])


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
    responses=problems(ModelNotReady, StoreUnavailable),
)
def readyz(request: Request, runtime: TheRuntime) -> Response:
    """Whether requests can be sent here; the problem says why not."""
    if request.app.state.draining:
        raise ModelNotReady
    runtime.registry.check()
    return json_response(wire.Readiness(model_digest=model_identity(runtime.bundle).digest))
