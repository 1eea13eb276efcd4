"""The place of a request in a trace, after W3C Trace Context; with the extra `otel`, its spans.

`context` reads and writes the headers, `spans` says what a span may hold, and `otlp`, the only
importer of OpenTelemetry, exports them.
"""
