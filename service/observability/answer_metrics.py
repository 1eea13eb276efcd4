"""Metrics of what was asked and answered: signal quality, and what would show a drift."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ecg_core.errors import (
    FaultCode,
    InputError,
    UnreadableRecording,
    UnsupportedFormat,
    UnusableRecording,
)
from ecg_core.reference import (
    QUERY_SIMILARITY_BOUNDS,
    TOP_PROBABILITY_BOUNDS,
    Reference,
    ReferenceHistogram,
)
from service.engine.diagnosis import AnswerStatistics

UPLOAD_BUCKETS_BYTES = tuple(4.0**power * 1024 for power in range(1, 9))

_REFUSED_RECORDING = (UnsupportedFormat, UnreadableRecording, UnusableRecording)

VERDICTS = ("good", "warned", "refused")
ASKED = ("all", "chosen")


class AnswerMetrics:
    """Counts recordings and answers in an app's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._recordings = Counter(
            "cardioquery_recordings",
            "Recordings by what the quality check made of them",
            ["verdict"],
            registry=registry,
        )
        self._faults = Counter(
            "cardioquery_faults", "Reasons for refusing input", ["code"], registry=registry
        )
        self._upload_bytes = Histogram(
            "cardioquery_upload_bytes",
            "Bytes of a request with recordings",
            buckets=UPLOAD_BUCKETS_BYTES,
            registry=registry,
        )
        self._top_probability = Histogram(
            "cardioquery_top_probability",
            "Highest probability of a recording over the trained conditions that were asked for",
            ["asked"],
            buckets=TOP_PROBABILITY_BOUNDS,
            registry=registry,
        )
        self._query_similarity = Histogram(
            "cardioquery_query_similarity",
            "Similarity of a free text to the closest trained condition",
            buckets=QUERY_SIMILARITY_BOUNDS,
            registry=registry,
        )
        self._reference_top_probability = _reference_gauge("top_probability", registry)
        self._reference_query_similarity = _reference_gauge("query_similarity", registry)
        self._start_at_zero()

    def _start_at_zero(self) -> None:
        """A series that is not there before its first count shows no rise when it comes."""
        for verdict in VERDICTS:
            self._recordings.labels(verdict)
        for code in FaultCode:
            self._faults.labels(code.value)
        for asked in ASKED:
            self._top_probability.labels(asked)

    def upload(self, size_bytes: int) -> None:
        """Observe the size of a request with recordings."""
        self._upload_bytes.observe(size_bytes)

    def scored(self, statistics: AnswerStatistics) -> None:
        """Count a recording that was answered, and what its answer looked like."""
        self._recordings.labels("warned" if statistics.poor_recording else "good").inc()
        for similarity in statistics.similarities:
            self._query_similarity.observe(similarity)
        if statistics.top_probability is not None:
            asked = ASKED[0] if statistics.asked_all else ASKED[1]
            self._top_probability.labels(asked).observe(statistics.top_probability)

    def refused(self, error: object) -> None:
        """Count why input was refused; other errors say nothing about it."""
        if isinstance(error, _REFUSED_RECORDING):
            self._recordings.labels("refused").inc()
        if isinstance(error, InputError):
            for code in sorted({fault.code.value for fault in error.faults}):
                self._faults.labels(code).inc()

    def reference(self, reference: Reference | None) -> None:
        """Show the model card's distributions beside those that are observed; None: zeros."""
        top_probability = reference.top_probability if reference else None
        query_similarity = reference.query_similarity if reference else None
        _show(self._reference_top_probability, TOP_PROBABILITY_BOUNDS, top_probability)
        _show(self._reference_query_similarity, QUERY_SIMILARITY_BOUNDS, query_similarity)


def _reference_gauge(name: str, registry: CollectorRegistry) -> Gauge:
    return Gauge(
        f"cardioquery_reference_{name}_share",
        "Share of the model card's reference at or below a bound; 0 everywhere: it has none",
        ["le"],
        registry=registry,
        multiprocess_mode="livemax",
    )


def _show(gauge: Gauge, bounds: tuple[float, ...], histogram: ReferenceHistogram | None) -> None:
    shares = histogram.cumulated_shares() if histogram else {}
    for bound in bounds:
        # Spelt as in the histogram, so that the two can be joined on it.
        gauge.labels(str(bound)).set(shares.get(bound, 0.0))
