"""The application: `create_app(settings)`. Its lifespan loads and warms the model."""

import asyncio
import logging
import platform
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from tempfile import gettempdir

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from ecg_core.errors import InvalidBundle
from service.access.audit import AuditLog, AuditMiddleware
from service.access.control import AccessControl
from service.access.guards import guards_of
from service.access.headers import ResponseHeadersMiddleware
from service.api.bodies import UploadBudget
from service.api.docs_page import add_docs_page
from service.api.openapi import describe
from service.api.routes import ROUTERS
from service.errors import PROBLEM_TYPES, add_error_handlers
from service.idempotency.memory import MemoryRecords
from service.idempotency.turns import REPLAYED_HEADER, STORED_HEADER
from service.inference.protocols import ProviderUnavailable
from service.metrics import Metrics
from service.queries.store import StoreUnavailable
from service.reload import announce_model
from service.runtime import RuntimeLoader, RuntimeReloader, load_runtime, reload_runtime
from service.settings import Settings
from service.telemetry import REQUEST_ID_HEADER, TelemetryMiddleware
from service.tracing.choice import make_tracer
from service.tracing.context import PARENT_HEADER, RESPONSE_HEADER, STATE_HEADER
from service.tracing.spans import ContextOnly

_log = logging.getLogger(__name__)

_ADVICE: dict[type[Exception], str] = {
    InvalidBundle: "; CARDIOQUERY_BUNDLE_DIR has to name a bundle just as it was exported",
    ProviderUnavailable: "; install the onnxruntime that has it, or change CARDIOQUERY_PROVIDERS",
    StoreUnavailable: "; without Redis, CARDIOQUERY_STORE_PATH has to lie where it may be written",
}


def create_app(
    settings: Settings,
    load: RuntimeLoader = load_runtime,
    reload: RuntimeReloader = reload_runtime,
    metrics: Metrics | None = None,
) -> FastAPI:
    """The service as an ASGI application; it answers once its lifespan has started.

    Args:
        settings: Its options.
        load: Puts together what answers requests; tests hand over their own.
        reload: Does so again for another bundle.
        metrics: Where it counts; by default by itself.
    """
    app = FastAPI(version=_version(), lifespan=_lifespan, docs_url=None, redoc_url=None)
    app.state.settings = settings
    app.state.load = load
    app.state.reload = reload
    app.state.metrics = metrics = metrics or Metrics()
    metrics.expect_problems(kind.slug for kind in PROBLEM_TYPES.values())
    metrics.build(app.version, platform.python_version())
    app.state.access = AccessControl(settings, metrics)
    app.state.audit = _audit_log(settings, metrics)
    app.state.upload_budget = UploadBudget(settings.max_uploads_bytes)
    app.state.records = MemoryRecords(
        settings.idempotency_max_records, settings.idempotency_max_bytes
    )
    app.state.runtime = None
    app.state.draining = False
    app.state.tracer = ContextOnly()
    _add_middleware(app, settings)
    add_error_handlers(app)
    guards = guards_of(ROUTERS)
    for router in ROUTERS:
        app.include_router(router)
    add_docs_page(app)
    describe(app, guards)
    return app


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """From the inside to the outside."""
    app.add_middleware(AuditMiddleware, audit=app.state.audit)
    app.add_middleware(
        TelemetryMiddleware, metrics=app.state.metrics, tracer=lambda: app.state.tracer
    )
    if settings.cors_allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_allowed_origins,
            allow_methods=("GET", "POST", "DELETE"),
            allow_headers=(
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                REQUEST_ID_HEADER,
                PARENT_HEADER,
                STATE_HEADER,
            ),
            expose_headers=(
                "Location",
                "RateLimit",
                "Retry-After",
                REPLAYED_HEADER,
                STORED_HEADER,
                REQUEST_ID_HEADER,
                RESPONSE_HEADER,
            ),
        )
    app.add_middleware(ResponseHeadersMiddleware)


def _audit_log(settings: Settings, metrics: Metrics) -> AuditLog:
    return AuditLog(
        settings.audit_log, settings.audit_client_address, metrics.access.audit_failures.inc
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state = app.state
    state.reloading = asyncio.Lock()
    # Chosen now, for good: once this folder is full, recordings must not go to another one.
    gettempdir()
    try:
        state.tracer = make_tracer(state.settings, app.version, state.metrics)
        state.runtime = await asyncio.to_thread(state.load, state.settings, state.metrics)
    except Exception as error:
        # No request has been seen yet, so the message can hold nobody's data.
        _log.critical("refusing to start: %s: %s", type(error).__name__, _what_to_do(error))
        raise
    announce_model(state)
    if state.runtime.redis is not None:
        state.access.rates.share(state.runtime.redis, state.settings.redis_key_prefix)
    _log.info("ready")
    try:
        yield
    finally:
        runtime, state.runtime = state.runtime, None
        await asyncio.to_thread(runtime.close)
        state.access.close()
        state.audit.close()
        await asyncio.to_thread(state.tracer.close)


def _version() -> str:
    try:
        return version("cardioquery")
    except PackageNotFoundError:
        return "0+unknown"


def _what_to_do(error: Exception) -> str:
    """What is wrong and, where the settings can mend it, which of them."""
    advice = next((text for kind, text in _ADVICE.items() if isinstance(error, kind)), "")
    return f"{error.__cause__ or error}{advice}"
