"""Measure, within a time limit, and write JSON: `python -m gpu_check --out gpu.json`.

Each part is a process of its own: one that fails, hangs or runs out of memory costs its own figures
only. The file is written anew after each part, so that it is whole whenever the machine goes away.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from .machine import describe
from .serving import parity, throughput
from .training import loading, train

FORMAT = 1
_SPARE_S = 5.0

Part = Callable[[Path, torch.device, bool], dict[str, Any]]

# In the order of their worth: what time does not suffice for is at the end.
PARTS: dict[str, Part] = {
    "parity": lambda folder, device, small: parity(folder, device),
    "throughput": lambda folder, device, small: throughput(folder, device, small=small),
    "training": lambda f, d, small: train(f, d, small=small, precision="bfloat16"),
    "loading": lambda folder, device, small: loading(folder, device, small=small),
    "training_compiled": lambda f, d, small: train(
        f, d, small=small, precision="bfloat16", compiled=True
    ),
    "training_float32": lambda f, d, small: train(f, d, small=small, precision="float32"),
}


def check(arguments: argparse.Namespace, run_part: Callable[[str, float], Any]) -> bool:
    """Run the parts while there is time, and write what they found; whether all were run.

    Args:
        arguments: Of `main`.
        run_part: Takes a part's name and the seconds that it has; returns what it found.
    """
    ends_s = time.monotonic() + 60 * arguments.minutes - _SPARE_S
    document = {
        "format": FORMAT,
        "small": arguments.small,
        "machine": describe(_device(arguments.device)),
        "carried": json.loads((arguments.folder / "carried.json").read_text()),
        "parts": {name: {"skipped": "not reached"} for name in PARTS},
    }
    for name in PARTS:
        left_s = ends_s - time.monotonic()
        begun_s = time.monotonic()
        found = run_part(name, left_s) if left_s > 0 else {"skipped": "no time was left"}
        took = {"took_s": round(time.monotonic() - begun_s, 1)}
        document["parts"][name] = {**found, **took}
        arguments.out.write_text(json.dumps(document, indent=2) + "\n")
    return all("skipped" not in found for found in document["parts"].values())


def in_a_process(arguments: argparse.Namespace, name: str, left_s: float) -> dict[str, Any]:
    """Run one part in a process of its own, for so many seconds at the most."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "part.json"
        command = [
            sys.executable, "-m", str(__package__), "--part", name, "--folder", arguments.folder,
            "--device", arguments.device, "--out", out, *(["--small"] if arguments.small else []),
        ]  # fmt: skip
        try:
            ended = subprocess.run(  # noqa: S603 - this program itself
                command, timeout=left_s, capture_output=True, text=True
            )
        except subprocess.TimeoutExpired:
            return {"skipped": f"not done within the {left_s:.0f} s that were left"}
        if ended.returncode:
            last = (ended.stderr.strip().splitlines() or ["nothing was said"])[-1]
            return {"skipped": f"ended with {ended.returncode}: {last[:300]}"}
        found: dict[str, Any] = json.loads(out.read_text())
        return found


def _device(name: str) -> torch.device:
    if name != "auto":
        return torch.device(name)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def main() -> int:
    """Measure; 1 if a part was skipped."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, default=Path(), help="what gpu_carry wrote (.)")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--device", default="auto", help="cuda, cpu; auto: a GPU if any")
    parser.add_argument("--minutes", type=float, default=8.0, help="no longer than this (8)")
    parser.add_argument("--small", action="store_true", help="small batches: a try, no figures")
    parser.add_argument("--part", choices=PARTS, help="this one alone, in this process")
    arguments = parser.parse_args()
    if arguments.part:
        found = PARTS[arguments.part](arguments.folder, _device(arguments.device), arguments.small)
        arguments.out.write_text(json.dumps(found, indent=2) + "\n")
        return 0
    whole = check(arguments, partial(in_a_process, arguments))
    sys.stdout.write(f"{arguments.out}: {'all parts' if whole else 'not all parts were run'}\n")
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
