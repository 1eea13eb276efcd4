"""The signs of many recordings, measured once and kept on disk."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import ecg_core.signs
from ecg_core.files import whole_file
from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.signs import signs_measured

_ROWS = 256


def measured_once(
    windows: NDArray[np.floating[Any]], spec: PreprocessingSpec, cache: Path
) -> NDArray[np.float32]:
    """Measure every window, unless that was done before.

    Args:
        windows: Shape (recording, lead, sample), as `prepare` makes them or a store keeps them.
        spec: What they were prepared with.
        cache: Folder for the values, keyed by windows, `spec` and the code that measures.

    Returns:
        Shape (recording, sign); see `signs_measured`.
    """
    digest = hashlib.sha256(spec.model_dump_json().encode())
    for module in sorted(Path(ecg_core.signs.__path__[0]).glob("*.py")):
        digest.update(module.read_bytes())
    for first in range(0, len(windows), _ROWS):  # they may be mapped from the disk
        digest.update(np.ascontiguousarray(windows[first : first + _ROWS]).data)
    cached = cache / f"signs-{digest.hexdigest()[:16]}.npy"
    if not cached.exists():
        progress = tqdm(windows, desc="measuring signs", unit="rec", mininterval=2)
        measured = np.concatenate([signs_measured(_one(window), spec) for window in progress])
        cached.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(cached) as stream:
            np.save(stream, measured)
    stored: NDArray[np.float32] = np.load(cached)
    return stored


def _one(window: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    return np.asarray(window, dtype=np.float32)[np.newaxis]
