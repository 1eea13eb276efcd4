"""Which tracer the settings ask for."""

from service.metrics import Metrics
from service.settings import Settings
from service.tracing.spans import ContextOnly, Tracer


class TracingUnavailable(Exception):
    """Traces are to be exported, but what exports them is not installed."""


def make_tracer(settings: Settings, version: str, metrics: Metrics) -> Tracer:
    """The tracer; without an endpoint, the exporter is not even imported.

    Raises:
        TracingUnavailable: There is an endpoint, but the extra `otel` is not installed.
    """
    if settings.otlp_endpoint is None:
        return ContextOnly()
    try:
        from service.tracing.otlp import OtlpTracer
    except ImportError:
        raise TracingUnavailable(
            "CARDIOQUERY_OTLP_ENDPOINT needs the extra otel: pip install 'cardioquery[otel]'"
        ) from None
    return OtlpTracer(settings.otlp_endpoint, version, metrics.spans_exported)
