"""Every metric stands in docs/operate/metrics.md, with its labels, and nothing else does."""

import re
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from service.observability.metrics import Metrics

PAGE = Path(__file__).resolve().parents[3] / "docs" / "operate" / "metrics.md"


def documented() -> dict[str, tuple[str, set[str]]]:
    """Kind and labels of each row of the table."""
    rows = re.findall(r"^\| `(cardioquery_\w+)` \| (\w+) \| (.*?) \|", PAGE.read_text(), re.M)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def exposed() -> dict[str, tuple[str, set[str]]]:
    """The same of what an app exposes."""
    found = {}
    for metric in Metrics().registry._collector_to_names:
        if isinstance(metric, MetricWrapperBase):
            (described,) = metric.describe()
            suffix = "_total" if described.type == "counter" else ""
            found[described.name + suffix] = (described.type, set(metric._labelnames))
    return found


def test_every_metric_is_documented_with_its_labels() -> None:
    assert documented() == exposed()
