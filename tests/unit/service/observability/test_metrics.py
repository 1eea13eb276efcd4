from prometheus_client import Gauge

from service.engine.queries.embeddings import Lookups
from service.observability.metrics import Metrics


def test_every_metric_is_there() -> None:
    metrics = Metrics()
    metrics.stages({"parse": 0.004, "total": 12.0})
    metrics.request("/diagnose", "POST", 200, 0.3)
    metrics.error("overloaded")
    metrics.lookups(Lookups(known=1, process=0, shared=2, made=1))
    metrics.warnings(["flat_lead", "flat_lead"])
    metrics.findings({"known": 2, "near": 1})
    metrics.model("name", "1", "a" * 64)
    metrics.waiting.inc()
    metrics.queue_limits(running=2, waiting=64)
    metrics.build("1.2.3", "3.11.7")
    metrics.expect_problems(["deadline-exceeded"])
    text = metrics.render().decode()
    for line in (
        'cardioquery_stage_seconds_bucket{le="0.005",stage="parse"} 1.0',
        'cardioquery_stage_seconds_bucket{le="10.0",stage="total"} 0.0',
        'cardioquery_requests_total{method="POST",route="/diagnose",status="200"} 1.0',
        'cardioquery_errors_total{type="overloaded"} 1.0',
        'cardioquery_query_embeddings_total{result="hit"} 3.0',
        'cardioquery_query_embeddings_total{result="miss"} 1.0',
        'cardioquery_embedding_cache_total{level="process"} 0.0',
        'cardioquery_embedding_cache_total{level="redis"} 2.0',
        'cardioquery_embedding_cache_total{level="none"} 1.0',
        "cardioquery_redis_up 1.0",
        'cardioquery_quality_warnings_total{code="flat_lead"} 2.0',
        'cardioquery_findings_total{familiarity="near"} 1.0',
        f'cardioquery_model_info{{digest="{"a" * 64}",name="name",version="1"}} 1.0',
        "cardioquery_queue_waiting 1.0",
        'cardioquery_request_seconds_bucket{le="0.25",method="POST",route="/diagnose",'
        'status_class="2xx"} 0.0',
        'cardioquery_request_seconds_bucket{le="0.5",method="POST",route="/diagnose",'
        'status_class="2xx"} 1.0',
        'cardioquery_queue_limit{kind="waiting"} 64.0',
        'cardioquery_build_info{python="3.11.7",version="1.2.3"} 1.0',
        'cardioquery_errors_total{type="deadline-exceeded"} 0.0',
        "cardioquery_queue_running 0.0",
    ):
        assert line in text


def test_only_the_model_in_use_is_named() -> None:
    metrics = Metrics()
    metrics.model("name", "1", "a")
    metrics.model("name", "2", "b")
    metrics.reload("done")
    text = metrics.render().decode()
    assert text.count("cardioquery_model_info{") == 1
    assert 'digest="b"' in text
    assert 'cardioquery_model_reloads_total{result="done"} 1.0' in text


def test_two_apps_in_one_process_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.error("overloaded")
    assert b"overloaded" not in other.render()


def test_counters_stand_at_zero_before_they_are_needed() -> None:
    text = Metrics().render().decode()
    assert 'cardioquery_query_embeddings_total{result="miss"} 0.0' in text
    assert 'cardioquery_findings_total{familiarity="unseen"} 0.0' in text


def test_memory_and_cpu_of_the_process_are_there() -> None:
    text = Metrics().render().decode()
    assert "process_resident_memory_bytes " in text
    assert "process_cpu_seconds_total " in text


def test_every_gauge_says_how_workers_are_put_together() -> None:
    # The default, one series for each process that ever was, would name the dead for ever.
    gauges = [c for c in Metrics().registry._collector_to_names if isinstance(c, Gauge)]
    assert len(gauges) > 3
    assert [g for g in gauges if not g._multiprocess_mode.startswith("live")] == []


def test_faults_of_access_control_are_counted() -> None:
    metrics = Metrics()
    metrics.access.audit_failures.inc()
    text = metrics.render().decode()
    assert "cardioquery_audit_failures_total 1.0" in text
    assert "cardioquery_key_file_faults_total 0.0" in text
    assert "cardioquery_rate_limit_fallbacks_total 0.0" in text
