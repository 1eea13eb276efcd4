"""`GET /model`."""

from fastapi import APIRouter
from starlette.responses import Response

import api_schemas as wire
from ecg_core.errors import ModelNotReady
from service.access.keys import Scope
from service.api.answers.json_response import json_response
from service.api.answers.presenters import model_description
from service.api.dependencies import TheRuntime
from service.api.guards import needs
from service.api.openapi import problems

router = APIRouter(tags=["model"])


@router.get(
    "/model",
    dependencies=[needs(Scope.DIAGNOSE, Scope.QUERIES_WRITE)],
    response_model=wire.ModelDescription,
    summary="The model card",
    responses=problems(ModelNotReady),
)
async def model(runtime: TheRuntime) -> Response:
    """Training data, metrics, preprocessing and limits of use."""
    return json_response(model_description(runtime.bundle, runtime.model_card))
