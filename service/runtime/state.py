"""All that an app knows while it runs; the lifespan and reloads exchange parts of it."""

import asyncio
from dataclasses import dataclass, field

from starlette.applications import Starlette

from service.access.audit import AuditLog
from service.access.control import AccessControl
from service.observability.metrics import Metrics
from service.observability.tracing.spans import ContextOnly, Tracer
from service.runtime.assembly import Runtime, RuntimeLoader, RuntimeReloader
from service.runtime.upload_budget import UploadBudget
from service.settings import Settings


@dataclass(slots=True)
class ServiceState:
    """The state of an app.

    Attributes:
        settings: Its options.
        metrics: Where it counts.
        load, reload: Put together what answers requests, at first and for another bundle.
        access: Admits requests.
        audit: Where it is written down who asked.
        upload_budget: Bytes of all uploads.
        tracer: Begins spans.
        runtime: What answers requests; None before the lifespan has begun and after its end.
        draining: Whether it is about to stop.
        reloading: Held while a model is exchanged.
    """

    settings: Settings
    metrics: Metrics
    load: RuntimeLoader
    reload: RuntimeReloader
    access: AccessControl
    audit: AuditLog
    upload_budget: UploadBudget
    tracer: Tracer = field(default_factory=ContextOnly)
    runtime: Runtime | None = None
    draining: bool = False
    reloading: asyncio.Lock = field(default_factory=asyncio.Lock)


def attach_service_state(app: Starlette, state: ServiceState) -> None:
    """Let the app's routes find its state."""
    app.state.service = state


def service_state(app: Starlette) -> ServiceState:
    """The app's state."""
    state: ServiceState = app.state.service
    return state
