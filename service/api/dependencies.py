"""Dependencies of routes; everything hangs on the app, nothing is global.

All of it is asynchronous without waiting for anything: FastAPI would run plain functions in
threads, and each such detour waits for the interpreter's lock while diagnoses run.
"""

from typing import Annotated

from fastapi import Depends, Request

from ecg_core.errors import ModelNotReady
from service.access.request_state import RequestState, request_state
from service.observability.metrics import Metrics
from service.runtime.assembly import Runtime
from service.runtime.state import service_state
from service.runtime.upload_budget import UploadBudget
from service.settings import Settings


async def get_runtime(request: Request) -> Runtime:
    """The runtime that the lifespan loaded.

    Raises:
        ModelNotReady: It is not there yet, or no more.
    """
    runtime = service_state(request.app).runtime
    if runtime is None:
        raise ModelNotReady
    request_state(request.scope).model_digest = runtime.bundle.digest
    return runtime


async def get_settings(request: Request) -> Settings:
    """The app's settings."""
    return service_state(request.app).settings


async def get_metrics(request: Request) -> Metrics:
    """The app's metrics."""
    return service_state(request.app).metrics


async def get_upload_budget(request: Request) -> UploadBudget:
    """The app's budget of bytes for uploads."""
    return service_state(request.app).upload_budget


async def get_request_state(request: Request) -> RequestState:
    """The state of the request."""
    return request_state(request.scope)


TheRuntime = Annotated[Runtime, Depends(get_runtime)]
TheSettings = Annotated[Settings, Depends(get_settings)]
TheMetrics = Annotated[Metrics, Depends(get_metrics)]
TheUploadBudget = Annotated[UploadBudget, Depends(get_upload_budget)]
TheRequest = Annotated[RequestState, Depends(get_request_state)]
