"""What training sees of PTB-XL, as digests: recordings, folds, labels, windows, label sets.

python -m tests.benchmarks.compare_labels --shared ../shared/data [--write FILE] [--before FILE]

Without `--before` they are held against `labels.json`. Ids, folds, windows and label sets are those
of commit 07b162c; the labels that teach and those that are published are not, since broader
conditions are affirmed, doubt is not a yes, and no rhythm is denied without a rhythm statement.
`--write` keeps them. The status is 1 if any of them differs.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_training.data.labelled import LabelledRecordings
from model_training.run.config import Run, load_config
from model_training.run.recordings import CONFIGS, load_recordings

BEFORE = Path(__file__).with_name("labels.json")


def digests_of(recordings: LabelledRecordings) -> dict[str, str]:
    """SHA-256 of each part, in a form that no machine or library version changes."""
    parts: dict[str, Iterable[bytes]] = {
        "ecg_ids": [recordings.ecg_ids.astype("<i8").tobytes()],
        "folds": [recordings.folds.astype("<i8").tobytes()],
        "conditions": ["\n".join(recordings.conditions).encode()],
        "targets": [_three_ways(recordings.targets)],
        "published": [_three_ways(recordings.published)],
        "windows": (window.astype("<f4").tobytes() for window in recordings.windows),
    }
    for name, table in recordings.benchmark.items():
        ordered = table.sort_index()[sorted(table.columns)]
        parts[name] = [ordered.to_numpy("i1").tobytes()]
    return {name: _digest(content) for name, content in parts.items()}


def _three_ways(labels: NDArray[np.float32]) -> bytes:
    return np.where(np.isnan(labels), -1, labels).astype("i1").tobytes()


def _digest(content: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in content:
        digest.update(part)
    return digest.hexdigest()


def shipped_recordings(data: Path, runs: Path) -> LabelledRecordings:
    """The recordings of the shipped run; prepared into a store below `runs` if they are not."""
    return load_recordings(Run(load_config(CONFIGS / "ptbxl_tokens.yaml"), data, runs / "digests"))


def main() -> int:
    """Print what is the same and what is not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--before", type=Path, default=BEFORE)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    found = digests_of(shipped_recordings(arguments.shared, arguments.runs))
    if arguments.write:
        arguments.write.write_text(json.dumps(found, indent=1) + "\n")
    before = json.loads(arguments.before.read_text())
    same = {name: found.get(name) == before.get(name) for name in {**before, **found}}
    for name, is_same in same.items():
        sys.stdout.write(f"{name}: {'identical' if is_same else 'DIFFERENT'}\n")
    return 0 if all(same.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
