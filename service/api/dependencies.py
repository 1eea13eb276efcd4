"""What routes ask for; everything hangs on the app, nothing is global.

All of it is asynchronous without waiting for anything: FastAPI would run plain functions in
threads, and each such detour waits for the interpreter's lock while diagnoses run.
"""

from typing import Annotated

from fastapi import Depends, Request

from ecg_core.errors import ModelNotReady
from service.api.bodies import UploadBudget
from service.metrics import Metrics
from service.runtime import Runtime
from service.settings import Settings


async def get_runtime(request: Request) -> Runtime:
    """The runtime that the lifespan loaded.

    Raises:
        ModelNotReady: It is not there yet, or no more.
    """
    runtime: Runtime | None = request.app.state.runtime
    if runtime is None:
        raise ModelNotReady
    # For the audit log: the model that answers this request, whatever is loaded later.
    request.state.model_digest = runtime.bundle.digest
    return runtime


async def get_settings(request: Request) -> Settings:
    """The app's settings."""
    settings: Settings = request.app.state.settings
    return settings


async def get_metrics(request: Request) -> Metrics:
    """The app's metrics."""
    metrics: Metrics = request.app.state.metrics
    return metrics


async def get_upload_budget(request: Request) -> UploadBudget:
    """The app's budget of bytes for uploads."""
    budget: UploadBudget = request.app.state.upload_budget
    return budget


TheRuntime = Annotated[Runtime, Depends(get_runtime)]
TheSettings = Annotated[Settings, Depends(get_settings)]
TheMetrics = Annotated[Metrics, Depends(get_metrics)]
TheUploadBudget = Annotated[UploadBudget, Depends(get_upload_budget)]
