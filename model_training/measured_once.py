"""The signs of many recordings, measured once and kept on disk."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import ecg_core.signs
from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.signs import measure_signs


def measured_once(
    windows: NDArray[np.float32], spec: PreprocessingSpec, cache: Path
) -> NDArray[np.float32]:
    """Measure every window, unless that was done before.

    Args:
        windows: Shape (recording, lead, sample), as `prepare` makes them.
        spec: What they were prepared with.
        cache: Folder for the values, keyed by windows, `spec` and the code that measures.

    Returns:
        Shape (recording, sign); see `measure_signs`.
    """
    digest = hashlib.sha256(spec.model_dump_json().encode())
    for module in sorted(Path(ecg_core.signs.__path__[0]).glob("*.py")):
        digest.update(module.read_bytes())
    digest.update(np.ascontiguousarray(windows).data)
    cached = cache / f"signs-{digest.hexdigest()[:16]}.npy"
    if not cached.exists():
        progress = tqdm(windows, desc="measuring signs", unit="rec", mininterval=2)
        measured = np.concatenate([measure_signs(window[np.newaxis], spec) for window in progress])
        cached.parent.mkdir(parents=True, exist_ok=True)
        partial = cached.with_suffix(".partial.npy")
        np.save(partial, measured)
        partial.rename(cached)
    stored: NDArray[np.float32] = np.load(cached)
    return stored
