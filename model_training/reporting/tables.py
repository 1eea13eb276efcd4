"""Markdown tables of the report, and what stands where a section's figures are missing."""

from collections.abc import Mapping
from typing import Any

Row = tuple[object, ...]
Results = Mapping[str, Any]

BASE = "as-configured"  # the variant that differs in nothing
_TARGETS = {"leave_out": "leave-out", "ablate": "ablate"}
RUN = "--config model_training/recipes/configs/ptbxl_tokens.yaml --shared ../shared/data"


def table(head: tuple[str, ...], rows: list[Row]) -> str:
    """A table; None is an empty cell."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        "| " + " | ".join("" if cell is None else str(cell) for cell in line) + " |"
        for line in lines
    )


def interval(figure: object, ci95: tuple[float, float], *, bold: bool = False) -> str:
    """A figure with its interval."""
    shown = f"**{figure}**" if bold else str(figure)
    return f"{shown} ({ci95[0]} to {ci95[1]})" if ci95[0] < 0 else f"{shown} ({ci95[0]}-{ci95[1]})"


def missing(title: str, program: str) -> str:
    """What stands where a program was not run."""
    return f"## {title}\n\n{not_measured(program)}"


def not_measured(program: str) -> str:
    """Which command makes it."""
    if program == "evaluate":
        return "Not measured yet: `make evaluate` does."
    if program in _TARGETS:
        return f"Not measured yet: `make {_TARGETS[program]}` does, and then `make evaluate`."
    arguments = "--shared ../shared" if program == "evaluate_entities" else RUN
    command = f"python -m model_training.recipes.{program} {arguments}"
    return f"Not measured yet: `{command}` does, and then `make evaluate` takes it in."
