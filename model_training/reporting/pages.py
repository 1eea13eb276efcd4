"""Figures as a file of their own, beside the report of a whole run."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from ecg_core.files import whole_file


def write_figures(file: Path, found: Mapping[str, object]) -> None:
    """Write figures as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(file) as stream:
        stream.write((json.dumps(found, indent=1) + "\n").encode())


def write_page(file: Path, title: str, command: str, sections: Sequence[str]) -> None:
    """Write the tables of figures as Markdown beside them.

    Args:
        file: That of the figures.
        title: Of the page.
        command: What makes both.
        sections: The page's, as Markdown.
    """
    text = "\n\n".join((f"# {title}", f"Made by `{command}`.", *sections))
    with whole_file(file.with_suffix(".md")) as stream:
        stream.write(f"{text}\n".encode())
