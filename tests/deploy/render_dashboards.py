"""Draws the dashboard's panels from a live service's data: `make dashboards`.

What Grafana would show, drawn by matplotlib: the same queries, titles and units.
"""

import argparse
import math
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.deploy.dashboard import DASHBOARD, Prometheus, expression
from tests.deploy.live import live_stack, send_traffic
from tests.deploy.rows import Row, rows

OUTPUT = DASHBOARD.parents[3] / "docs" / "operate" / "dashboards"
RATE_INTERVAL = "15s"
INCHES_PER_COLUMN = 0.52
INCHES_PER_LINE = 0.3
DPI = 72
MAX_LEGEND = 6
SCALES = {"s": (1000.0, "ms"), "percentunit": (100.0, "%"), "bytes": (2.0**-20, "MiB")}
UNITS = {"reqps": "/s", "cps": "/s", "none": ""}

Series = list[dict[str, Any]]


def scaled(unit: str) -> tuple[float, str]:
    """A factor for a Grafana unit, and what it is called then."""
    return SCALES.get(unit) or (1.0, UNITS[unit])


def label(legend: str, metric: dict[str, str]) -> str:
    """A series' name as Grafana makes it of the legend's template."""
    for name, value in metric.items():
        legend = legend.replace("{{" + name + "}}", value)
    return legend


def draw(axes: Axes, panel: dict[str, Any], found: list[Series]) -> None:
    """Draw a panel.

    Args:
        axes: Where.
        panel: The dashboard's panel.
        found: The series of each of its targets.
    """
    factor, unit = scaled(panel["fieldConfig"]["defaults"]["unit"])
    axes.set_title(panel["title"] + (f" [{unit}]" if unit else ""), fontsize=8, loc="left")
    axes.tick_params(labelsize=6)
    legends = [target["legendFormat"] for target in panel["targets"]]
    if panel["type"] == "stat":
        _draw_stat(axes, found[0], legends[0], factor, unit)
    elif panel["type"] == "barchart":
        _draw_bars(axes, found, legends, factor)
    else:
        _draw_lines(axes, found, legends, factor)


def _draw_stat(axes: Axes, series: Series, legend: str, factor: float, unit: str) -> None:
    axes.axis("off")
    value = factor * float(series[0]["value"][1])
    # A legend that is made of labels is what is to be read; the value only says that it is there.
    text = label(legend, series[0]["metric"]) if "{{" in legend else f"{value:.3g} {unit}"
    lines = [text[start : start + 34] for start in range(0, len(text), 34)]
    axes.text(0, 0.5, "\n".join(lines), fontsize=16 if len(text) < 12 else 8, va="center")


def _draw_bars(axes: Axes, found: list[Series], legends: list[str], factor: float) -> None:
    for place, (series, legend) in enumerate(zip(found, legends, strict=True)):
        shares = {one["metric"]["le"]: factor * float(one["value"][1]) for one in series}
        bounds = sorted(shares, key=float)
        axes.bar(
            [index + 0.4 * place for index in range(len(bounds))],
            [shares[bound] for bound in bounds],
            width=0.4,
            label=legend,
        )
        axes.set_xticks(range(len(bounds)), bounds)
    axes.legend(fontsize=6)


def _draw_lines(axes: Axes, found: list[Series], legends: list[str], factor: float) -> None:
    for series, legend in zip(found, legends, strict=True):
        for one in series:
            times = [float(moment) for moment, _ in one["values"]]
            values = [factor * float(value) for _, value in one["values"]]
            if not all(math.isnan(value) for value in values):
                name = label(legend, one["metric"])
                axes.plot([t - times[-1] for t in times], values, linewidth=1, label=name)
    drawn = [float(value) for line in axes.lines for value in line.get_ydata()]  # type: ignore[union-attr]
    top = max((value for value in drawn if not math.isnan(value)), default=0.0) or 1.0
    # A little below zero, where a line of zeros would otherwise be hidden by the frame.
    axes.set_ylim(-0.05 * top, 1.1 * top)
    handles, names = axes.get_legend_handles_labels()
    axes.legend(handles[:MAX_LEGEND], names[:MAX_LEGEND], fontsize=5, loc="lower left")


def render(row: Row, found: dict[int, list[Series]]) -> Figure:
    """All panels of a row, laid out as in Grafana.

    Args:
        row: Which.
        found: The series of each panel's targets, by the panel's id.
    """
    top = min(panel["gridPos"]["y"] for panel in row.panels)
    lines = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in row.panels) - top
    figure = Figure(figsize=(24 * INCHES_PER_COLUMN, lines * INCHES_PER_LINE + 0.3))
    grid = figure.add_gridspec(lines, 24, wspace=3.5, hspace=3.0, left=0.04, right=0.98)
    for panel in row.panels:
        place = panel["gridPos"]
        y, x = place["y"] - top, place["x"]
        cell = grid[y : y + place["h"] - 1, x : x + place["w"]]
        draw(figure.add_subplot(cell), panel, found[panel["id"]])
    return figure


def fetched(prometheus: Prometheus, panel: dict[str, Any], seconds: float) -> list[Series]:
    """The series of each of a panel's targets."""
    found = []
    for target in panel["targets"]:
        query = expression(target, RATE_INTERVAL)
        if target.get("instant"):
            found.append(prometheus.query(query))
        else:
            found.append(prometheus.query_range(query, seconds, step_s=2))
    return found


def main() -> None:
    """Watch a service for a while and draw what Prometheus saw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=90.0, help="time to send traffic")
    seconds: float = parser.parse_args().seconds
    if shutil.which("prometheus") is None:
        sys.exit("prometheus is not on PATH: install Debian's package prometheus")
    mpl.use("Agg")
    OUTPUT.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, live_stack(Path(folder)) as (server, prometheus):
        with server.client() as client:
            send_traffic(client, seconds, server.reload)
        for row in rows():
            found = {panel["id"]: fetched(prometheus, panel, seconds) for panel in row.panels}
            path = OUTPUT / f"{row.slug}.png"
            render(row, found).savefig(path, dpi=DPI, bbox_inches="tight")
            sys.stdout.write(f"{path.name}: {path.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
