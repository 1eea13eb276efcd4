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
from service.access.headers import ResponseHeadersMiddleware
from service.access.running import RunningMiddleware
from service.api.error_responses import add_error_handlers
from service.api.guards import guards_of
from service.api.openapi import describe
from service.api.pages.docs_page import add_docs_page
from service.api.problems import PROBLEM_TYPES
from service.api.routes import ROUTERS
from service.api.telemetry import REQUEST_ID_HEADER, TelemetryMiddleware
from service.errors import ProviderUnavailable, StoreUnavailable, TracingUnavailable
from service.observability.metrics import Metrics
from service.observability.tracing.context import PARENT_HEADER, RESPONSE_HEADER, STATE_HEADER
from service.observability.tracing.spans import ContextOnly, Tracer
from service.runtime.assembly import RuntimeLoader, RuntimeReloader, load_runtime, reload_runtime
from service.runtime.reload import announce_model
from service.runtime.state import ServiceState, attach_service_state, service_state
from service.runtime.upload_budget import UploadBudget
from service.settings import Settings

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
    app = FastAPI(
        version=_version(),
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        # They would name whatever host and scheme the request states.
        redirect_slashes=False,
    )
    metrics = metrics or Metrics()
    metrics.expect_problems(kind.slug for kind in PROBLEM_TYPES.values())
    metrics.build(app.version, platform.python_version())
    audit = AuditLog(
        settings.audit_log, settings.audit_client_address, metrics.access.audit_failures.inc
    )
    state = ServiceState(
        settings,
        metrics,
        load,
        reload,
        AccessControl(settings, metrics, audit.write_key_change),
        audit,
        UploadBudget(settings.max_uploads_bytes, left_for_others=settings.max_upload_bytes),
    )
    attach_service_state(app, state)
    _add_middleware(app, state)
    add_error_handlers(app)
    guards = guards_of(ROUTERS)
    for router in ROUTERS:
        app.include_router(router)
    add_docs_page(app)
    describe(app, guards, keyed=state.access.asks_for_keys)
    return app


def _add_middleware(app: FastAPI, state: ServiceState) -> None:
    """From the inside to the outside."""
    app.add_middleware(RunningMiddleware, running=state.access.running)
    app.add_middleware(AuditMiddleware, audit=state.audit)
    app.add_middleware(TelemetryMiddleware, metrics=state.metrics, tracer=lambda: state.tracer)
    if origins := state.settings.cors_allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=("GET", "POST", "DELETE"),
            allow_headers=(
                "Authorization",
                "Content-Type",
                REQUEST_ID_HEADER,
                PARENT_HEADER,
                STATE_HEADER,
            ),
            expose_headers=(
                "Location",
                "RateLimit",
                "Retry-After",
                REQUEST_ID_HEADER,
                RESPONSE_HEADER,
            ),
        )
    app.add_middleware(ResponseHeadersMiddleware)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state = service_state(app)
    # Chosen now, for good: once this folder is full, recordings must not go to another one.
    gettempdir()
    try:
        state.tracer = _tracer(state, app.version)
        runtime = await asyncio.to_thread(state.load, state.settings, state.metrics)
    except Exception as error:
        # No request has been seen yet, so the message can hold nobody's data.
        _log.critical("refusing to start: %s: %s", type(error).__name__, _what_to_do(error))
        raise
    state.runtime = runtime
    announce_model(runtime, state.metrics)
    if runtime.redis is not None:
        state.access.rates.share(runtime.redis, state.settings.redis_key_prefix)
    _log.info("ready")
    try:
        yield
    finally:
        runtime, state.runtime = state.runtime or runtime, None
        await asyncio.to_thread(runtime.close)
        state.access.close()
        state.audit.close()
        await asyncio.to_thread(state.tracer.close)


def _tracer(state: ServiceState, version: str) -> Tracer:
    """The tracer; without an endpoint, the exporter is not even imported.

    Raises:
        TracingUnavailable: There is an endpoint, but the extra `otel` is not installed.
    """
    if state.settings.otlp_endpoint is None:
        return ContextOnly()
    try:
        from service.observability.tracing.otlp import OtlpTracer
    except ImportError:
        raise TracingUnavailable(
            "CARDIOQUERY_OTLP_ENDPOINT needs the extra otel: pip install 'cardioquery[otel]'"
        ) from None
    return OtlpTracer(state.settings.otlp_endpoint, version, state.metrics.spans_exported)


def _version() -> str:
    try:
        return version("cardioquery")
    except PackageNotFoundError:
        return "0+unknown"


def _what_to_do(error: Exception) -> str:
    """The error and, where the settings can mend it, which of them."""
    advice = next((text for kind, text in _ADVICE.items() if isinstance(error, kind)), "")
    return f"{error.__cause__ or error}{advice}"
