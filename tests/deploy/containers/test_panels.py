"""The dashboard on the Prometheus of the compose file, which scrapes with its own API key."""

import pytest

from tests.deploy.containers.stack import Stack
from tests.deploy.dashboard import Prometheus, Target, targets, wait_for_data
from tests.deploy.live import send_traffic

TRAFFIC_S = 20.0
# As Grafana makes it of a scrape interval of 5 s.
RATE_INTERVAL = "20s"
# Rules of the drift are evaluated once a minute.
WAIT_S = 150.0


@pytest.fixture(scope="module")
def prometheus(stack: Stack) -> Prometheus:
    """The stack's own, which has seen traffic of every kind and a reload of the model."""
    scopes = ("--scope", "diagnose", "--scope", "queries:write")
    key = stack.new_key("traffic", *scopes, "--rate-limit", "100000/minute")
    with stack.client(key) as client:
        assert send_traffic(client, TRAFFIC_S, stack.reload) > 1
    return Prometheus(stack.prometheus_url)


@pytest.mark.parametrize("target", targets().values(), ids=targets())
def test_range_query_of_every_panel_returns_data(prometheus: Prometheus, target: Target) -> None:
    wait_for_data(prometheus, target, RATE_INTERVAL, WAIT_S)


def test_service_is_scraped_and_no_alert_fires(prometheus: Prometheus) -> None:
    (up,) = prometheus.query('up{job="cardioquery"}')
    assert up["value"][1] == "1"
    assert prometheus.query('ALERTS{alertstate="firing"}') == []
