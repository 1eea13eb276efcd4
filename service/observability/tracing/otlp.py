"""Export of spans to an OpenTelemetry collector, by OTLP over HTTP; needs the extra `otel`.

Spans go into a bounded queue, and a thread sends them. A collector that is down or slow costs
spans, never a request. The exporter takes headers and certificates from OpenTelemetry's own
variables (`OTEL_EXPORTER_OTLP_HEADERS`, `…_CERTIFICATE`).
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)
from opentelemetry.trace import Span as OtelSpan

from service.engine.stages import Stage
from service.observability.tracing.context import SAMPLED, TraceContext, new_context
from service.observability.tracing.spans import Attributes, Span, UnrecordedSpan

_QUEUE_SPANS = 4096
_SEND_WITHIN_S = 5.0
_CLOSE_WITHIN_S = 5.0
_NANOSECONDS = 1_000_000_000

# Told how many spans were exported, and whether the collector took them.
OnExport = Callable[[int, bool], None]


class OtlpTracer:
    """Begins spans that are exported.

    Args:
        endpoint: The collector's URL, without `/v1/traces`.
        version: Of this service.
        on_export: Told about every export.
    """

    def __init__(self, endpoint: str, version: str, on_export: OnExport) -> None:
        url = endpoint.rstrip("/") + "/v1/traces"
        exporter = _Counted(OTLPSpanExporter(url, timeout=_SEND_WITHIN_S), on_export)
        resource = Resource.create({"service.name": "cardioquery", "service.version": version})
        # Closed by the service, and never by the interpreter's end, which would wait.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, _QUEUE_SPANS))
        self._tracer = self._provider.get_tracer("cardioquery", version)

    def begin(self, caller: TraceContext | None) -> Span:
        """See `Tracer.begin`."""
        parent = None if caller is None else set_span_in_context(_remote(caller))
        span = self._tracer.start_span("request", parent, SpanKind.SERVER)
        made = span.get_span_context()
        if not made.is_valid:  # OpenTelemetry's own switches can turn it off
            return UnrecordedSpan(new_context() if caller is None else caller.child())
        context = TraceContext(
            f"{made.trace_id:032x}",
            f"{made.span_id:016x}",
            int(made.trace_flags),
            made.trace_state.to_header(),
        )
        return _Exported(context, span, self._child)

    def close(self) -> None:
        """See `Tracer.close`."""
        # It would wait half a minute for a collector that does not answer.
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(_CLOSE_WITHIN_S)

    def _child(self, name: str, parent: OtelSpan, start_ns: int, end_ns: int) -> None:
        context = set_span_in_context(parent)
        self._tracer.start_span(name, context, start_time=start_ns).end(end_ns)


class _Exported:
    """A span of OpenTelemetry's, under our protocol."""

    def __init__(
        self,
        context: TraceContext,
        span: OtelSpan,
        child: Callable[[str, OtelSpan, int, int], None],
    ) -> None:
        self.context = context
        self._span = span
        self._child = child

    def end(self, name: str, attributes: Attributes, stages: Iterable[Stage], failed: bool) -> None:
        """See `Span.end`."""
        # From the clock that stages are timed by to the one on the wall.
        offset_ns = time.time_ns() - round(time.perf_counter() * _NANOSECONDS)
        for stage in stages:
            start, end = (offset_ns + round(s * _NANOSECONDS) for s in (stage.started, stage.ended))
            self._child(stage.name, self._span, start, end)
        self._span.update_name(name)
        self._span.set_attributes({str(key): value for key, value in attributes.items()})
        if failed:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


class _Counted(SpanExporter):
    """Counts what another exporter sends."""

    def __init__(self, exporter: SpanExporter, on_export: OnExport) -> None:
        self._exporter = exporter
        self._on_export = on_export

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send and count."""
        result = self._exporter.export(spans)
        self._on_export(len(spans), result is SpanExportResult.SUCCESS)
        return result

    def shutdown(self) -> None:
        """Stop sending."""
        self._exporter.shutdown()


def _remote(caller: TraceContext) -> NonRecordingSpan:
    return NonRecordingSpan(
        SpanContext(
            int(caller.trace_id, 16),
            int(caller.span_id, 16),
            is_remote=True,
            trace_flags=TraceFlags(caller.flags & SAMPLED),
            trace_state=TraceState.from_header([caller.state] if caller.state else []),
        )
    )
