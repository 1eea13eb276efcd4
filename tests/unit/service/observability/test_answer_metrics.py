import re

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from ecg_core.errors import Fault, FaultCode, InvalidQuery, Overloaded, UnusableRecording
from ecg_core.reference import (
    QUERY_SIMILARITY_BOUNDS,
    TOP_PROBABILITY_BOUNDS,
    Reference,
    reference_histogram,
)
from service.engine.diagnosis import AnswerStatistics
from service.observability.answer_metrics import AnswerMetrics


class Counting:
    """Metrics in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.answers = AnswerMetrics(self.registry)

    @property
    def text(self) -> str:
        return generate_latest(self.registry).decode()


@pytest.fixture
def counting() -> Counting:
    return Counting()


def a_reference() -> Reference:
    return Reference(
        top_probability=reference_histogram([0.25, 0.97], TOP_PROBABILITY_BOUNDS, "two"),
        query_similarity=reference_histogram([0.75, 0.8, 1.0], QUERY_SIMILARITY_BOUNDS, "three"),
    )


def test_what_an_answer_looked_like_is_counted(counting: Counting) -> None:
    counting.answers.scored(AnswerStatistics(True, True, 0.97, (0.2, 0.76)))
    counting.answers.scored(AnswerStatistics(False, False, None, ()))
    for line in (
        'cardioquery_recordings_total{verdict="good"} 1.0',
        'cardioquery_recordings_total{verdict="warned"} 1.0',
        'cardioquery_recordings_total{verdict="refused"} 0.0',
        'cardioquery_top_probability_bucket{asked="all",le="0.95"} 0.0',
        'cardioquery_top_probability_bucket{asked="all",le="0.99"} 1.0',
        'cardioquery_query_similarity_bucket{le="0.75"} 1.0',
        "cardioquery_query_similarity_count 2.0",
    ):
        assert line in counting.text
    assert 'cardioquery_top_probability_count{asked="chosen"} 0.0' in counting.text


def test_a_refused_recording_is_counted_with_each_reason_once(counting: Counting) -> None:
    flat = [Fault(FaultCode.FLAT_LEAD, "flat", lead) for lead in ("I", "II")]
    counting.answers.refused(UnusableRecording([*flat, Fault(FaultCode.TOO_SHORT, "short")]))
    assert 'cardioquery_recordings_total{verdict="refused"} 1.0' in counting.text
    assert 'cardioquery_faults_total{code="flat_lead"} 1.0' in counting.text
    assert 'cardioquery_faults_total{code="too_short"} 1.0' in counting.text


def test_every_reason_stands_at_zero_before_it_is_needed(counting: Counting) -> None:
    for code in FaultCode:
        assert f'cardioquery_faults_total{{code="{code}"}} 0.0' in counting.text


def test_a_wrong_query_refuses_no_recording(counting: Counting) -> None:
    counting.answers.refused(InvalidQuery.of(FaultCode.EMPTY_QUERY, "empty"))
    counting.answers.refused(Overloaded())
    counting.answers.refused(None)
    assert 'cardioquery_recordings_total{verdict="refused"} 0.0' in counting.text
    assert 'cardioquery_faults_total{code="empty_query"} 1.0' in counting.text


def test_uploads_are_counted_by_size(counting: Counting) -> None:
    counting.answers.upload(24_000)
    assert "cardioquery_upload_bytes_sum 24000.0" in counting.text
    assert 'cardioquery_upload_bytes_bucket{le="65536.0"} 1.0' in counting.text


def test_the_reference_is_shown_as_shares_at_each_bound(counting: Counting) -> None:
    counting.answers.reference(a_reference())
    assert 'cardioquery_reference_top_probability_share{le="0.2"} 0.0' in counting.text
    assert 'cardioquery_reference_top_probability_share{le="0.3"} 0.5' in counting.text
    assert 'cardioquery_reference_query_similarity_share{le="1.0"} 1.0' in counting.text


@pytest.mark.parametrize("name", ["top_probability", "query_similarity"])
def test_the_references_bounds_are_spelt_as_the_observed_ones(
    counting: Counting, name: str
) -> None:
    counting.answers.reference(a_reference())
    counting.answers.scored(AnswerStatistics(False, True, 0.5, ()))
    buckets = rf'cardioquery_{name}_bucket{{(?:asked="all",)?le="([^"]+)"'
    observed = re.findall(buckets, counting.text)
    shown = re.findall(rf'cardioquery_reference_{name}_share{{le="([^"]+)"', counting.text)
    assert [*shown, "+Inf"] == observed


def test_a_model_without_a_reference_shows_zeros(counting: Counting) -> None:
    counting.answers.reference(a_reference())
    counting.answers.reference(None)
    shares = re.findall(r"_share{.*} (.*)", counting.text)
    assert set(shares) == {"0.0"}
