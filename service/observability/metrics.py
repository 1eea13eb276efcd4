"""Prometheus metrics of one app. Labels have few values, and none comes from the caller."""

from collections import Counter as Counts
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ecg_core.quality import QualityWarningCode
from ecg_core.recording import NoteCode
from service.engine.queries.embeddings import Lookups
from service.observability.answer_metrics import AnswerMetrics
from service.observability.worker_metrics import process_metrics, reserve_room, shared_registry

STAGE_BUCKETS_S = (
    0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
REDIS_BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0)
# 0.5 s is the bound of the latency objective: a bucket has to end there.
REQUEST_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def method_label(method: str) -> str:
    """The method of a request, if it is one of HTTP's: any other is the caller's own text."""
    return method if method in _METHODS else "other"


class Metrics:
    """The metrics of one app, in a registry of their own: several apps can share a process.

    Args:
        shared: Folder in which the service's worker processes count together; None: there is one
            process, which keeps its counts to itself.
    """

    def __init__(self, shared: Path | None = None) -> None:
        self.registry = CollectorRegistry()
        self._read_from = self.registry if shared is None else shared_registry(shared)
        if shared is None:
            process_metrics(self.registry)
        else:
            reserve_room(shared)
        self._stages = self._histogram(
            "stage_seconds", "Time of each stage of a diagnosis", STAGE_BUCKETS_S, "stage"
        )
        self._requests = self._counter(
            "requests", "Requests by route, method and status", "route", "method", "status"
        )
        self._request_seconds = self._histogram(
            "request_seconds",
            "Time from a request's head to the end of its answer",
            REQUEST_BUCKETS_S,
            *("route", "method", "status_class"),
        )
        self._errors = self._counter("errors", "Problems by type", "type")
        self._embeddings = self._counter(
            "query_embeddings", "Query embeddings that were at hand or had to be made", "result"
        )
        self._levels = self._counter(
            "embedding_cache", "Embeddings of free texts by the cache that held them", "level"
        )
        self._warnings = self._counter(
            "quality_warnings", "Warnings about recordings and queries that were scored", "code"
        )
        self._findings = self._counter(
            "findings", "Findings by how familiar the model is with the query", "familiarity"
        )
        self._batch_recordings = self._counter(
            "batch_recordings", "Recordings of batches by the status of their answer", "status"
        )
        self._spans = self._counter(
            "spans_exported", "Spans by whether the collector took them", "result"
        )
        self.access = AccessMetrics(self._counter)
        self._model = self._gauge(
            "model_info", "1 for the model in use", "livemax", "name", "version", "digest"
        )
        self._model_labels: tuple[str, ...] = ()
        self._reloads = self._counter(
            "model_reloads", "Reloads of the bundle by how they went", "result"
        )
        self.waiting = self._gauge("queue_waiting", "Diagnoses waiting for their turn", "livesum")
        self.running = self._gauge("queue_running", "Diagnoses being computed", "livesum")
        self._queue_limit = self._gauge(
            "queue_limit", "Most diagnoses that may run or wait at once", "livesum", "kind"
        )
        self._replaced = self._gauge(
            "workers_replaced",
            "Worker processes that were replaced since the start: hung, or died by themselves",
            "livemax",
            "reason",
        )
        self.workers_replaced(0, 0)
        self._build = self._gauge("build_info", "1 for the build", "livemax", "version", "python")
        self.answers = AnswerMetrics(self.registry)

        self._redis_up = self._gauge(
            "redis_up",
            "0 while Redis does not answer; 1 also where there is none",
            "livemin",
        )
        self._redis_up.set(1)
        self._redis_seconds = self._histogram(
            "redis_seconds", "Time of each call of Redis", REDIS_BUCKETS_S, "operation"
        )
        self._redis_errors = self._counter(
            "redis_errors", "Calls of Redis that failed, by operation", "operation"
        )

        self.lookups(Lookups())
        self.findings(dict.fromkeys(("known", "near", "unseen"), 0))
        for code in (*QualityWarningCode, *NoteCode):
            self._warnings.labels(code.value)
        for result in ("done", "unchanged", "failed"):
            self._reloads.labels(result)

    def request(self, route: str, method: str, status: int, duration_s: float) -> None:
        """Count a request that was answered, and how long that took."""
        label = method_label(method)
        self._requests.labels(route, label, str(status)).inc()
        self._request_seconds.labels(route, label, f"{status // 100}xx").observe(duration_s)

    def expect_problems(self, problems: Iterable[str]) -> None:
        """Start these types at zero, so that the first of them shows as a rise."""
        for problem in problems:
            self._errors.labels(problem)

    def error(self, problem: str) -> None:
        """Count a problem by its type."""
        self._errors.labels(problem).inc()

    def lookups(self, lookups: Lookups) -> None:
        """Count query embeddings that were at hand, and where those of free texts came from."""
        self._embeddings.labels("hit").inc(lookups.known + lookups.process + lookups.shared)
        self._embeddings.labels("miss").inc(lookups.made)
        self._levels.labels("process").inc(lookups.process)
        self._levels.labels("redis").inc(lookups.shared)
        self._levels.labels("none").inc(lookups.made)

    def redis_call(self, operation: str, seconds: float, *, failed: bool) -> None:
        """Observe a call of Redis."""
        self._redis_seconds.labels(operation).observe(seconds)
        self._redis_errors.labels(operation).inc(int(failed))

    def redis_reachable(self, reachable: bool) -> None:
        """Say whether Redis answers."""
        self._redis_up.set(reachable)

    def stages(self, durations_s: Mapping[str, float]) -> None:
        """Observe how long each stage took."""
        for stage, seconds in durations_s.items():
            self._stages.labels(stage).observe(seconds)

    def warnings(self, codes: Iterable[str]) -> None:
        """Count warnings by code."""
        for code in codes:
            self._warnings.labels(code).inc()

    def findings(self, familiarities: Mapping[str, int]) -> None:
        """Count findings by familiarity."""
        for familiarity, count in familiarities.items():
            self._findings.labels(familiarity).inc(count)

    def diagnosed(
        self,
        durations_s: Mapping[str, float],
        warning_codes: Iterable[str],
        familiarities: Iterable[str],
    ) -> None:
        """Count one diagnosis: its stages, its warnings, and the familiarity of each finding."""
        self.stages(durations_s)
        self.warnings(warning_codes)
        self.findings(Counts(familiarities))

    def batch_recording(self, status: int) -> None:
        """Count a recording of a batch that was answered."""
        self._batch_recordings.labels(str(status)).inc()

    def workers_replaced(self, hung: int, died: int) -> None:
        """Say how many workers were replaced since the start, by why."""
        self._replaced.labels("hung").set(hung)
        self._replaced.labels("died").set(died)

    def queue_limits(self, running: int, waiting: int) -> None:
        """Show what the queue's levels are to be measured by."""
        self._queue_limit.labels("running").set(running)
        self._queue_limit.labels("waiting").set(waiting)

    def build(self, version: str, python: str) -> None:
        """Name the build in use."""
        self._build.labels(version, python).set(1)

    def spans_exported(self, count: int, taken: bool) -> None:
        """Count spans that were sent to the collector."""
        self._spans.labels("taken" if taken else "lost").inc(count)

    def model(self, name: str, version: str, digest: str) -> None:
        """Name the model in use."""
        if self._model_labels:
            # Where processes count together, what is removed would stay in their folder.
            self._model.labels(*self._model_labels).set(0)
            self._model.remove(*self._model_labels)
        self._model_labels = (name, version, digest)
        self._model.labels(*self._model_labels).set(1)

    def reload(self, result: str) -> None:
        """Count a reload of the bundle: `done`, `unchanged` or `failed`."""
        self._reloads.labels(result).inc()

    def render(self) -> bytes:
        """All metrics in Prometheus' text format, of all worker processes."""
        return generate_latest(self._read_from)

    def _gauge(
        self,
        name: str,
        documentation: str,
        over_workers: Literal["livesum", "livemax", "livemin"],
        *labels: str,
    ) -> Gauge:
        return Gauge(
            f"cardioquery_{name}",
            documentation,
            labels,
            registry=self.registry,
            multiprocess_mode=over_workers,
        )

    def _histogram(
        self, name: str, documentation: str, buckets: Sequence[float], *labels: str
    ) -> Histogram:
        return Histogram(
            f"cardioquery_{name}", documentation, labels, buckets=buckets, registry=self.registry
        )

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(f"cardioquery_{name}", documentation, labels, registry=self.registry)


class AccessMetrics:
    """Failures of access control itself; what it refuses is counted with the problems."""

    def __init__(self, counter: Callable[[str, str], Counter]) -> None:
        self.rate_limit_fallbacks = counter(
            "rate_limit_fallbacks", "Requests counted by this process since Redis did not answer"
        )
        self.key_file_faults = counter(
            "key_file_faults", "Changes of the file of API keys that could not be read"
        )
        self.audit_failures = counter(
            "audit_failures", "Lines of the audit log that could not be written"
        )
