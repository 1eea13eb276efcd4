"""docs/measured/benchmarks.json: each program writes its own keys and leaves the others alone."""

import json
import os
import platform
import re
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

DOCS = Path(__file__).resolve().parents[2] / "docs" / "measured"
OUTPUT, PAGE = DOCS / "benchmarks.json", DOCS / "benchmarks.md"

_MARKED = re.compile(r"(?<=<!-- measured -->\n).*?(?=\n<!-- end -->)", re.S)


def percentiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """`p50_ms`, `p95_ms` and `p99_ms` of durations."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else []
    at = {50: statistics.median(seconds), 95: seconds[0], 99: seconds[0]}
    at |= {percent: cuts[percent - 1] for percent in (95, 99) if cuts}
    return {f"p{percent}_ms": round(1000 * value, 2) for percent, value in at.items()}


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": psutil.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "onnxruntime": version("onnxruntime"),
    }


def between_marks(page: str, text: str) -> str:
    """The page with this text where measured figures stand."""
    return _MARKED.sub(lambda _: text, page)


def write_figures(
    command: str, figures: Mapping[str, Any], output: Path = OUTPUT
) -> dict[str, Any]:
    """Put a program's figures into the file, and note what made each of its keys.

    Args:
        command: What made them.
        figures: By key; what was there under these keys is replaced.
        output: The file; it need not be there.

    Returns:
        What the file holds now.
    """
    known = json.loads(output.read_text()) if output.exists() else {}
    made_by = {key: {"command": command} | machine() for key in figures}
    merged = {**known, **figures, "made_by": {**known.get("made_by", {}), **made_by}}
    output.write_text(json.dumps(merged, indent=2) + "\n")
    return merged
