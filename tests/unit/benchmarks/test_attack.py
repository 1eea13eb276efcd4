"""What `make attack` sends and how it judges, without a server."""

import socket
from math import inf

import pytest

from tests.benchmarks.attack import figures_of, table
from tests.benchmarks.attackers import KINDS
from tests.benchmarks.driver import BROKEN, Sample

URL, KEY = "http://127.0.0.1:1", "cqk_key"
BOUNDED = sorted(set(KINDS) - {"endless bodies", "idle connections", "largest uploads", "crumbs"})


def samples(took_s: float, status: int = 200) -> list[Sample]:
    return [Sample(0.0, took_s, status)] * 100


def sent(kind: str, number: int) -> bytes:
    here, there = socket.socketpair()
    with here, there:
        here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        KINDS[kind](number, URL, KEY)(here)
        here.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: there.recv(1 << 20), b""))


@pytest.mark.parametrize("kind", BOUNDED)
def test_each_member_of_a_kind_is_another_request(kind: str) -> None:
    bodies = [sent(kind, number).rpartition(b"boundary=")[2][40:] for number in range(4)]
    assert len(set(bodies)) == 4
    assert all(sent(kind, number).split(b" ")[0] in {b"POST", b"GET"} for number in range(2))


@pytest.mark.parametrize(
    ("beside", "health_s", "holds"),
    [
        (samples(0.014), 0.5, True),
        (samples(0.016), 0.5, False),
        (samples(0.010), 1.2, False),
        (samples(0.010), inf, False),
        ([*samples(0.010), Sample(0.0, 0.001, BROKEN)], 0.5, False),
        ([*samples(0.010), Sample(0.0, 0.001, 503)], 0.5, False),
    ],
)
def test_slow_lost_or_refused_requests_and_late_health_do_not_hold(
    beside: list[Sample], health_s: float, holds: bool
) -> None:
    found = figures_of(samples(0.010), beside, health_s, {"429": 3})
    assert found["holds"] is holds
    assert ("| yes |" in table({"a kind": {"the lowest": found}}, "make attack")) is holds
