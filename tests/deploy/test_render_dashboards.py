"""Drawing the dashboard, from data made up here; the data itself is test_dashboards' matter."""

from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from tests.deploy.render_dashboards import OUTPUT, label, render, scaled
from tests.deploy.rows import Row, rows

MAX_PICTURES_BYTES = 400_000


def made_up(panel: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """One series for each target, of the shape that its kind of query returns."""
    found = []
    for target in panel["targets"]:
        one: dict[str, Any] = {"metric": {"le": "0.5", "instance": "a:8000"}}
        if target.get("instant"):
            one["value"] = [0, "0.25"]
        else:
            one["values"] = [[second, str(second)] for second in range(5)]
        found.append([one])
    return found


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.title)
def test_every_row_can_be_drawn_and_has_its_picture(row: Row) -> None:
    figure = render(row, {panel["id"]: made_up(panel) for panel in row.panels})
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    assert np.asarray(canvas.buffer_rgba()).std() > 0
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert len(titles) == len(row.panels)
    assert all(t.startswith(p["title"]) for t, p in zip(titles, row.panels, strict=True))
    assert (OUTPUT / f"{row.slug}.png").is_file()


def test_pictures_are_small_and_none_is_left_over() -> None:
    pictures = sorted(OUTPUT.iterdir())
    assert [path.stem for path in pictures] == sorted(row.slug for row in rows())
    assert sum(path.stat().st_size for path in pictures) < MAX_PICTURES_BYTES


def test_a_legend_is_filled_with_labels() -> None:
    assert label("{{method}} {{route}}", {"method": "GET", "route": "/model"}) == "GET /model"


def test_units_are_scaled() -> None:
    assert scaled("s") == (1000.0, "ms")
    assert scaled("reqps") == (1.0, "/s")
