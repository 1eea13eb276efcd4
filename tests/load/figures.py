"""docs/benchmarks.json, of which each program writes its own keys and leaves the others alone."""

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

OUTPUT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.json"


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


def write_figures(command: str, figures: Mapping[str, Any], output: Path = OUTPUT) -> None:
    """Put a program's figures into the file, and note what made each of its keys.

    Args:
        command: What made them.
        figures: By key; mappings are put together key by key, all else is replaced.
        output: The file; it need not be there.
    """
    known = json.loads(output.read_text()) if output.exists() else {}
    made_by = {key: {"command": command} | machine() for key in figures}
    merged = _merged(known, {**figures, "made_by": made_by})
    output.write_text(json.dumps(merged, indent=2) + "\n")


def _merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return new
    return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}
