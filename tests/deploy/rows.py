"""The dashboard's rows."""

import json
import re
from dataclasses import dataclass
from typing import Any

from tests.deploy.dashboard import DASHBOARD


@dataclass(frozen=True)
class Row:
    """A titled row of panels."""

    title: str
    panels: list[dict[str, Any]]

    @property
    def slug(self) -> str:
        """Its title as a file's name."""
        return re.sub(r"[^a-z]+", "-", self.title.lower())


def rows() -> list[Row]:
    """All rows, from top to bottom."""
    found: list[Row] = []
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        if panel["type"] == "row":
            found.append(Row(panel["title"], []))
        else:
            found[-1].panels.append(panel)
    return found
