"""The capacity plan's formula, and that the page holds what was measured."""

from dataclasses import replace

from tests.benchmarks.capacity import PAGE, Cost, plan, read_cost, with_tables

COST = Cost(
    service_cpu_s=0.028,
    resident_mib=345.0,
    upload_bytes=125_000,
    answer_bytes=5_000,
    redis_calls=2.0,
    redis_cpu_s=0.00001,
    condition_bytes=4_000,
    text_bytes=2_000,
)


def test_replicas_leave_room_and_one_may_fail() -> None:
    # 100 x 0.028 / 0.7 = 4 cores.
    assert plan(100, COST).replicas == 5
    assert plan(101, COST).replicas == 6


def test_two_replicas_are_the_least() -> None:
    assert plan(1, COST).replicas == 2
    assert plan(1, replace(COST, service_cpu_s=0.0)).replicas == 2


def test_the_rest_follows_from_the_rate() -> None:
    at_100 = plan(100, COST)
    assert at_100.memory_gib == 5 * 640 / 1024
    assert at_100.redis_calls_per_s == 200.0
    assert round(at_100.redis_cores, 6) == 0.002
    assert at_100.megabits_in == 100.0
    assert round(at_100.euros_per_month, 2) == round((5 * 0.04 + 3.125 * 0.005) * 730, 2)


def test_the_page_holds_what_was_measured() -> None:
    page = PAGE.read_text()
    assert with_tables(page, read_cost()) == page
    assert with_tables(page, COST) != page
